import { sql } from 'drizzle-orm'
import type { MessageId, UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { type MessageRow, messageRecord } from './message-columns.ts'
import { noBlockBetween } from './visibility.ts'

/** What two users are to be told: that one sent a message to the other, or has read what the other sent, up to it. */
export interface MessageTask {
  outbox_id: number
  type: 'message_sent' | 'messages_read'
  message_id: MessageId
  actor_id: UserId
  other_id: UserId
}

/** One task as one of the two is told of it. */
export interface MessagePlan {
  outbox_id: number
  user_id: UserId
  /** There is a timeline to tell. */
  is_warm: boolean
  /** The user received the message, has not read it, and has accepted the conversation. */
  may_be_pushed: boolean
  /** The user received the message and has not accepted the conversation. */
  is_request: boolean
  /** Null but for a message that was sent. */
  message: MessageRow | null
}

/**
 * Resolves tasks to the two whom each concerns, for all messages of a batch in one statement, in the order of their
 * commits. Nobody is told across a block that has come between, nor of a message that they have hidden since. A task whose
 * outbox row is gone has been done by another delivery.
 */
export async function planMessages(db: Db, tasks: readonly MessageTask[]): Promise<MessagePlan[]> {
  const rows = await query<{ plan: MessagePlan }>(
    db,
    sql`
    select json_build_object(
      'outbox_id', task.outbox_id,
      'user_id', told.user_id,
      'is_warm', told.is_warm,
      'may_be_pushed', coalesce(told.user_id = m.receiver_id and c.is_accepted and not m.is_read, false),
      'is_request', coalesce(told.user_id = m.receiver_id and not c.is_accepted, false),
      'message', case when m.id is not null then ${messageRecord} end) as plan
    from jsonb_to_recordset(${JSON.stringify(tasks)}::jsonb) as task(
      outbox_id bigint, type text, message_id bigint, actor_id bigint, other_id bigint)
    join outbox o on o.id = task.outbox_id
    join users actor on actor.id = task.actor_id and actor.is_active and actor.suspended_at is null
    join users other on other.id = task.other_id and other.is_active and other.suspended_at is null
    left join direct_messages m on m.id = task.message_id and task.type = 'message_sent'
    left join conversations c on c.user_id = m.receiver_id and c.other_id = m.sender_id
    cross join lateral (
      select one.id as user_id, (select true from timelines w where w.user_id = one.id) is not null as is_warm
      from (values (actor.id), (other.id)) one(id)) told
    where (m.id is not null or task.type = 'messages_read')
      and case when told.user_id = m.sender_id then m.hidden_by_sender else m.hidden_by_receiver end is not true
      and ${noBlockBetween(sql`actor.id`, sql`other.id`)}
    order by task.outbox_id, told.user_id`,
  )
  return rows.map(({ plan }) => plan)
}
