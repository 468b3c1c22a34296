import { isUnavailable } from '../db/client.ts'
import { isSessionOver } from '../db/statements/sessions.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'

/**
 * For what outlives the request: an access token is good for some minutes after its session has ended, a socket would be
 * for as long as it stays open. While the database is away nobody can end a session, and it is let be. Throws
 * `unauthenticated`.
 */
export async function requireLiveSession(deps: Deps, viewer: Viewer): Promise<void> {
  try {
    const isOver = await deps.timed('db', () => isSessionOver(deps.db, viewer.sessionId))
    if (isOver) throw new AppError('unauthenticated', { detail: 'This session has ended' })
  } catch (error) {
    if (!isUnavailable(error)) throw error
    deps.log.warn('session_not_checked', { user_id: viewer.id, error })
  }
}
