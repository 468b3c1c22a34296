import type { UserRef } from '../contracts/http/common.ts'
import { acceptRequest, rejectRequest } from '../db/statements/follow-requests.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'

/**
 * Lets somebody follow the viewer who has asked to; again does nothing. Their timeline hears of it by the outbox. Throws
 * `user_not_found`, `follow_request_not_found`, `suspended`.
 */
export async function acceptFollowRequest(deps: Deps, viewer: Viewer, requester: UserRef): Promise<void> {
  const result = await deps.timed('db', () => acceptRequest(deps.db, viewer.id, requester))
  if (result.outcome !== 'accepted') throw new AppError(result.outcome)
  const { requester_id: id, outbox } = result
  if (outbox.length > 0) deps.defer(deps.queues.sendOutbox(outbox))
  if (id === null) return
  deps.defer(
    deps.queues.sendFold([
      { subject: 'user', id },
      { subject: 'user', id: viewer.id },
    ]),
  )
}

/** Takes a request away, whose requester is not told; again does nothing. Throws `user_not_found`, `suspended`. */
export async function rejectFollowRequest(deps: Deps, viewer: Viewer, requester: UserRef): Promise<void> {
  const result = await deps.timed('db', () => rejectRequest(deps.db, viewer.id, requester))
  if (result.outcome !== 'rejected') throw new AppError(result.outcome)
  if (result.outbox.length > 0) deps.defer(deps.queues.sendOutbox(result.outbox))
}
