import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, transaction } from '../client.ts'
import {
  claimMessageKey,
  type Idempotency,
  messageKey,
  nextMessageId,
  releaseMessageKey,
} from './idempotency-keys.ts'
import { type MessageRow, messageRecord } from './message-columns.ts'
import { outboxRecord, outboxRow } from './outbox.ts'
import { lockPair } from './pair-lock.ts'
import { only } from './publication-parts.ts'
import { type Quota, quotaFreeInSeconds, takeQuota } from './quotas.ts'
import { whichUser } from './users.ts'
import { isPresent } from './visibility.ts'

export interface NewMessage {
  senderId: UserId
  receiver: UserRef
  content: string
  idempotency: Idempotency | null
}

export type Sent =
  | { outcome: 'sent'; message: MessageRow; outbox: OutboxRow[] }
  /** The Idempotency-Key has a first result; null when the sender has hidden it since. */
  | { outcome: 'repeated'; message: MessageRow | null }
  | { outcome: 'rate_limited'; retry_after_seconds: number }
  | {
      outcome:
        | 'unauthenticated'
        | 'suspended'
        | 'user_not_found'
        | 'cannot_message_self'
        | 'blocked'
        | 'blocking'
        /** The receiver lets nobody, or not this one, begin a conversation. */
        | 'not_allowed'
        | 'idempotency_conflict'
    }

/**
 * Sends a message: its row, both rows of the conversation, the quota and the outbox, in one round trip. The lock of the
 * pair comes first: ids grow in the order in which the pair's messages are committed, and what is decided here is decided
 * on what reads, blocks and other messages of theirs have left. Docs: messages.md, "Who may write to whom".
 */
export async function insertMessage(db: Db, message: NewMessage, quota: Quota): Promise<Sent> {
  const [row] = await transaction<{ result: Sent }>(db, {
    before: [lockPair(message.senderId, message.receiver), claimMessageKey(message)],
    main: writeMessage(message, quota),
    after: [releaseMessageKey(message)],
  })
  if (row === undefined) throw new Error('Sending a message answered no row')
  return row.result
}

function writeMessage(message: NewMessage, quota: Quota): SQL {
  const { senderId, content } = message
  const keyed = message.idempotency !== null
  return sql`
    with sender as materialized (
      select id, suspended_at from users where id = ${senderId} and is_active
    ), receiver as materialized (
      select u.id, u.allow_messages_from as allows, ${isPresent} as is_present,
             exists (select from follows f where f.follower_id = u.id and f.following_id = ${senderId}) as follows_sender,
             (select c.is_accepted from conversations c where c.user_id = u.id and c.other_id = ${senderId}) as has_accepted
      from users u
      where ${whichUser(message.receiver)}
    )${only(keyed, sql`, claim as materialized (${messageKey(message)}\n    )`)}, gate as materialized (
      select case
        when sender.id is null then 'unauthenticated'
        when sender.suspended_at is not null then 'suspended'
        ${only(
          keyed,
          sql`when not claim.is_claimed and claim.is_same then 'repeated'
        when not claim.is_claimed then 'idempotency_conflict'`,
        )}
        when receiver.is_present is not true then 'user_not_found'
        when receiver.id = ${senderId} then 'cannot_message_self'
        when exists (select from blocks b where b.blocker_id = receiver.id and b.blocked_id = ${senderId})
          then 'blocked'
        when exists (select from blocks b where b.blocker_id = ${senderId} and b.blocked_id = receiver.id)
          then 'blocking'
        when receiver.has_accepted then null
        when receiver.allows = 'nobody' then 'not_allowed'
        when receiver.allows = 'following' and not receiver.follows_sender then 'not_allowed'
      end as refusal
      from (select) this
      left join sender on true
      left join receiver on true
      ${only(keyed, sql`left join claim on true`)}
    ), quota as (${takeQuota(senderId, quota, sql`(select refusal from gate) is null`)}
    ), message as (
      insert into direct_messages (id, sender_id, receiver_id, content)
      overriding system value
      select ${keyed ? sql`coalesce((select result_id from claim where is_claimed), ${nextMessageId})` : nextMessageId},
             ${senderId}::bigint, receiver.id, ${content}
      from receiver, quota
      returning *
    ), conversed as (
      insert into conversations as c (user_id, other_id, last_message_id, unread_count, is_accepted)
      select m.sender_id, m.receiver_id, m.id, 0, true from message m
      union all
      select m.receiver_id, m.sender_id, m.id, 1, receiver.follows_sender from message m, receiver
      on conflict (user_id, other_id) do update
      set last_message_id = excluded.last_message_id,
          unread_count = c.unread_count + excluded.unread_count,
          is_accepted = c.is_accepted or excluded.is_accepted
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'notifications',
        sql`jsonb_build_object(
          'type', 'message_sent', 'v', 1, 'message_id', id, 'sender_id', sender_id, 'receiver_id', receiver_id)`,
      )}
      from message
      returning id, queue, message
    )
    select case
      when exists (select from message) then json_build_object(
        'outcome', 'sent',
        'message', (select ${messageRecord} from message m),
        'outbox', (select json_agg(${outboxRecord}) from sent))
      when refusal is null then json_build_object(
        'outcome', 'rate_limited', 'retry_after_seconds', ${quotaFreeInSeconds(senderId, quota)})
      ${only(
        keyed,
        sql`when refusal = 'repeated' then json_build_object(
        'outcome', refusal,
        'message', (
          select ${messageRecord}
          from direct_messages m
          where m.id = (select result_id from claim) and m.sender_id = ${senderId} and not m.hidden_by_sender))`,
      )}
      else json_build_object('outcome', refusal)
    end as result
    from gate`
}
