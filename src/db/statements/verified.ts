import { sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { viewerRefusal } from './engagement.ts'
import { outboxRecord, searchRow } from './outbox.ts'
import type { UserCardRow } from './profile-columns.ts'
import { userRecord } from './tweet-columns.ts'
import { whichUser } from './users.ts'
import { isPresent } from './visibility.ts'

export type Verified =
  | { outcome: 'done'; user: UserCardRow; outbox: OutboxRow[] }
  | { outcome: 'unauthenticated' | 'suspended' | 'forbidden' | 'user_not_found' }

/**
 * Says whether a user is who they say they are; what changes nothing writes nothing. `revision` tells timelines that the
 * cards they keep are outdated. One statement, which reads the actor's role itself: a token that was signed before
 * the role was taken away changes nothing.
 */
export async function updateVerified(
  db: Db,
  actor: UserId,
  user: UserRef,
  verified: boolean,
): Promise<Verified> {
  const [row] = await query<{ result: Verified }>(
    db,
    sql`
    with target as materialized (
      select u.* from users u where ${whichUser(user)} and ${isPresent}
    ), gate as materialized (
      select coalesce(${viewerRefusal(actor)}, case
        when not exists (select from users where id = ${actor} and role in ('moderator', 'admin')) then 'forbidden'
        when not exists (select from target) then 'user_not_found' end) as refusal
    ), changed as (
      update users u
      set verified = ${verified}, revision = u.revision + 1, updated_at = now()
      from target, gate
      where gate.refusal is null and u.id = target.id and u.verified <> ${verified}
      returning u.*
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${searchRow('user_changed', sql`'user_id', id`)} from changed
      returning id, queue, message
    )
    select coalesce(
      (select json_build_object('outcome', refusal) from gate where refusal is not null),
      (select json_build_object(
         'outcome', 'done', 'user', ${userRecord('u')}, 'outbox', (select json_agg(${outboxRecord}) from sent))
       from changed u),
      (select json_build_object('outcome', 'done', 'user', ${userRecord('u')}, 'outbox', '[]'::json)
       from target u)) as result`,
  )
  if (row === undefined) throw new Error('Verifying answered no row')
  return row.result
}
