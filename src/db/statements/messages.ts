import { sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import { MAX_ID, type MessageId, type UserId } from '../../domain/ids.ts'
import { type Db, query, transaction } from '../client.ts'
import { type ConversationRefusal, otherAndGate, otherOf } from './conversation-parts.ts'
import { type MessageRow, messageRecord } from './message-columns.ts'
import { outboxRecord, outboxRow } from './outbox.ts'
import { lockPair } from './pair-lock.ts'
import type { ListPage } from './places.ts'

export interface ListedMessage {
  place: number
  message: MessageRow
}

/**
 * What two users wrote to each other, newest first, as the viewer has it; null where there is no such user. However long
 * the conversation is, each direction is read no further than the page reaches: two scans of `idx_dm_sender_receiver`.
 */
export async function readMessages(
  db: Db,
  viewer: UserId,
  other: UserRef,
  { after, offset, limit }: ListPage<number>,
): Promise<ListedMessage[] | null> {
  const newest = sql`m.id < ${after ?? MAX_ID}
         order by m.id desc
         limit ${offset + limit}`
  const rows = await query<{ place: number | null; message: MessageRow }>(
    db,
    sql`
    with ${otherOf(viewer, other)}
    select m.id::float8 as place, case when m.id is not null then ${messageRecord} end as message
    from other
    left join lateral (
      select both_ways.id
      from (
        (select m.id
         from direct_messages m
         where other.is_there and m.sender_id = ${viewer} and m.receiver_id = other.id and not m.hidden_by_sender
           and ${newest})
        union all
        (select m.id
         from direct_messages m
         where other.is_there and m.sender_id = other.id and m.receiver_id = ${viewer} and not m.hidden_by_receiver
           and ${newest})
      ) both_ways
      order by both_ways.id desc
      limit ${limit} offset ${offset}) page on true
    left join direct_messages m on m.id = page.id
    order by page.id desc`,
  )
  if (rows.length === 0) return null
  return rows.flatMap(({ place, message }) => (place === null ? [] : [{ place, message }]))
}

export type MarkedRead =
  | { outcome: 'read'; unread_count: number; outbox: OutboxRow[] }
  | { outcome: ConversationRefusal }

/**
 * Marks what the other one sent as read, up to a message, and answers what is left; of a request nothing is marked. The
 * lock of the pair keeps the count exact, and what is told is the newest that was marked. `idx_dm_receiver` finds what is
 * unread, so that having read it all costs nothing.
 */
export async function markMessagesRead(
  db: Db,
  viewer: UserId,
  other: UserRef,
  upTo: MessageId,
): Promise<MarkedRead> {
  const [row] = await transaction<{ result: MarkedRead }>(db, {
    before: [lockPair(viewer, other)],
    main: sql`
    with ${otherAndGate(viewer, other)}, own as materialized (
      select c.other_id, c.unread_count, c.is_accepted
      from conversations c, other, gate
      where gate.refusal is null and other.is_there and c.user_id = ${viewer} and c.other_id = other.id
    ), marked as (
      update direct_messages m
      set is_read = true
      from own
      where own.is_accepted and m.receiver_id = ${viewer} and m.sender_id = own.other_id and m.id <= ${upTo}
        and not m.is_read and not m.hidden_by_receiver
      returning m.id
    ), newest as (
      select max(id) as id, count(*)::int as marked from marked
    ), counted as (
      update conversations c
      set unread_count = c.unread_count - newest.marked
      from own, newest
      where newest.marked > 0 and c.user_id = ${viewer} and c.other_id = own.other_id
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'notifications',
        sql`jsonb_build_object(
          'type', 'messages_read', 'v', 1, 'reader_id', ${viewer}::bigint, 'other_id', own.other_id,
          'up_to_id', newest.id)`,
      )}
      from own, newest
      where newest.marked > 0
      returning id, queue, message
    )
    select case
      when refusal is not null then json_build_object('outcome', refusal)
      else json_build_object(
        'outcome', 'read',
        'unread_count', coalesce((select unread_count from own), 0) - newest.marked,
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))
    end as result
    from gate, newest`,
  })
  if (row === undefined) throw new Error('Marking as read answered no row')
  return row.result
}

export type HiddenMessage = { outcome: 'hidden' | 'message_not_found' | ConversationRefusal }

/**
 * Hides a message from the viewer, who sent or received it; again does nothing. Hidden by both it is deleted, and is then
 * not found by either. The conversation shows the newest message that is left: `idx_dm_sender_receiver` finds it.
 */
export async function hideMessage(
  db: Db,
  viewer: UserId,
  other: UserRef,
  message: MessageId,
): Promise<HiddenMessage> {
  const [row] = await transaction<HiddenMessage>(db, {
    before: [lockPair(viewer, other)],
    main: sql`
    with ${otherAndGate(viewer, other)}, found as materialized (
      select m.id, other.id as other_id, m.is_read,
             m.sender_id = ${viewer} as is_sent,
             case when m.sender_id = ${viewer} then m.hidden_by_sender else m.hidden_by_receiver end as is_hidden,
             case when m.sender_id = ${viewer} then m.hidden_by_receiver else m.hidden_by_sender end as is_hidden_by_other
      from direct_messages m, other, gate
      where gate.refusal is null and other.is_there and m.id = ${message}
        and ((m.sender_id = ${viewer} and m.receiver_id = other.id)
             or (m.sender_id = other.id and m.receiver_id = ${viewer}))
    ), to_hide as (
      select * from found where not is_hidden
    ), gone as (
      delete from direct_messages m using to_hide h where m.id = h.id and h.is_hidden_by_other
    ), hidden as (
      update direct_messages m
      set hidden_by_sender = m.hidden_by_sender or h.is_sent,
          hidden_by_receiver = m.hidden_by_receiver or not h.is_sent
      from to_hide h
      where m.id = h.id and not h.is_hidden_by_other
    ), conversed as (
      update conversations c
      set unread_count = c.unread_count - (not h.is_sent and not h.is_read)::int,
          last_message_id = case when c.last_message_id = h.id then (
            select max(id)
            from (
              (select m.id
               from direct_messages m
               where m.sender_id = ${viewer} and m.receiver_id = h.other_id and m.id < h.id and not m.hidden_by_sender
               order by m.id desc
               limit 1)
              union all
              (select m.id
               from direct_messages m
               where m.sender_id = h.other_id and m.receiver_id = ${viewer} and m.id < h.id and not m.hidden_by_receiver
               order by m.id desc
               limit 1)) left_over)
            else c.last_message_id end
      from to_hide h
      where c.user_id = ${viewer} and c.other_id = h.other_id
    )
    select case
      when refusal is not null then refusal
      when exists (select from found) then 'hidden'
      else 'message_not_found'
    end as outcome
    from gate`,
  })
  if (row === undefined) throw new Error('Hiding a message answered no row')
  return row
}
