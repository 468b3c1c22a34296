import type { NotificationMessage } from '../contracts/queues.ts'
import type { Telling } from '../contracts/timeline.ts'
import type { Db } from '../db/client.ts'
import { type MessagePlan, type MessageTask, planMessages } from '../db/statements/message-deliveries.ts'
import type { MessageId, UserId } from '../domain/ids.ts'
import { presentMessage } from '../views/present-message.ts'
import type { Delivery } from './deliveries.ts'

export interface MessageDeliveries {
  /** Of warm timelines alone: the sender's and the receiver's. */
  deliveries: Delivery[]
  /** Which receivers' browsers may be told of which message, whether their timelines are warm or not; never of a request. */
  pushable: { outboxId: number; userId: UserId; messageId: MessageId }[]
}

/** What direct messages of a batch, and that they were read, are to tell, as of now. Other events are passed over. */
export async function messageDeliveries(
  db: Db,
  messages: readonly NotificationMessage[],
): Promise<MessageDeliveries> {
  const tasks = messages.flatMap((message) => taskOf(message) ?? [])
  if (tasks.length === 0) return { deliveries: [], pushable: [] }
  const byOutboxId = new Map(tasks.map((task) => [task.outbox_id, task]))
  const plans = await planMessages(db, tasks)
  return {
    deliveries: plans.flatMap((plan) => {
      const task = byOutboxId.get(plan.outbox_id)
      if (task === undefined || !plan.is_warm) return []
      return [{ outboxId: plan.outbox_id, receiver: plan.user_id, send: tellingOf(task, plan) }]
    }),
    pushable: plans.flatMap(({ outbox_id: outboxId, user_id: userId, may_be_pushed, message }) =>
      may_be_pushed && message !== null ? [{ outboxId, userId, messageId: message.id }] : [],
    ),
  }
}

function taskOf({ outbox_id, event }: NotificationMessage): MessageTask | null {
  switch (event.type) {
    case 'message_sent':
      return {
        outbox_id,
        type: event.type,
        message_id: event.message_id as MessageId,
        actor_id: event.sender_id as UserId,
        other_id: event.receiver_id as UserId,
      }
    case 'messages_read':
      return {
        outbox_id,
        type: event.type,
        message_id: event.up_to_id as MessageId,
        actor_id: event.reader_id as UserId,
        other_id: event.other_id as UserId,
      }
    default:
      return null
  }
}

function tellingOf(task: MessageTask, { message, is_request }: MessagePlan): Telling {
  if (message === null) {
    return {
      type: 'messages_read',
      readerId: task.actor_id,
      otherId: task.other_id,
      upToId: task.message_id,
    }
  }
  const json = JSON.stringify({ ...presentMessage(message), ...(is_request ? { is_request: true } : {}) })
  return { type: 'message', id: message.id, json }
}
