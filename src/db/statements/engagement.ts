import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import { FLAG_BOOKMARKED, FLAG_LIKED, FLAG_RETWEETED } from '../../contracts/tweet-json.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { outboxRecord, outboxRow } from './outbox.ts'
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

/** The database's clock in microseconds: orders what a timeline is told of flags. */
export const clockVersion = sql`(extract(epoch from clock_timestamp()) * 1000000)::bigint`

/** The viewer's flags of a tweet as bits, as of this statement's snapshot. */
export function flagBits(viewer: number | SQL, tweet: number | SQL): SQL {
  return sql`(
      (exists (select from likes l where l.user_id = ${viewer} and l.tweet_id = ${tweet}))::int * ${FLAG_LIKED}::int
      + (exists (select from retweets r where r.user_id = ${viewer} and r.tweet_id = ${tweet}))::int
        * ${FLAG_RETWEETED}::int
      + (exists (select from bookmarks b where b.user_id = ${viewer} and b.tweet_id = ${tweet}))::int
        * ${FLAG_BOOKMARKED}::int)`
}

/** Why the viewer may not act at all, or null. */
export function viewerRefusal(viewer: UserId): SQL {
  return sql`
      case when not exists (select from users where id = ${viewer} and is_active) then 'unauthenticated'
           when exists (select from users where id = ${viewer} and suspended_at is not null) then 'suspended' end`
}

export const flagsChanged = (viewer: UserId, tweet: TweetId) =>
  outboxRow(
    'fan-out',
    sql`jsonb_build_object('type', 'flags_changed', 'v', 1, 'user_id', ${viewer}::bigint, 'tweet_id', ${tweet}::bigint)`,
  )

/**
 * Likes or bookmarks a tweet that the viewer may see. One statement, which touches no row of the tweet: the count goes
 * to the ledger. A repeat inserts nothing, so it changes nothing and costs no quota.
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
  const [row] = await query<{ result: Engaged }>(
    db,
    sql`
    with target as (
      select t.id, t.${sql.raw(counter)} as count
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${tweet} and ${tweetIsVisibleTo(viewer)}
    ), before as (
      select from ${table} where user_id = ${viewer} and tweet_id = ${tweet}
    ), gate as (
      select coalesce(${viewerRefusal(viewer)}, case when not exists (select from target) then 'tweet_not_found' end)
        as refusal
    ), quota as (${taken}
    ), inserted as (
      insert into ${table} (user_id, tweet_id)
      select ${viewer}::bigint, target.id from target, quota
      where not exists (select from before)
      on conflict do nothing
      returning tweet_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'tweet', tweet_id, ${counter}, 1 from inserted
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${flagsChanged(viewer, tweet)} from inserted
      returning id, queue, message
    )
    select case
      when (select refusal from gate) is not null then json_build_object('outcome', (select refusal from gate))
      when exists (select from inserted) or exists (select from before) then ${done(
        sql`
        ${flagBits(viewer, tweet)} | ${flag}::int`,
        sql`(select count(*) from inserted)`,
      )}
      when exists (select from quota) then ${done(sql`${flagBits(viewer, tweet)} | ${flag}::int`, sql`0`)}
      else json_build_object(
        'outcome', 'rate_limited',
        'retry_after_seconds', ${quota === null ? sql`1` : quotaFreeInSeconds(viewer, quota)})
    end as result`,
  )
  if (row === undefined) throw new Error(`Inserting a ${kind} answered no row`)
  return row.result
}

/** Takes a like or a bookmark back. Works on a tweet that can no longer be seen, too: the row is the viewer's own. */
export async function deleteEngagement(db: Db, kind: Kind, viewer: UserId, tweet: TweetId): Promise<Engaged> {
  const { table, counter, flag } = KINDS[kind]
  const [row] = await query<{ result: Engaged }>(
    db,
    sql`
    with target as (
      select t.id, t.${sql.raw(counter)} as count
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${tweet}
        and (${tweetIsVisibleTo(viewer)}
             or exists (select from ${table} mine where mine.user_id = ${viewer} and mine.tweet_id = t.id))
    ), inserted as (
      delete from ${table} where user_id = ${viewer} and tweet_id = ${tweet} returning tweet_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'tweet', tweet_id, ${counter}, -1 from inserted
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${flagsChanged(viewer, tweet)} from inserted
      returning id, queue, message
    )
    select case
      when not exists (select from target) then json_build_object('outcome', 'tweet_not_found')
      else ${done(sql`${flagBits(viewer, tweet)} & ~${flag}::int`, sql`-(select count(*) from inserted)`)}
    end as result`,
  )
  if (row === undefined) throw new Error(`Deleting a ${kind} answered no row`)
  return row.result
}

function done(flags: SQL, change: SQL): SQL {
  return sql`json_build_object(
        'outcome', 'done',
        'changed', exists (select from inserted),
        'count', greatest(0, (select count from target) + ${change}),
        'state', json_build_object('flags', ${flags}, 'version', ${clockVersion}),
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))`
}

/** The truth about what users did to tweets, for timelines that may have heard otherwise. */
export async function readFlags(
  db: Db,
  pairs: readonly { user_id: UserId; tweet_id: TweetId }[],
): Promise<({ user_id: UserId; tweet_id: TweetId } & FlagsState)[]> {
  const rows = await query<{ state: { user_id: UserId; tweet_id: TweetId } & FlagsState }>(
    db,
    sql`
    select json_build_object(
      'user_id', p.user_id, 'tweet_id', p.tweet_id,
      'flags', ${flagBits(sql`p.user_id`, sql`p.tweet_id`)},
      'version', (extract(epoch from statement_timestamp()) * 1000000)::bigint) as state
    from jsonb_to_recordset(${JSON.stringify(pairs)}::jsonb) as p(user_id bigint, tweet_id bigint)
    join timelines w on w.user_id = p.user_id`,
  )
  return rows.map(({ state }) => state)
}
