import { deleteTweet as markDeleted } from '../db/statements/tweets.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/**
 * Deletes a tweet of one's own, or any as a moderator; again does nothing. Throws `tweet_not_found`, or
 * `forbidden` for a tweet that one may see but not delete.
 */
export async function deleteTweet(deps: Deps, viewer: Viewer, id: TweetId): Promise<void> {
  const isModerator = viewer.role !== 'user'
  const deleted = await deps.timed('db', () => markDeleted(deps.db, id, { id: viewer.id, isModerator }))
  if (deleted.outcome === 'gone') return
  if (deleted.outcome !== 'deleted') {
    throw new AppError(deleted.outcome === 'forbidden' ? 'forbidden' : 'tweet_not_found')
  }
  deps.defer(deps.queues.sendOutbox(deleted.outbox))
  const hashtags = deleted.hashtag_ids.map((hashtag) => ({ subject: 'hashtag' as const, id: hashtag }))
  deps.defer(deps.queues.sendFold([{ subject: 'user', id: deleted.author_id }, ...hashtags]))
  deps.freshness.forget(id)
  await tellOwnTimeline(deps, viewer.id, [{ type: 'retract', tweetId: id }])
}
