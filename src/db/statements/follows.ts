import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, transaction } from '../client.ts'
import { notificationRow, outboxRecord, outboxRow } from './outbox.ts'
import { lockPair } from './pair-lock.ts'
import { sharedPrivacyLock } from './privacy-lock.ts'
import { type Quota, quotaFreeInSeconds, takeQuota } from './quotas.ts'
import { whichUser } from './users.ts'
import { isPresent } from './visibility.ts'

/** Whom to follow, or no longer: the user that a path names and, where the request names one too, the same user's id. */
export interface Followee {
  ref: UserRef
  claimedId: UserId | null
}

/** A change of whom someone follows, as their own timeline is told of it. */
export interface GraphChange {
  followee_id: UserId
  version: number
}

/** `not_claimed`: the user is not the one that the request claims. */
export type Refusal = 'unauthenticated' | 'suspended' | 'user_not_found' | 'not_claimed'

export type Followed =
  | { outcome: 'followed' | 'requested'; change: GraphChange | null; outbox: OutboxRow[] }
  | { outcome: 'rate_limited'; retry_after_seconds: number }
  | { outcome: Refusal | 'cannot_follow_self' | 'blocked' | 'blocking' }

/** The first branches of a `case`: who may not change whom they follow, and whom nobody can. */
export function refusals(follower: UserId, { claimedId }: Followee): SQL {
  return sql`
        when not exists (select from users where id = ${follower} and is_active) then 'unauthenticated'
        when exists (select from users where id = ${follower} and suspended_at is not null) then 'suspended'
        when not exists (select from target) then 'user_not_found'
        when (select id from target) <> ${claimedId}::bigint then 'not_claimed'`
}

/**
 * The CTEs that follow a change of `follows`, whose rows are in `changed (following_id)`: the follower's
 * `graph_version`, the ledger, and the outbox rows by which the follower's timeline is told for certain, and the followee
 * of this change or of one of requests, whose rows are in `requests (target_id)`.
 */
function effectsOf(
  changed: 'followed' | 'unfollowed',
  requests: 'requested' | 'withdrawn',
  follower: UserId,
): SQL {
  const rows = sql.raw(changed)
  const following = changed === 'followed'
  const delta = following ? 1 : -1
  const message = sql`jsonb_build_object(
    'type', 'follow_changed', 'v', 1, 'follower_id', ${follower}::bigint,
    'followee_id', (select following_id from ${rows}), 'following', ${following}::boolean,
    'graph_version', graph_version)`
  return sql`
    versioned as (
      update users set graph_version = graph_version + 1
      where id = ${follower} and exists (select from ${rows})
      returning graph_version
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'user', ${follower}::bigint, 'following_count', ${delta}::int from ${rows}
      union all
      select 'user', following_id, 'follower_count', ${delta}::int from ${rows}
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow('fan-out', message)} from versioned
      union all
      select ${notificationRow('follow_changed', sql`'follower_id', ${follower}::bigint, 'followee_id', followee_id`)}
      from (select following_id as followee_id from ${rows} union all select target_id from ${sql.raw(requests)}) told
      returning id, queue, message
    )`
}

/** What a done change answers besides its outcome, for `json_build_object`: null where nobody is followed or unfollowed. */
const changeAndOutbox = sql`
        'change', (
          select json_build_object('followee_id', (select id from target), 'version', graph_version) from versioned),
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]')`

function sharePrivacy(ref: UserRef): SQL {
  return sql`select ${sharedPrivacyLock(sql`u.id`)} from users u where ${whichUser(ref)}`
}

/** A whole window where all its uses were taken by requests that this one waited for, and so cannot see. */
function retryAfterSeconds(follower: UserId, quota: Quota): SQL {
  return sql`coalesce(${quotaFreeInSeconds(follower, quota)}, ${quota.windowSeconds}::int)`
}

/**
 * Follows, or asks a private account. `graph_version` orders this change among all of the follower's, for
 * the timeline that hears of it by several paths. Following again changes nothing and costs no quota; a request
 * to an account that is public by now becomes a follow.
 */
export async function insertFollow(
  db: Db,
  follower: UserId,
  followee: Followee,
  quota: Quota,
): Promise<Followed> {
  const [row] = await transaction<{ result: Followed }>(db, {
    before: [sharePrivacy(followee.ref), lockPair(follower, followee.ref)],
    main: sql`
    with target as (
      select u.id, u.is_private from users u where ${whichUser(followee.ref)} and ${isPresent}
    ), gate as (
      select case ${refusals(follower, followee)}
        when (select id from target) = ${follower} then 'cannot_follow_self'
        when exists (select from blocks b, target where b.blocker_id = target.id and b.blocked_id = ${follower})
          then 'blocked'
        when exists (select from blocks b, target where b.blocker_id = ${follower} and b.blocked_id = target.id)
          then 'blocking'
        when exists (select from follows f, target where f.follower_id = ${follower} and f.following_id = target.id)
          then 'followed'
        when exists (
          select from follow_requests r, target
          where r.requester_id = ${follower} and r.target_id = target.id and target.is_private)
          then 'requested'
      end as settled
    ), quota as (${takeQuota(follower, quota, sql`(select settled from gate) is null`)}
    ), followed as (
      insert into follows (follower_id, following_id)
      select ${follower}, target.id from target, quota where not target.is_private
      returning following_id
    ), requested as (
      insert into follow_requests (requester_id, target_id)
      select ${follower}, target.id from target, quota where target.is_private
      returning target_id
    ), granted as (
      delete from follow_requests r using followed
      where r.requester_id = ${follower} and r.target_id = followed.following_id
    ), ${effectsOf('followed', 'requested', follower)}
    select case
      when exists (select from followed) or (select settled from gate) = 'followed'
        then json_build_object('outcome', 'followed', ${changeAndOutbox})
      when exists (select from requested) or (select settled from gate) = 'requested'
        then json_build_object('outcome', 'requested', ${changeAndOutbox})
      when (select settled from gate) is not null
        then json_build_object('outcome', (select settled from gate))
      else json_build_object('outcome', 'rate_limited', 'retry_after_seconds',
        ${retryAfterSeconds(follower, quota)})
    end as result`,
  })
  if (row === undefined) throw new Error('Following answered no row')
  return row.result
}

/** What a follower wants of someone they follow; what is absent stays as it is. */
export interface FollowSettings {
  show_retweets?: boolean | undefined
  notify?: boolean | undefined
}

export type FollowSettled =
  | {
      outcome: 'settled'
      show_retweets: boolean
      notify: boolean
      /** Null where whether their retweets are shown did not change. */
      change: GraphChange | null
      outbox: OutboxRow[]
    }
  | { outcome: Exclude<Refusal, 'not_claimed'> | 'not_following' }

/** Changes what a follower wants of someone they follow; their timeline is told whose retweets it shows. */
export async function updateFollow(
  db: Db,
  follower: UserId,
  ref: UserRef,
  { show_retweets, notify }: FollowSettings,
): Promise<FollowSettled> {
  const message = sql`jsonb_build_object(
    'type', 'retweets_wanted', 'v', 1, 'follower_id', ${follower}::bigint, 'followee_id', s.following_id,
    'wanted', s.show_retweets, 'graph_version', v.graph_version)`
  const [row] = await transaction<{ result: FollowSettled }>(db, {
    before: [lockPair(follower, ref)],
    main: sql`
    with target as (
      select u.id from users u where ${whichUser(ref)} and ${isPresent}
    ), gate as (
      select case ${refusals(follower, { ref, claimedId: null })} end as refusal
    ), was as (
      select f.show_retweets from follows f, target where f.follower_id = ${follower} and f.following_id = target.id
    ), settled as (
      update follows f
      set show_retweets = coalesce(${show_retweets ?? null}::boolean, f.show_retweets),
          notify = coalesce(${notify ?? null}::boolean, f.notify)
      from target, gate
      where gate.refusal is null and f.follower_id = ${follower} and f.following_id = target.id
      returning f.following_id, f.show_retweets, f.notify
    ), versioned as (
      update users set graph_version = graph_version + 1
      where id = ${follower} and exists (
        select from settled s, was where s.show_retweets <> was.show_retweets)
      returning graph_version
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow('fan-out', message)} from settled s, versioned v
      returning id, queue, message
    )
    select coalesce(
      (select json_build_object(
         'outcome', 'settled', 'show_retweets', show_retweets, 'notify', notify, ${changeAndOutbox})
       from settled),
      json_build_object('outcome', coalesce(gate.refusal, 'not_following'))) as result
    from gate`,
  })
  if (row === undefined) throw new Error('Changing a follow answered no row')
  return row.result
}

export type Unfollowed =
  | { outcome: 'unfollowed'; change: GraphChange | null; outbox: OutboxRow[] }
  | { outcome: Refusal }

/**
 * Ends a follow, or withdraws the request for one; where there is neither, nothing changes. Someone who was
 * deactivated or suspended can still be unfollowed by their followers, and is not found by others.
 */
export async function deleteFollow(db: Db, follower: UserId, followee: Followee): Promise<Unfollowed> {
  const [row] = await transaction<{ result: Unfollowed }>(db, {
    before: [lockPair(follower, followee.ref)],
    main: sql`
    with target as (
      select u.id from users u
      where ${whichUser(followee.ref)}
        and (${isPresent}
             or exists (select from follows f where f.follower_id = ${follower} and f.following_id = u.id)
             or exists (select from follow_requests r where r.requester_id = ${follower} and r.target_id = u.id))
    ), gate as (
      select case ${refusals(follower, followee)} end as refusal
    ), unfollowed as (
      delete from follows f using target, gate
      where gate.refusal is null and f.follower_id = ${follower} and f.following_id = target.id
      returning f.following_id
    ), withdrawn as (
      delete from follow_requests r using target, gate
      where gate.refusal is null and r.requester_id = ${follower} and r.target_id = target.id
      returning r.target_id
    ), ${effectsOf('unfollowed', 'withdrawn', follower)}
    select case
      when gate.refusal is null then json_build_object('outcome', 'unfollowed', ${changeAndOutbox})
      else json_build_object('outcome', gate.refusal)
    end as result
    from gate`,
  })
  if (row === undefined) throw new Error('Unfollowing answered no row')
  return row.result
}
