import type { Engaged } from '../db/statements/engagement.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/**
 * Spreads a committed like or bookmark, or its end, and answers the tweet's counter. A repeat owes nothing to others;
 * the viewer's own timeline is told again, in case the first time did not reach it.
 */
export async function settleEngagement(
  deps: Deps,
  viewer: Viewer,
  tweet: TweetId,
  result: Engaged,
): Promise<number> {
  if (result.outcome === 'rate_limited') {
    throw new AppError('rate_limited', {
      retryAfterSeconds: Math.max(1, result.retry_after_seconds),
      detail: 'This account has liked as many tweets as a day allows',
    })
  }
  if (result.outcome !== 'done') throw new AppError(result.outcome)
  if (result.changed) {
    deps.defer(deps.queues.sendOutbox(result.outbox))
    deps.defer(deps.queues.sendFold([{ subject: 'tweet', id: tweet }]))
  }
  await tellOwnTimeline(deps, viewer.id, [{ type: 'flags', acted: { tweetId: tweet, ...result.state } }])
  return result.count
}
