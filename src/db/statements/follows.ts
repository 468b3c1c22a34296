import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query, transaction } from '../client.ts'
import { outboxRecord, outboxRow } from './outbox.ts'
import type { UserCardRow } from './profile-columns.ts'
import { type Quota, quotaFreeInSeconds, takeQuota } from './quotas.ts'
import { userRecord } from './tweet-columns.ts'
import { isPresent, noBlockBetween, viewerId } from './visibility.ts'

/** A change of whom someone follows, as their own timeline is told of it. */
export interface GraphChange {
  followee_id: UserId
  version: number
  outbox: OutboxRow[]
}

export type Followed =
  | { outcome: 'followed' | 'requested'; followee_id: UserId; change: GraphChange | null }
  | { outcome: 'rate_limited'; retry_after_seconds: number }
  | { outcome: 'user_not_found' | 'blocked' | 'cannot_follow_self' | 'unauthenticated' | 'suspended' }

/**
 * Whoever follows, unfollows or blocks takes this lock on the pair first: what the next statement sees then is
 * what the others did. On the pair, because a lock on a popular user's row would queue all their followers.
 */
function lockPair(follower: UserId, followee: SQL): SQL {
  return sql`
    select pg_advisory_xact_lock(hashtextextended(least(${follower}, u.id) || ':' || greatest(${follower}, u.id), 0))
    from users u
    where ${followee}`
}

const graphChange = sql`(
      select json_build_object(
        'followee_id', (select id from target),
        'version', (select graph_version from versioned),
        'outbox', (select json_agg(${outboxRecord}) from sent))
      from versioned)`

const followChanged = (follower: UserId, following: boolean) =>
  outboxRow(
    'fan-out',
    sql`jsonb_build_object(
          'type', 'follow_changed', 'v', 1, 'follower_id', ${follower}::bigint,
          'followee_id', (select id from target), 'following', ${following}::boolean,
          'graph_version', graph_version)`,
  )

/**
 * Follows, or asks a private account. `graph_version` orders this change among all of the follower's, for
 * the timeline that hears of it by several paths. Following again changes nothing and costs no quota.
 */
export async function insertFollow(db: Db, follower: UserId, followee: SQL, quota: Quota): Promise<Followed> {
  const [row] = await transaction<{ result: Followed }>(db, {
    before: [lockPair(follower, followee)],
    main: sql`
    with target as (
      select u.id, u.is_private from users u where ${followee} and ${isPresent}
    ), gate as (
      select case
        when not exists (select from users where id = ${follower} and is_active) then 'unauthenticated'
        when exists (select from users where id = ${follower} and suspended_at is not null) then 'suspended'
        when not exists (select from target) then 'user_not_found'
        when (select id from target) = ${follower} then 'cannot_follow_self'
        when exists (select from blocks b, target where b.blocker_id = target.id and b.blocked_id = ${follower})
          then 'blocked'
        when exists (select from blocks b, target where b.blocker_id = ${follower} and b.blocked_id = target.id)
          then 'user_not_found'
        when exists (select from follows f, target where f.follower_id = ${follower} and f.following_id = target.id)
          then 'followed'
        when exists (
          select from follow_requests r, target where r.requester_id = ${follower} and r.target_id = target.id)
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
    ), versioned as (
      update users set graph_version = graph_version + 1
      where id = ${follower} and exists (select from followed)
      returning graph_version
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'user', ${follower}::bigint, 'following_count', 1 from followed
      union all
      select 'user', following_id, 'follower_count', 1 from followed
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${followChanged(follower, true)} from versioned
      returning id, queue, message
    )
    select case
      when exists (select from followed) or (select settled from gate) = 'followed' then json_build_object(
        'outcome', 'followed', 'followee_id', (select id from target), 'change', ${graphChange})
      when exists (select from requested) or (select settled from gate) = 'requested' then json_build_object(
        'outcome', 'requested', 'followee_id', (select id from target), 'change', null)
      when (select settled from gate) is not null then json_build_object('outcome', (select settled from gate))
      else json_build_object(
        'outcome', 'rate_limited', 'retry_after_seconds', ${quotaFreeInSeconds(follower, quota)})
    end as result`,
  })
  if (row === undefined) throw new Error('Following answered no row')
  return row.result
}

export type Unfollowed =
  | { outcome: 'unfollowed'; followee_id: UserId; change: GraphChange | null }
  | { outcome: 'user_not_found' }

/** Ends a follow, or withdraws the request for one. */
export async function deleteFollow(db: Db, follower: UserId, followee: SQL): Promise<Unfollowed> {
  const [row] = await transaction<{ result: Unfollowed }>(db, {
    before: [lockPair(follower, followee)],
    main: sql`
    with target as (
      select u.id from users u where ${followee}
    ), unfollowed as (
      delete from follows f using target
      where f.follower_id = ${follower} and f.following_id = target.id
      returning f.following_id
    ), withdrawn as (
      delete from follow_requests r using target where r.requester_id = ${follower} and r.target_id = target.id
    ), versioned as (
      update users set graph_version = graph_version + 1
      where id = ${follower} and exists (select from unfollowed)
      returning graph_version
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'user', ${follower}::bigint, 'following_count', -1 from unfollowed
      union all
      select 'user', following_id, 'follower_count', -1 from unfollowed
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${followChanged(follower, false)} from versioned
      returning id, queue, message
    )
    select case
      when exists (select from target) then json_build_object(
        'outcome', 'unfollowed', 'followee_id', (select id from target), 'change', ${graphChange})
      else json_build_object('outcome', 'user_not_found')
    end as result`,
  })
  if (row === undefined) throw new Error('Unfollowing answered no row')
  return row.result
}

export interface ListedUserRow {
  user: UserCardRow
  relationship: {
    is_following: boolean
    is_followed_by: boolean
    follow_requested: boolean
    is_blocking: boolean
    is_muting: boolean
  }
  /** Where the next page begins: microseconds since 1970, as text because they outgrow a number. */
  at_us: string
  id: UserId
}

/** What stands between the viewer and the user `u`, as JSON: five probes of primary keys. */
export function relationshipRecord(viewer: number): SQL {
  return sql`json_build_object(
    'is_following', exists (select from follows f where f.follower_id = ${viewer} and f.following_id = u.id),
    'is_followed_by', exists (select from follows f where f.follower_id = u.id and f.following_id = ${viewer}),
    'follow_requested', exists (
      select from follow_requests q where q.requester_id = ${viewer} and q.target_id = u.id),
    'is_blocking', exists (select from blocks b where b.blocker_id = ${viewer} and b.blocked_id = u.id),
    'is_muting', exists (
      select from mutes m
      where m.muter_id = ${viewer} and m.muted_id = u.id and (m.expires_at is null or m.expires_at > now())))`
}

/**
 * The followers of a user, or whom the user follows, newest first; null where there is no such user. A private
 * account's lists are for its followers. `idx_follows_following_id` and `idx_follows_follower_id` serve them.
 * Created-at alone is no key (a seed or an import may write many at once), so the user's id breaks ties.
 */
export async function readFollowList(
  db: Db,
  owner: SQL,
  viewer: UserId | null,
  {
    direction,
    before,
    offset,
    limit,
  }: {
    direction: 'followers' | 'following'
    before: { atUs: string; id: number } | null
    offset: number
    limit: number
  },
): Promise<ListedUserRow[] | null> {
  const who = viewerId(viewer)
  const [mine, theirs] =
    direction === 'followers'
      ? [sql`f.following_id`, sql`f.follower_id`]
      : [sql`f.follower_id`, sql`f.following_id`]
  const older =
    before === null
      ? sql`true`
      : sql`(f.created_at, ${theirs}) < (to_timestamp(0) + ${before.atUs}::bigint * interval '1 microsecond', ${before.id})`
  const rows = await query<{ listed: ListedUserRow | null }>(
    db,
    sql`
    with owner as (
      select u.id,
             (u.id = ${who} or not u.is_private
              or exists (select from follows f where f.follower_id = ${who} and f.following_id = u.id))
             and ${noBlockBetween(who, sql`u.id`)} as readable
      from users u
      where ${owner} and ${isPresent}
    )
    select listed.listed
    from owner
    left join lateral (
      select json_build_object(
               'user', ${userRecord('u')},
               'relationship', ${relationshipRecord(who)},
               'at_us', (extract(epoch from f.created_at) * 1000000)::bigint::text,
               'id', u.id) as listed,
             f.created_at, u.id
      from follows f
      join users u on u.id = ${theirs}
      where owner.readable and ${mine} = owner.id and ${older} and ${isPresent}
        and ${noBlockBetween(who, sql`u.id`)}
      order by f.created_at desc, ${theirs} desc
      limit ${limit} offset ${offset}) listed on true
    order by listed.created_at desc, listed.id desc`,
  )
  if (rows.length === 0) return null
  return rows.flatMap(({ listed }) => (listed === null ? [] : [listed]))
}
