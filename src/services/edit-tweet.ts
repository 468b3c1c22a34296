import type { Tweet } from '../contracts/http/tweets.ts'
import { editTweet as writeVersion } from '../db/statements/edit-tweet.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import { EDIT_WINDOW_SECONDS, EDITS_MAX } from '../domain/limits.ts'
import { isBlank } from '../domain/tweet-text.ts'
import { presentTweet, serializeCard } from '../views/present-tweet.ts'
import { checkText } from './check-draft.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

const CLOSED = {
  poll: 'A tweet with a poll cannot be edited',
  too_late: `A tweet can be edited for ${EDIT_WINDOW_SECONDS / 60} minutes`,
  too_many: `A tweet can be edited ${EDITS_MAX} times`,
} as const

/**
 * Gives a tweet of one's own another text; the same text again does nothing. Throws `validation_failed`,
 * `tweet_not_found`, `forbidden` (somebody else's), `edit_closed`, `suspended`.
 */
export async function editTweet(
  deps: Deps,
  viewer: Viewer,
  { id, content }: { id: TweetId; content: string },
): Promise<Tweet> {
  const text = checkText(content, { mayBeBlank: true, path: 'json' })
  const version = { ...text, isBlank: isBlank(text.content) }
  const edited = await deps.timed('db', () => writeVersion(deps.db, id, viewer.id, version))
  const reader = { viewerId: viewer.id, nowMs: deps.now() }
  switch (edited.outcome) {
    case 'edited':
      deps.defer(deps.queues.sendOutbox(edited.outbox))
      if (edited.subjects.length > 0) deps.defer(deps.queues.sendFold(edited.subjects))
      deps.freshness.tweets.forget(id)
      await tellOwnTimeline(deps, viewer.id, [{ type: 'revise', card: serializeCard(edited.card) }])
      return presentTweet(edited.tweet, edited.flags, reader)
    case 'unchanged':
      return presentTweet(edited.tweet, edited.flags, reader)
    case 'edit_closed':
      throw new AppError('edit_closed', { detail: CLOSED[edited.reason] })
    case 'blank': {
      const errors = [{ path: 'json.content', message: 'must say something' }]
      throw new AppError('validation_failed', { errors })
    }
    default:
      throw new AppError(edited.outcome)
  }
}
