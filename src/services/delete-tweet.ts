import { deleteTweet as markDeleted } from '../db/statements/delete-tweet.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/**
 * Deletes a tweet of one's own, or any as a moderator; again does nothing. What hangs on it follows by the outbox; its
 * replies stay. Throws `tweet_not_found`, or `forbidden` for a tweet that one may see but not delete.
 */
export async function deleteTweet(deps: Deps, viewer: Viewer, id: TweetId): Promise<void> {
  const isModerator = viewer.role !== 'user'
  const deleted = await deps.timed('db', () => markDeleted(deps.db, id, { id: viewer.id, isModerator }))
  if (deleted.outcome === 'gone') return
  if (deleted.outcome === 'not_found') throw new AppError('tweet_not_found')
  if (deleted.outcome !== 'deleted') throw new AppError(deleted.outcome)
  deps.defer(deps.queues.sendOutbox(deleted.outbox))
  deps.defer(deps.queues.sendFold(deleted.subjects))
  deps.freshness.tweets.forget(id)
  await tellOwnTimeline(deps, viewer.id, [{ type: 'retract', of: 'tweet', id }])
}
