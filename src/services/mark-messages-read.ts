import type { UserRef } from '../contracts/http/common.ts'
import { markMessagesRead as storeRead } from '../db/statements/messages.ts'
import { AppError } from '../domain/errors.ts'
import type { MessageId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'

/**
 * Says that the viewer has read what another sent, up to a message, which the sender is told; answers how many are left. Of
 * a request nothing is marked and nobody is told. Throws `user_not_found`, `suspended`.
 */
export async function markMessagesRead(
  deps: Deps,
  viewer: Viewer,
  other: UserRef,
  upTo: MessageId,
): Promise<number> {
  const result = await deps.timed('db', () => storeRead(deps.db, viewer.id, other, upTo))
  if (result.outcome !== 'read') throw new AppError(result.outcome)
  if (result.outbox.length > 0) deps.defer(deps.queues.sendOutbox(result.outbox))
  return result.unread_count
}
