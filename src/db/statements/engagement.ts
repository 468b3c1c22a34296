import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import { FLAG_BOOKMARKED, FLAG_LIKED, FLAG_RETWEETED, FLAG_VOTE_SHIFT } from '../../contracts/tweet-json.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { type Db, transaction } from '../client.ts'
import { notificationRow, outboxRecord, outboxRow } from './outbox.ts'
import { type Quota, quotaFreeInSeconds, takeQuota } from './quotas.ts'
import { tweetIsVisibleTo } from './visibility.ts'

/** What the viewer did to a tweet, as their own timeline is told of it; the newest version wins. */
export interface FlagsState {
  flags: number
  /** The database's clock in microseconds when this was true. */
  version: number
}

export type Engaged =
  | {
      outcome: 'done'
      /** False for a repeat: nothing was written and nothing is owed. */
      changed: boolean
      /** The counter as stored, with this change. */
      count: number
      state: FlagsState
      outbox: OutboxRow[]
    }
  | { outcome: 'rate_limited'; retry_after_seconds: number }
  | { outcome: 'tweet_not_found' | 'unauthenticated' | 'suspended' }

type Kind = 'like' | 'bookmark'

const KINDS = {
  like: { table: sql`likes`, counter: 'like_count', flag: FLAG_LIKED },
  bookmark: { table: sql`bookmarks`, counter: 'bookmark_count', flag: FLAG_BOOKMARKED },
} as const

/**
 * Orders what a timeline is told of flags, in microseconds. A write that `changed` something is as new as the moment
 * it has waited for all others; one that only looked is as old as its snapshot, which may lack what was committed since.
 */
export function stateVersion(changed: SQL): SQL {
  return sql`(extract(epoch from case when ${changed} then clock_timestamp() else statement_timestamp() end)
              * 1000000)::bigint`
}

/**
 * What the viewer did to a tweet as bits, as of this statement's snapshot. Each is a probe of a primary key: a scalar
 * subquery, because the planner may turn `exists` into a hash of everything the viewer ever liked.
 */
export function flagBits(viewer: number | SQL, tweet: number | SQL): SQL {
  const acted = (table: string) =>
    sql`(select count(*) from ${sql.raw(table)} a where a.user_id = ${viewer} and a.tweet_id = ${tweet})::int`
  return sql`(
      ${acted('likes')} * ${FLAG_LIKED}::int
      + ${acted('retweets')} * ${FLAG_RETWEETED}::int
      + ${acted('bookmarks')} * ${FLAG_BOOKMARKED}::int
      + coalesce((
          select (v.position + 1) << ${FLAG_VOTE_SHIFT}::int
          from poll_votes v
          where v.tweet_id = ${tweet} and v.user_id = ${viewer}), 0))`
}

/**
 * Acts of one user on one tweet, and readings of them for that user's timeline, wait for each other: first this in a
 * statement of its own, then a statement that sees all that was done before it. Without it what one of them has not seen
 * yet could be told under the newer version. Nobody else waits; of several, the locks are taken in one order.
 */
function actLock(viewer: SQL, tweet: SQL): SQL {
  return sql`hashtextextended('act:' || ${viewer} || ':' || ${tweet}, 0)`
}

export function lockActs(viewer: UserId, tweet: TweetId): SQL {
  return sql`select pg_advisory_xact_lock(${actLock(sql`${viewer}::bigint`, sql`${tweet}::bigint`)})`
}

/** Why the viewer may not act at all, or null. */
export function viewerRefusal(viewer: UserId): SQL {
  return sql`
      case when not exists (select from users where id = ${viewer} and is_active) then 'unauthenticated'
           when exists (select from users where id = ${viewer} and suspended_at is not null) then 'suspended' end`
}

/** The outbox row by which the viewer's own timeline is told for certain what holds now. */
export const flagsChanged = (viewer: UserId, tweet: TweetId) =>
  outboxRow(
    'fan-out',
    sql`jsonb_build_object('type', 'flags_changed', 'v', 1, 'user_id', ${viewer}::bigint, 'tweet_id', ${tweet}::bigint)`,
  )

/**
 * Likes or bookmarks a tweet that the viewer may see. Behind its lock one statement, which touches no row of the tweet: the
 * count goes to the ledger. A repeat inserts nothing, so it changes nothing and costs no quota. Nothing keeps the tweet from
 * being deleted meanwhile: such a like is the last one of a tweet that nobody sees any more.
 */
export async function insertEngagement(
  db: Db,
  kind: Kind,
  viewer: UserId,
  tweet: TweetId,
  quota: Quota | null,
): Promise<Engaged> {
  const { table, counter, flag } = KINDS[kind]
  const allowed = sql`(select refusal from gate) is null`
  const taken =
    quota === null
      ? sql`select true as taken where ${allowed}`
      : takeQuota(viewer, quota, sql`${allowed} and not exists (select from before)`)
  const [row] = await transaction<{ result: Engaged }>(db, {
    before: [lockActs(viewer, tweet)],
    main: sql`
    with target as (
      select t.id, t.user_id, t.${sql.raw(counter)} as count
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${tweet} and ${tweetIsVisibleTo(viewer)}
    ), before as (
      select from ${table} where user_id = ${viewer} and tweet_id = ${tweet}
    ), gate as (
      select coalesce(${viewerRefusal(viewer)}, case when not exists (select from target) then 'tweet_not_found' end)
        as refusal
    ), quota as (${taken}
    ), changed as (
      insert into ${table} (user_id, tweet_id)
      select ${viewer}::bigint, target.id from target, quota
      where not exists (select from before)
      on conflict do nothing
      returning tweet_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'tweet', tweet_id, ${counter}, 1 from changed
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${flagsChanged(viewer, tweet)} from changed${kind === 'like' ? likeChanged(viewer) : sql.empty()}
      returning id, queue, message
    )
    select case
      when (select refusal from gate) is not null then json_build_object('outcome', (select refusal from gate))
      when exists (select from changed) or exists (select from before) then ${done(
        sql`${flagBits(viewer, tweet)} | ${flag}::int`,
        sql`(select count(*) from changed)`,
      )}
      when exists (select from quota) then ${done(sql`${flagBits(viewer, tweet)} | ${flag}::int`, sql`0`)}
      else json_build_object(
        'outcome', 'rate_limited',
        'retry_after_seconds', ${retryAfterSeconds(viewer, quota)})
    end as result`,
  })
  if (row === undefined) throw new Error(`Inserting a ${kind} answered no row`)
  return row.result
}

/** Takes a like or a bookmark back. Works on a tweet that can no longer be seen, too: the row is the viewer's own. */
export async function deleteEngagement(db: Db, kind: Kind, viewer: UserId, tweet: TweetId): Promise<Engaged> {
  const { table, counter, flag } = KINDS[kind]
  const [row] = await transaction<{ result: Engaged }>(db, {
    before: [lockActs(viewer, tweet)],
    main: sql`
    with target as (
      select t.id, t.user_id, t.${sql.raw(counter)} as count
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${tweet}
        and (${tweetIsVisibleTo(viewer)}
             or exists (select from ${table} mine where mine.user_id = ${viewer} and mine.tweet_id = t.id))
    ), gate as (
      select coalesce(${viewerRefusal(viewer)}, case when not exists (select from target) then 'tweet_not_found' end)
        as refusal
    ), changed as (
      delete from ${table}
      where user_id = ${viewer} and tweet_id = ${tweet} and (select refusal from gate) is null
      returning tweet_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'tweet', tweet_id, ${counter}, -1 from changed
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${flagsChanged(viewer, tweet)} from changed${kind === 'like' ? likeChanged(viewer) : sql.empty()}
      returning id, queue, message
    )
    select case
      when (select refusal from gate) is not null then json_build_object('outcome', (select refusal from gate))
      else ${done(sql`${flagBits(viewer, tweet)} & ~${flag}::int`, sql`-(select count(*) from changed)`)}
    end as result`,
  })
  if (row === undefined) throw new Error(`Deleting a ${kind} answered no row`)
  return row.result
}

function done(flags: SQL, change: SQL): SQL {
  return sql`json_build_object(
        'outcome', 'done',
        'changed', exists (select from changed),
        'count', greatest(0, (select count from target) + ${change}),
        'state', json_build_object('flags', ${flags}, 'version', ${stateVersion(sql`exists (select from changed)`)}),
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))`
}

/** The author is told of a like that is not their own. */
const likeChanged = (viewer: UserId) => sql`
      union all
      select ${notificationRow('like_changed', sql`'actor_id', ${viewer}::bigint, 'tweet_id', target.id`)}
      from changed, target
      where target.user_id <> ${viewer}`

/** A whole window where all its uses were taken by requests that this one waited for, and so cannot see. */
function retryAfterSeconds(viewer: UserId, quota: Quota | null): SQL {
  return quota === null
    ? sql`null`
    : sql`coalesce(${quotaFreeInSeconds(viewer, quota)}, ${quota.windowSeconds}::int)`
}

/** The truth about what users did to tweets, for timelines that may have heard otherwise. */
export async function readFlags(
  db: Db,
  pairs: readonly { user_id: UserId; tweet_id: TweetId }[],
): Promise<({ user_id: UserId; tweet_id: TweetId } & FlagsState)[]> {
  const asked = sql`jsonb_to_recordset(${JSON.stringify(pairs)}::jsonb) as p(user_id bigint, tweet_id bigint)`
  const rows = await transaction<{ state: { user_id: UserId; tweet_id: TweetId } & FlagsState }>(db, {
    before: [
      sql`
      select pg_advisory_xact_lock_shared(lock)
      from (select distinct ${actLock(sql`p.user_id`, sql`p.tweet_id`)} as lock from ${asked} order by lock) locks`,
    ],
    main: sql`
    select json_build_object(
      'user_id', p.user_id, 'tweet_id', p.tweet_id,
      'flags', ${flagBits(sql`p.user_id`, sql`p.tweet_id`)},
      'version', (extract(epoch from statement_timestamp()) * 1000000)::bigint) as state
    from ${asked}
    join timelines w on w.user_id = p.user_id`,
  })
  return rows.map(({ state }) => state)
}
