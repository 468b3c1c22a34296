import type { UserRef } from '../contracts/http/common.ts'
import { acceptRequest, declineRequest } from '../db/statements/conversations.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'

/**
 * Takes what a stranger began among the viewer's conversations; again does nothing. Throws `user_not_found`,
 * `message_request_not_found`, `suspended`.
 */
export async function acceptMessageRequest(deps: Deps, viewer: Viewer, stranger: UserRef): Promise<void> {
  const { outcome } = await deps.timed('db', () => acceptRequest(deps.db, viewer.id, stranger))
  if (outcome !== 'accepted') throw new AppError(outcome)
}

/**
 * Lets what a stranger wrote vanish, until they write again; without a request nothing changes. Throws `user_not_found`,
 * `suspended`.
 */
export async function declineMessageRequest(deps: Deps, viewer: Viewer, stranger: UserRef): Promise<void> {
  const { outcome } = await deps.timed('db', () => declineRequest(deps.db, viewer.id, stranger))
  if (outcome !== 'declined') throw new AppError(outcome)
}
