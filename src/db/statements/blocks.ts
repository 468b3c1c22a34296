import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, transaction } from '../client.ts'
import { type Refusal, refusals } from './follows.ts'
import { countFollows, dropChangedRow, followChangedRow, lockBoth } from './graph-parts.ts'
import { notificationRow, outboxRecord } from './outbox.ts'
import { lockPair } from './pair-lock.ts'
import { whichUser } from './users.ts'
import { isPresent } from './visibility.ts'

/** A block that was made or ended, as the blocker's timeline is told of it. */
export interface BlockChange {
  blocked_id: UserId
  version: number
  /** Whether the blocker followed them, and whether any follow has ended. */
  was_following: boolean
  counters_changed: boolean
}

/** `change` is null where nothing changed. */
export type Blocked =
  | { outcome: 'done'; change: BlockChange | null; outbox: OutboxRow[] }
  | { outcome: Exclude<Refusal, 'not_claimed'> | 'cannot_block_self' }

/**
 * Locks the lists of each that the other is on, before a statement that takes them off. A list is found by its owner, who has
 * few: somebody may be on very many.
 */
function lockListsBetween(user: UserId, other: UserRef): SQL {
  const those = sql`(select u.id from users u where ${whichUser(other)})`
  const has = (member: SQL) =>
    sql`(select count(*) from list_members m where m.list_id = l.id and m.user_id = ${member}) > 0`
  return sql`
    select from lists l
    where (l.owner_id = ${user} and ${has(those)}) or (l.owner_id = ${those} and ${has(sql`${user}`)})
    order by l.id
    for no key update`
}

/**
 * Blocks, and ends what there was between the two: follows and requests, in both directions, and being on each other's lists.
 * Each of the two timelines is told for certain, and whoever was told of the other is told no longer. Again does nothing; of
 * two who block each other each does by themselves.
 */
export async function insertBlock(db: Db, blocker: UserId, ref: UserRef): Promise<Blocked> {
  const [row] = await transaction<{ result: Blocked }>(db, {
    before: [lockPair(blocker, ref), lockBoth(blocker, ref), lockListsBetween(blocker, ref)],
    main: sql`
    with target as (
      select u.id from users u where ${whichUser(ref)} and ${isPresent}
    ), gate as (
      select case ${refusals(blocker, { ref, claimedId: null })}
        when (select id from target) = ${blocker} then 'cannot_block_self'
      end as refusal
    ), blocked as (
      insert into blocks (blocker_id, blocked_id)
      select ${blocker}, target.id from target, gate where gate.refusal is null
      on conflict do nothing
      returning blocked_id
    ), sides as (
      select ${blocker}::bigint as user_id, blocked_id as other_id, 'block' as reason from blocked
      union all
      select blocked_id, ${blocker}, 'blocked_by' from blocked
    ), lost as (
      delete from follows f using sides s
      where f.follower_id = s.user_id and f.following_id = s.other_id
      returning f.follower_id, f.following_id
    ), withdrawn as (
      delete from follow_requests r using sides s
      where r.requester_id = s.user_id and r.target_id = s.other_id
    ), unlisted as (
      delete from list_members m
      using sides s, lists l
      where l.owner_id = s.user_id and m.list_id = l.id and m.user_id = s.other_id
      returning m.list_id
    ), recounted as (
      update lists l set member_count = l.member_count - 1, updated_at = now()
      from unlisted
      where l.id = unlisted.list_id
    ), versioned as (
      update users u set graph_version = u.graph_version + 1
      from sides s
      where u.id = s.user_id
      returning u.id, s.other_id, s.reason, u.graph_version
    ), ledger as (${countFollows('lost', -1)}
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${dropRow(true)} from versioned v
      union all
      select ${followChangedRow(sql`l.follower_id`, sql`l.following_id`, false, sql`v.graph_version`)}
      from lost l
      join versioned v on v.id = l.follower_id
      union all
      select ${notificationRow('block_changed', sql`'blocker_id', ${blocker}::bigint, 'blocked_id', blocked_id`)}
      from blocked
      returning id, queue, message
    )
    select case
      when gate.refusal is not null then json_build_object('outcome', gate.refusal)
      else json_build_object(
        'outcome', 'done',
        'change', (
          select json_build_object(
            'blocked_id', v.other_id, 'version', v.graph_version,
            'was_following', exists (select from lost where follower_id = ${blocker}),
            'counters_changed', exists (select from lost))
          from versioned v
          where v.reason = 'block'),
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))
    end as result
    from gate`,
  })
  if (row === undefined) throw new Error('Blocking answered no row')
  return row.result
}

/** Ends a block; nothing else comes back with it. Somebody who was deactivated or suspended meanwhile is found by their blocker. */
export async function deleteBlock(db: Db, blocker: UserId, ref: UserRef): Promise<Blocked> {
  const [row] = await transaction<{ result: Blocked }>(db, {
    before: [lockPair(blocker, ref), lockBoth(blocker, ref)],
    main: sql`
    with target as (
      select u.id from users u
      where ${whichUser(ref)}
        and (${isPresent} or exists (select from blocks b where b.blocker_id = ${blocker} and b.blocked_id = u.id))
    ), gate as (
      select case ${refusals(blocker, { ref, claimedId: null })} end as refusal
    ), unblocked as (
      delete from blocks b using target, gate
      where gate.refusal is null and b.blocker_id = ${blocker} and b.blocked_id = target.id
      returning b.blocked_id
    ), versioned as (
      update users u set graph_version = u.graph_version + 1
      from (
        select ${blocker}::bigint as user_id, blocked_id as other_id, 'block' as reason from unblocked
        union all
        select blocked_id, ${blocker}, 'blocked_by' from unblocked) s
      where u.id = s.user_id
      returning u.id, s.other_id, s.reason, u.graph_version
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${dropRow(false)} from versioned v
      returning id, queue, message
    )
    select case
      when gate.refusal is not null then json_build_object('outcome', gate.refusal)
      else json_build_object(
        'outcome', 'done',
        'change', (
          select json_build_object(
            'blocked_id', v.other_id, 'version', v.graph_version, 'was_following', false, 'counters_changed', false)
          from versioned v
          where v.reason = 'block'),
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))
    end as result
    from gate`,
  })
  if (row === undefined) throw new Error('Unblocking answered no row')
  return row.result
}

const dropRow = (dropped: boolean) =>
  dropChangedRow({
    user: sql`v.id`,
    other: sql`v.other_id`,
    reason: sql`v.reason`,
    dropped,
    untilMs: sql`null`,
    version: sql`v.graph_version`,
  })
