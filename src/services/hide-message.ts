import type { UserRef } from '../contracts/http/common.ts'
import { hideMessage as storeHidden } from '../db/statements/messages.ts'
import { AppError } from '../domain/errors.ts'
import type { MessageId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'

/** Hides a message from the viewer alone; again does nothing. Throws `user_not_found`, `message_not_found`, `suspended`. */
export async function hideMessage(deps: Deps, viewer: Viewer, other: UserRef, id: MessageId): Promise<void> {
  const { outcome } = await deps.timed('db', () => storeHidden(deps.db, viewer.id, other, id))
  if (outcome !== 'hidden') throw new AppError(outcome)
}
