import { sql } from 'drizzle-orm'
import type { MessageId, UserId } from '../../domain/ids.ts'
import { array, type Db, query } from '../client.ts'
import { type ErasedStep, type ErasureStep, hasOne, takeStep } from './account-erasure.ts'
import { lockPairs } from './pair-lock.ts'

/** Of which one step deletes messages: each is a lock. */
const CONVERSATIONS_PER_STEP = 20

interface Found {
  others: UserId[]
  messages: MessageId[]
}

/**
 * Deletes the account's conversations, for both: as long as one of the two cannot be seen, the other does not see them
 * either. First the messages, in both directions, then both rows. `idx_dm_sender_receiver` serves each direction.
 */
export async function eraseMessages(db: Db, step: ErasureStep): Promise<ErasedStep> {
  const { userId, rows } = step
  const { others, messages } = await nextConversations(db, step)
  const with_ = array(others, 'bigint')
  const gone = array(messages, 'bigint')
  return takeStep(db, step, {
    locks: [lockPairs(userId, others)],
    erased: sql`deleted as (
      delete from direct_messages where id = any(${gone}) and ${userId} in (sender_id, receiver_id)
    ), emptied as (
      select other_id
      from unnest(${with_}) as other(other_id)
      where not ${hasOne(sql`from direct_messages m
              where m.sender_id = ${userId} and m.receiver_id = other_id and m.id <> all(${gone})`)}
        and not ${hasOne(sql`from direct_messages m
              where m.sender_id = other_id and m.receiver_id = ${userId} and m.id <> all(${gone})`)}
    ), ended as (
      delete from conversations where user_id = ${userId} and other_id in (select other_id from emptied)
    ), ended_for_them as (
      delete from conversations where other_id = ${userId} and user_id in (select other_id from emptied)
    )`,
    left: messages.length === rows || others.length === Math.min(rows, CONVERSATIONS_PER_STEP),
  })
}

/** Some conversations, and some of their messages. Each of the two has a row of every conversation. */
async function nextConversations(db: Db, { userId, rows }: ErasureStep): Promise<Found> {
  const [found] = await query<{ found: Found }>(
    db,
    sql`
    with mine as materialized (
      select other_id
      from conversations
      where user_id = ${userId}
      order by other_id
      limit ${Math.min(rows, CONVERSATIONS_PER_STEP)}
    )
    select json_build_object(
      'others', coalesce((select json_agg(other_id) from mine), '[]'),
      'messages', coalesce((
        select json_agg(one.id)
        from (
          select m.id
          from mine
          cross join lateral (
            (select id
             from direct_messages
             where sender_id = ${userId} and receiver_id = mine.other_id
             order by id desc
             limit ${rows})
            union all
            (select id
             from direct_messages
             where sender_id = mine.other_id and receiver_id = ${userId}
             order by id desc
             limit ${rows})) m
          limit ${rows}) one), '[]')) as found`,
  )
  return found?.found ?? { others: [], messages: [] }
}
