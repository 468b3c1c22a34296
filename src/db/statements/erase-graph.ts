import { sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import { array, type Db, query } from '../client.ts'
import { type ErasedStep, type ErasureStep, takeStep } from './account-erasure.ts'
import { countFollows, dropChangedRow, followChangedRow } from './graph-parts.ts'
import { notificationRow } from './outbox.ts'
import { lockPairs } from './pair-lock.ts'

/** The rows of those whose `graph_version` is raised, in one order. */
const lockUsers = (users: readonly UserId[]) =>
  sql`select from users where id = any(${array(users, 'bigint')}) order by id for no key update`

/** Ends that others follow the account; each one's timeline drops what it keeps of it. `follows_fan_out` serves it. */
export async function eraseFollowers(db: Db, step: ErasureStep): Promise<ErasedStep> {
  const { userId, rows } = step
  const followers = await query<{ id: UserId }>(
    db,
    sql`select follower_id::float8 as id from follows where following_id = ${userId} order by follower_id limit ${rows}`,
  )
  const ids = followers.map(({ id }) => id)
  return takeStep(db, step, {
    locks: [lockPairs(userId, ids), lockUsers(ids)],
    erased: sql`lost as (
      delete from follows
      where following_id = ${userId} and follower_id = any(${array(ids, 'bigint')})
      returning follower_id, following_id
    ), versioned as (
      update users u set graph_version = u.graph_version + 1
      from lost
      where u.id = lost.follower_id
      returning u.id, u.graph_version
    ), ledger as (${countFollows('lost', -1)}
      returning subject, subject_id
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${followChangedRow(sql`l.follower_id`, sql`l.following_id`, false, sql`v.graph_version`)}
      from lost l
      join versioned v on v.id = l.follower_id
      returning id, queue, message
    )`,
    counted: sql`select subject, subject_id from ledger`,
    sent: sql`select * from sent`,
    left: ids.length === rows,
  })
}

/** Ends whom the account follows. It has no timeline any more, and they are told no longer that it follows them. */
export async function eraseFollowees(db: Db, step: ErasureStep): Promise<ErasedStep> {
  const { userId, rows } = step
  const followees = await query<{ id: UserId }>(
    db,
    sql`select following_id::float8 as id from follows where follower_id = ${userId} order by following_id limit ${rows}`,
  )
  const ids = followees.map(({ id }) => id)
  return takeStep(db, step, {
    locks: [lockPairs(userId, ids)],
    erased: sql`lost as (
      delete from follows
      where follower_id = ${userId} and following_id = any(${array(ids, 'bigint')})
      returning follower_id, following_id
    ), ledger as (${countFollows('lost', -1)}
      returning subject, subject_id
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${notificationRow('follow_changed', sql`'follower_id', follower_id, 'followee_id', following_id`)}
      from lost
      returning id, queue, message
    )`,
    counted: sql`select subject, subject_id from ledger`,
    sent: sql`select * from sent`,
    left: ids.length === rows,
  })
}

/** Takes back requests in both directions. Those whom it had asked are told no longer that it does. */
export async function eraseFollowRequests(db: Db, step: ErasureStep): Promise<ErasedStep> {
  const { userId, rows } = step
  const others = await query<{ id: UserId }>(
    db,
    sql`
    (select target_id::float8 as id
     from follow_requests
     where requester_id = ${userId}
     order by target_id
     limit ${rows})
    union all
    (select requester_id::float8 as id
     from follow_requests
     where target_id = ${userId}
     order by created_at, requester_id
     limit ${rows})
    limit ${rows}`,
  )
  const ids = others.map(({ id }) => id)
  const these = array(ids, 'bigint')
  return takeStep(db, step, {
    locks: [lockPairs(userId, ids)],
    erased: sql`asked as (
      delete from follow_requests
      where requester_id = ${userId} and target_id = any(${these})
      returning requester_id, target_id
    ), was_asked as (
      delete from follow_requests where target_id = ${userId} and requester_id = any(${these})
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${notificationRow('follow_changed', sql`'follower_id', requester_id, 'followee_id', target_id`)}
      from asked
      returning id, queue, message
    )`,
    sent: sql`select * from sent`,
    left: ids.length === rows,
  })
}

/** Ends blocks in both directions; the others' timelines are told. `blocks_blocked_id` serves who blocks it. */
export async function eraseBlocks(db: Db, step: ErasureStep): Promise<ErasedStep> {
  const { userId, rows } = step
  const others = await query<{ id: UserId }>(
    db,
    sql`
    (select blocked_id::float8 as id from blocks where blocker_id = ${userId} order by blocked_id limit ${rows})
    union all
    (select blocker_id::float8 as id from blocks where blocked_id = ${userId} order by blocker_id limit ${rows})
    limit ${rows}`,
  )
  const ids = others.map(({ id }) => id)
  const these = array(ids, 'bigint')
  const undrop = dropChangedRow({
    user: sql`e.other_id`,
    other: sql`${userId}::bigint`,
    reason: sql`e.reason`,
    dropped: false,
    untilMs: sql`null`,
    version: sql`v.graph_version`,
  })
  return takeStep(db, step, {
    locks: [lockPairs(userId, ids), lockUsers(ids)],
    erased: sql`unblocked as (
      delete from blocks
      where blocker_id = ${userId} and blocked_id = any(${these})
      returning blocked_id as other_id, 'blocked_by' as reason
    ), unblocking as (
      delete from blocks
      where blocked_id = ${userId} and blocker_id = any(${these})
      returning blocker_id as other_id, 'block' as reason
    ), ended as (
      select * from unblocked union all select * from unblocking
    ), versioned as (
      update users u set graph_version = u.graph_version + 1
      where u.id in (select other_id from ended)
      returning u.id, u.graph_version
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${undrop} from ended e join versioned v on v.id = e.other_id
      returning id, queue, message
    )`,
    sent: sql`select * from sent`,
    left: ids.length === rows,
  })
}
