import type { GraphChange } from '../db/statements/follows.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/**
 * Spreads a committed change of whom the viewer follows: the outbox row and the counters' hint on their way without
 * waiting, then the viewer's own timeline, so that it holds on their next read.
 */
export async function tellFollowChange(
  deps: Deps,
  viewer: Viewer,
  type: 'follow' | 'unfollow',
  { followee_id, version, outbox }: GraphChange,
): Promise<void> {
  deps.defer(deps.queues.sendOutbox(outbox))
  deps.defer(
    deps.queues.sendFold([
      { subject: 'user', id: viewer.id },
      { subject: 'user', id: followee_id },
    ]),
  )
  await tellOwnTimeline(deps, viewer.id, [{ type, userId: followee_id, version }])
}
