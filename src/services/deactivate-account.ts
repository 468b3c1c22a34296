import { findCredentials, deactivateAccount as storeDeactivation } from '../db/statements/accounts.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'

/**
 * Deactivates the viewer's account: at once it is gone for all others, signed out everywhere, and 30 days later it is
 * erased, unless its owner signs in before. Throws `invalid_credentials` when the password is wrong, `suspended`, `conflict`
 * when the password was changed meanwhile.
 */
export async function deactivateAccount(deps: Deps, viewer: Viewer, password: string): Promise<void> {
  const user = await deps.timed('db', () => findCredentials(deps.db, { id: viewer.id }))
  if (user === null || !user.is_active) throw new AppError('unauthenticated')
  const { matches } = await deps.timed('password', () => deps.passwords.verify(password, user.password_hash))
  if (!matches) throw new AppError('invalid_credentials')
  if (user.is_suspended) throw new AppError('suspended')
  const told = await deps.timed('db', () => storeDeactivation(deps.db, viewer.id, user.password_hash))
  if (told === null) throw new AppError('conflict')
  deps.defer(deps.queues.sendOutbox(told))
}
