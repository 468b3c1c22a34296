import type { UserRef } from '../contracts/http/common.ts'
import type { UserCard } from '../contracts/http/users.ts'
import { updateVerified } from '../db/statements/verified.ts'
import { AppError } from '../domain/errors.ts'
import { presentUserCard } from '../views/present-profile.ts'
import type { Deps, Viewer } from './deps.ts'

/**
 * Verifies a user, or no longer, as a moderator: by the token, which says so only when it was given after the role was, and
 * by the database, where the role may have been taken away since. Readers see it as their pages are freshened. Throws
 * `forbidden`, `user_not_found`, `suspended`.
 */
export async function verifyUser(
  deps: Deps,
  viewer: Viewer,
  user: UserRef,
  verified: boolean,
): Promise<UserCard> {
  if (viewer.role === 'user') throw new AppError('forbidden')
  const result = await deps.timed('db', () => updateVerified(deps.db, viewer.id, user, verified))
  if (result.outcome !== 'done') throw new AppError(result.outcome)
  if (result.outbox.length > 0) deps.defer(deps.queues.sendOutbox(result.outbox))
  return presentUserCard(result.user)
}
