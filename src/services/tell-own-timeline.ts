import type { TimelineOp } from '../contracts/timeline.ts'
import type { UserId } from '../domain/ids.ts'
import type { Deps } from './deps.ts'

const TRIES = 2

/**
 * Tells the actor's own timeline what they just did, so that their next read shows it. The write is committed by
 * now, so a failure here is not the request's: the outbox tells the timeline again.
 */
export async function tellOwnTimeline(deps: Deps, user: UserId, ops: TimelineOp[]): Promise<void> {
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    try {
      const result = await deps.timed('object', () => deps.timeline(user).apply(ops))
      if (!result.ok) deps.log.warn('own_timeline_behind', { user_id: user, code: result.code })
      return
    } catch (error) {
      deps.log.warn('own_timeline_failed', { user_id: user, attempt, error })
    }
  }
}
