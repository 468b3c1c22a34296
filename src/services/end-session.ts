import { endSessions } from '../db/statements/sessions.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'

/** Ends one of the viewer's sessions and closes its sockets. Throws `session_not_found`. */
export async function endSession(deps: Deps, viewer: Viewer, sessionId: string): Promise<void> {
  const outbox = await deps.timed('db', () => endSessions(deps.db, viewer.id, sessionId))
  if (outbox.length === 0) throw new AppError('session_not_found')
  deps.defer(deps.queues.sendOutbox(outbox))
}
