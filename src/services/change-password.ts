import { findCredentials, updatePassword } from '../db/statements/accounts.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'
import { requireStrongPassword } from './require-strong-password.ts'

export interface PasswordChange {
  currentPassword: string
  newPassword: string
}

/**
 * Changes the viewer's password and ends their other sessions. Throws `invalid_credentials` when the current
 * password is wrong, `validation_failed` for a weak new one, `conflict` when another change came first.
 */
export async function changePassword(deps: Deps, viewer: Viewer, input: PasswordChange): Promise<void> {
  const user = await deps.timed('db', () => findCredentials(deps.db, { id: viewer.id }))
  if (user === null || !user.is_active) throw new AppError('unauthenticated')
  const { matches } = await deps.timed('password', () =>
    deps.passwords.verify(input.currentPassword, user.password_hash),
  )
  if (!matches) throw new AppError('invalid_credentials')
  if (user.is_suspended) throw new AppError('suspended')
  requireStrongPassword('new_password', input.newPassword, user)
  const to = await deps.timed('password', () => deps.passwords.hash(input.newPassword))
  const { id: userId, sessionId } = viewer
  const told = await deps.timed('db', () =>
    updatePassword(deps.db, { userId, sessionId, from: user.password_hash, to }),
  )
  if (told === null) throw new AppError('conflict')
  deps.defer(deps.queues.sendOutbox([told]))
}
