import type { Tweet } from '../contracts/http/tweets.ts'
import { AppError } from '../domain/errors.ts'
import { THREAD_LENGTH_MAX } from '../domain/limits.ts'
import type { TweetDraft } from './check-draft.ts'
import type { Deps, Viewer } from './deps.ts'
import { publish } from './publish.ts'

/**
 * Publishes a thread, all of it or nothing: each tweet answers the one before, the first may answer somebody else's.
 * It costs what a tweet costs, a round trip to the database and one to the author's own timeline, and as many uses of
 * the quota as it has tweets. Throws what `publishTweet` does.
 */
export async function publishThread(
  deps: Deps,
  viewer: Viewer,
  { drafts, idempotencyKey }: { drafts: readonly TweetDraft[]; idempotencyKey: string | null },
): Promise<Tweet[]> {
  const [first, ...others] = drafts
  if (first === undefined || drafts.length > THREAD_LENGTH_MAX) {
    const message = `must be 1 to ${THREAD_LENGTH_MAX} tweets`
    throw new AppError('validation_failed', { errors: [{ path: 'json.tweets', message }] })
  }
  const answering = others.findIndex(({ replyToId }) => replyToId !== null)
  if (answering >= 0) {
    const path = `json.tweets.${answering + 1}.reply_to_id`
    const message = 'must be left out: each tweet of a thread answers the one before'
    throw new AppError('validation_failed', { errors: [{ path, message }] })
  }
  const pathOf = (place: number) => `json.tweets.${place}`
  return publish(deps, viewer, { drafts: [first, ...others], idempotencyKey, pathOf })
}
