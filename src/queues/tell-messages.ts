import type { NotificationMessage, PushEvent } from '../contracts/queues.ts'
import { type OwedMessage, settleOutbox } from '../db/statements/outbox.ts'
import type { Deps } from '../services/deps.ts'
import { sendOwed } from '../services/send-owed.ts'
import { messageDeliveries } from './message-deliveries.ts'
import { sendDeliveries } from './send-deliveries.ts'
import type { Verdict } from './work.ts'

/**
 * Shows direct messages, and that they were read, to the open sockets of both. A receiver who has none open is owed a push.
 * Two statements for the whole batch.
 */
export async function tellMessages(deps: Deps, messages: readonly NotificationMessage[]): Promise<Verdict[]> {
  const { deliveries, pushable } = await messageDeliveries(deps.db, messages)
  const { failures, listening } = await sendDeliveries(deps, deliveries)
  const owed = pushable.flatMap(({ outboxId, userId, messageId }): OwedMessage<PushEvent>[] => {
    if (failures.has(outboxId) || listening.has(userId)) return []
    const message = { type: 'push', v: 1, user_id: userId, of: 'message', id: messageId } as const
    return [{ outbox_id: outboxId, queue: 'pushes', message }]
  })
  const kept = new Set([...failures.keys(), ...owed.map(({ outbox_id }) => outbox_id)])
  const done = messages.map(({ outbox_id }) => outbox_id).filter((id) => !kept.has(id))
  await sendOwed(deps, await settleOutbox(deps.db, 'notifications', done, owed))
  return messages.map(({ outbox_id }) => (failures.has(outbox_id) ? 'retry' : 'ack'))
}
