import { endSessions } from '../db/statements/sessions.ts'
import { AppError } from '../domain/errors.ts'
import type { UserId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'
import { verifyRefreshToken } from './tokens.ts'

/** Who signs out: by an access token, or (when that has expired) by the refresh token of the session. */
export interface Logout {
  viewer: Viewer | null
  refreshToken: string | null
  everywhere: boolean
}

/**
 * Ends the session, or with `everywhere` all of the user's, and closes its sockets; again does nothing. A
 * refresh token, even one that was replaced, ends its own session; to end all takes an access token. Throws
 * `unauthenticated`.
 */
export async function logout(deps: Deps, input: Logout): Promise<void> {
  const meant = await sessionMeant(deps, input)
  if (meant === null) throw new AppError('unauthenticated')
  const outbox = await deps.timed('db', () => endSessions(deps.db, meant.userId, meant.sessionId))
  deps.defer(deps.queues.sendOutbox(outbox))
}

interface SessionMeant {
  userId: UserId
  /** Null for all of the user's. */
  sessionId: string | null
}

async function sessionMeant(
  deps: Deps,
  { viewer, refreshToken, everywhere }: Logout,
): Promise<SessionMeant | null> {
  if (viewer !== null) return { userId: viewer.id, sessionId: everywhere ? null : viewer.sessionId }
  if (refreshToken === null || everywhere) return null
  return verifyRefreshToken(deps.settings.refreshKeys, refreshToken, deps.now())
}
