import type { UserRef } from '../contracts/http/common.ts'
import type { TimelineOp } from '../contracts/timeline.ts'
import { deleteMute, insertMute, type Muted } from '../db/statements/mutes.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/**
 * Mutes a user until then, or for good; again sets another end. Throws `validation_failed` (that time is over),
 * `cannot_mute_self`, `user_not_found`, `suspended`.
 */
export async function muteUser(
  deps: Deps,
  viewer: Viewer,
  user: UserRef,
  expiresAt: Date | null,
): Promise<void> {
  if (expiresAt !== null && expiresAt.getTime() <= deps.now()) {
    const errors = [{ path: 'json.expires_at', message: 'must be in the future' }]
    throw new AppError('validation_failed', { errors })
  }
  const untilMs = expiresAt?.getTime() ?? null
  const muted = await deps.timed('db', () => insertMute(deps.db, viewer.id, user, untilMs))
  await tellMuteChange(deps, viewer, 'drop', muted)
}

/** Ends a mute; again does nothing. Throws `user_not_found`, `suspended`. */
export async function unmuteUser(deps: Deps, viewer: Viewer, user: UserRef): Promise<void> {
  const unmuted = await deps.timed('db', () => deleteMute(deps.db, viewer.id, user))
  await tellMuteChange(deps, viewer, 'undrop', unmuted)
}

async function tellMuteChange(
  deps: Deps,
  viewer: Viewer,
  type: 'drop' | 'undrop',
  result: Muted,
): Promise<void> {
  if (result.outcome !== 'done') throw new AppError(result.outcome)
  const { change, outbox } = result
  if (outbox.length > 0) deps.defer(deps.queues.sendOutbox(outbox))
  if (change === null) return
  const { muted_id: userId, version, until_ms: untilMs } = change
  const reason = 'mute'
  const op: TimelineOp =
    type === 'drop' ? { type, userId, reason, untilMs, version } : { type, userId, reason, version }
  await tellOwnTimeline(deps, viewer.id, [op])
}
