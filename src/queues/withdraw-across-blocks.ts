import type { NotificationEvent, NotificationMessage } from '../contracts/queues.ts'
import { type OwedMessage, settleOutbox } from '../db/statements/outbox.ts'
import { withdrawBetween } from '../db/statements/withdraw-between.ts'
import type { UserId } from '../domain/ids.ts'
import type { Deps } from '../services/deps.ts'
import { sendOwed } from '../services/send-owed.ts'
import type { Delivery } from './deliveries.ts'
import { sendDeliveries } from './send-deliveries.ts'
import { forEachBounded, type Verdict } from './work.ts'

/** Pairs at once: each is a transaction that locks two inboxes. */
const PAIRS_AT_ONCE = 4

/**
 * Withdraws what people were told of each other before one of them blocked the other, a step of each pair, and tells those
 * whose timelines are warm. What is left is owed as a message of its own.
 */
export async function withdrawAcrossBlocks(
  deps: Deps,
  messages: readonly NotificationMessage[],
  again: boolean,
): Promise<Verdict[]> {
  const deliveries: Delivery[] = []
  const owed: OwedMessage<NotificationEvent>[] = []
  const failed = await forEachBounded(messages, PAIRS_AT_ONCE, async ({ outbox_id: outboxId, event }) => {
    if (event.type !== 'block_changed') return
    const pair = [event.blocker_id as UserId, event.blocked_id as UserId] as const
    const step = await withdrawBetween(deps.db, outboxId, pair, again)
    if (step === null) return
    if (step.left) owed.push({ outbox_id: outboxId, message: event })
    for (const { user_id: receiver, is_warm, unread, withdrawn: ids } of step.told) {
      if (is_warm)
        deliveries.push({ outboxId, receiver, send: { type: 'notifications_withdrawn', ids, unread } })
    }
  })
  for (const { item, error } of failed.slice(0, 3)) {
    deps.log.warn('withdrawal_failed', { outbox_id: item.outbox_id, error })
  }
  const { failures } = await sendDeliveries(deps, deliveries)
  const retried = new Set([...failed.map(({ item }) => item.outbox_id), ...failures.keys()])
  const next = owed.filter(({ outbox_id }) => !retried.has(outbox_id))
  const kept = new Set([...retried, ...next.map(({ outbox_id }) => outbox_id)])
  const done = messages.map(({ outbox_id }) => outbox_id).filter((id) => !kept.has(id))
  await sendOwed(deps, await settleOutbox(deps.db, 'notifications', done, next))
  return messages.map(({ outbox_id }) => (retried.has(outbox_id) ? 'retry' : 'ack'))
}
