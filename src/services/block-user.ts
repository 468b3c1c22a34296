import type { UserRef } from '../contracts/http/common.ts'
import type { TimelineOp } from '../contracts/timeline.ts'
import { type Blocked, deleteBlock, insertBlock } from '../db/statements/blocks.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/**
 * Blocks a user, which ends follows and requests in both directions; again does nothing. Throws `cannot_block_self`,
 * `user_not_found`, `suspended`.
 */
export async function blockUser(deps: Deps, viewer: Viewer, user: UserRef): Promise<void> {
  const blocked = await deps.timed('db', () => insertBlock(deps.db, viewer.id, user))
  await tellBlockChange(deps, viewer, 'drop', blocked)
}

/** Ends a block, and brings nothing else back; again does nothing. Throws `user_not_found`, `suspended`. */
export async function unblockUser(deps: Deps, viewer: Viewer, user: UserRef): Promise<void> {
  const unblocked = await deps.timed('db', () => deleteBlock(deps.db, viewer.id, user))
  await tellBlockChange(deps, viewer, 'undrop', unblocked)
}

/** The viewer's own timeline at once; the other one's by the outbox. */
async function tellBlockChange(
  deps: Deps,
  viewer: Viewer,
  type: 'drop' | 'undrop',
  result: Blocked,
): Promise<void> {
  if (result.outcome !== 'done') throw new AppError(result.outcome)
  const { change, outbox } = result
  if (outbox.length > 0) deps.defer(deps.queues.sendOutbox(outbox))
  if (change === null) return
  const { blocked_id: userId, version } = change
  if (change.counters_changed) {
    const both = [viewer.id, userId].map((id) => ({ subject: 'user', id }) as const)
    deps.defer(deps.queues.sendFold(both))
  }
  const ops: TimelineOp[] =
    type === 'drop'
      ? [{ type, userId, reason: 'block', untilMs: null, version }]
      : [{ type, userId, reason: 'block', version }]
  if (change.was_following) ops.push({ type: 'unfollow', userId, version })
  await tellOwnTimeline(deps, viewer.id, ops)
}
