import type { OutboxRow } from '../contracts/queues.ts'
import type { GraphChange } from '../db/statements/follows.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/**
 * Spreads a committed change of whom the viewer follows, or asks to: the outbox rows and the counters' hint on their way
 * without waiting, then the viewer's own timeline, so that it holds on their next read. Of a request only the one who is
 * asked is told.
 */
export async function tellFollowChange(
  deps: Deps,
  viewer: Viewer,
  type: 'follow' | 'unfollow',
  { change, outbox }: { change: GraphChange | null; outbox: OutboxRow[] },
): Promise<void> {
  if (outbox.length > 0) deps.defer(deps.queues.sendOutbox(outbox))
  if (change === null) return
  const { followee_id, version } = change
  deps.defer(
    deps.queues.sendFold([
      { subject: 'user', id: viewer.id },
      { subject: 'user', id: followee_id },
    ]),
  )
  await tellOwnTimeline(deps, viewer.id, [{ type, userId: followee_id, version }])
}
