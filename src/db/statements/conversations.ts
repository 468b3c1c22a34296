import { sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query, transaction } from '../client.ts'
import { type ConversationRefusal, isThere, otherAndGate } from './conversation-parts.ts'
import { type MessageRow, messageRecord } from './message-columns.ts'
import { lockPair } from './pair-lock.ts'
import type { ListPage } from './places.ts'
import type { UserCardRow } from './profile-columns.ts'
import { userRecord } from './tweet-columns.ts'

export interface ConversationRow {
  /** The last message's id. */
  place: number
  user: UserCardRow
  last_message: MessageRow
  unread_count: number
}

/**
 * The conversations of a user, or the requests for one, the one with the newest message first. `conversations_latest`
 * serves the page, and what is shown of each is looked up for it alone.
 */
export async function readConversations(
  db: Db,
  viewer: UserId,
  kind: 'accepted' | 'requests',
  { after, offset, limit }: ListPage<number>,
): Promise<ConversationRow[]> {
  return query<ConversationRow>(
    db,
    sql`
    select page.last_message_id::float8 as place, ${userRecord('u')} as user, ${messageRecord} as last_message,
           page.unread_count
    from (
      select c.other_id, c.last_message_id, c.unread_count
      from conversations c
      join users u on u.id = c.other_id
      where c.user_id = ${viewer} and c.is_accepted = ${kind === 'accepted'} and c.last_message_id is not null
        and ${after === null ? sql`true` : sql`c.last_message_id < ${after}`} and ${isThere(viewer)}
      order by c.last_message_id desc
      limit ${limit} offset ${offset}) page
    join users u on u.id = page.other_id
    join direct_messages m on m.id = page.last_message_id
    order by page.last_message_id desc`,
  )
}

export type AcceptedRequest = { outcome: 'accepted' | 'message_request_not_found' | ConversationRefusal }

/** Accepts what a stranger began; again does nothing. */
export async function acceptRequest(db: Db, viewer: UserId, stranger: UserRef): Promise<AcceptedRequest> {
  const [row] = await transaction<AcceptedRequest>(db, {
    before: [lockPair(viewer, stranger)],
    main: sql`
    with ${otherAndGate(viewer, stranger)}, begun as (
      select c.is_accepted
      from conversations c, other
      where other.is_there and c.user_id = ${viewer} and c.other_id = other.id
        and (c.is_accepted or c.last_message_id is not null)
    ), accepted as (
      update conversations c
      set is_accepted = true
      from other, gate
      where gate.refusal is null and c.user_id = ${viewer} and c.other_id = other.id
        and not c.is_accepted and exists (select from begun)
    )
    select case
      when refusal is not null then refusal
      when exists (select from begun) then 'accepted'
      else 'message_request_not_found'
    end as outcome
    from gate`,
  })
  if (row === undefined) throw new Error('Accepting a request answered no row')
  return row
}

export type DeclinedRequest = { outcome: 'declined' | ConversationRefusal }

/**
 * Declines what a stranger began: all that they wrote so far is hidden from the viewer, and the request is as if it had
 * never come. Its row stays, without a message, because each of the two has one of every conversation. Where there is none,
 * nothing changes. `idx_dm_sender_receiver` serves it.
 */
export async function declineRequest(db: Db, viewer: UserId, stranger: UserRef): Promise<DeclinedRequest> {
  const [row] = await transaction<DeclinedRequest>(db, {
    before: [lockPair(viewer, stranger)],
    main: sql`
    with ${otherAndGate(viewer, stranger)}, declined as (
      update conversations c
      set last_message_id = null, unread_count = 0
      from other, gate
      where gate.refusal is null and other.is_there
        and c.user_id = ${viewer} and c.other_id = other.id and not c.is_accepted
      returning c.other_id
    ), gone as (
      delete from direct_messages m
      using declined
      where m.sender_id = declined.other_id and m.receiver_id = ${viewer} and m.hidden_by_sender
    ), hidden as (
      update direct_messages m
      set hidden_by_receiver = true
      from declined
      where m.sender_id = declined.other_id and m.receiver_id = ${viewer}
        and not m.hidden_by_sender and not m.hidden_by_receiver
    )
    select coalesce(refusal, 'declined') as outcome from gate`,
  })
  if (row === undefined) throw new Error('Declining a request answered no row')
  return row
}
