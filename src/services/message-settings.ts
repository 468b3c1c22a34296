import { readAllowedFrom, updateAllowedFrom } from '../db/statements/message-settings.ts'
import { AppError } from '../domain/errors.ts'
import type { Audience } from '../domain/notifications.ts'
import type { Deps, Viewer } from './deps.ts'

/** Who may begin a conversation with the viewer. */
export async function readMessagesAllowedFrom(deps: Deps, viewer: Viewer): Promise<Audience> {
  const allows = await deps.timed('db', () => readAllowedFrom(deps.db, viewer.id))
  if (allows === null) throw new AppError('unauthenticated')
  return allows
}

/** Says who may begin a conversation from now on; those that the viewer has accepted go on. Throws `suspended`. */
export async function allowMessagesFrom(deps: Deps, viewer: Viewer, allows: Audience): Promise<void> {
  const { outcome } = await deps.timed('db', () => updateAllowedFrom(deps.db, viewer.id, allows))
  if (outcome !== 'updated') throw new AppError(outcome)
}
