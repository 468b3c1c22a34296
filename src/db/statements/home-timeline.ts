import { type SQL, sql } from 'drizzle-orm'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'
import { idFloor, timeOf } from '../../domain/ids.ts'
import { type Db, transaction } from '../client.ts'
import { flagBits } from './engagement.ts'
import type { UserCardRow } from './profile-columns.ts'
import type { Marker } from './timelines.ts'
import { tweetRecord, userRecord, viewerFlags } from './tweet-columns.ts'
import type { EntryRow } from './tweets.ts'
import { isPresent, mayRead, noBlockBetween, notMutedBy, tweetIsVisibleTo } from './visibility.ts'

const DAY_MS = 86_400_000
/** Ages at which the windows of a pull end. Each is read only while those before it did not fill the page. */
const WINDOW_AGES_MS = [2 * DAY_MS, 14 * DAY_MS, 90 * DAY_MS]

export interface PulledEntry {
  /** The tweet's id, or the retweet's. */
  id: EntryId
  tweet_id: TweetId
  author_id: UserId
  retweeter: UserCardRow | null
}

/** What the reader did to pulled tweets and to those they quote: only where they did something. */
export interface PulledFlags {
  tweet_id: TweetId
  flags: number
}

export interface PulledEntries {
  entries: PulledEntry[]
  acted: PulledFlags[]
  /** The database's clock in microseconds when this was read: what `acted` says holds as of then. */
  version: number
}

export interface PulledTimeline extends PulledEntries {
  followees: UserId[]
  /** The state of the graph that `followees` shows: operations up to this version are in it. */
  graph_version: number
  /** Whom the owner blocks or mutes, or who blocks the owner: their entries are dropped. */
  dropped: UserId[]
  /** How far the owner had read when the timeline last went cold. */
  marker: Marker | null
}

/** The authors of the reader's home timeline, and whether their retweets stand on it. */
function homeAuthors(reader: UserId): SQL {
  return sql`
      select f.following_id as id, f.show_retweets
      from follows f
      join users u on u.id = f.following_id
      where f.follower_id = ${reader} and ${isPresent}
        and ${noBlockBetween(reader, sql`u.id`)} and ${notMutedBy(reader, sql`u.id`)}
      union all
      select ${reader}::bigint, true`
}

/**
 * Whether the tweet of this alias belongs on the reader's home timeline: a reply does for those who follow both, for
 * whom it answers, and for its author.
 */
export function replyBelongs(reader: number | SQL, alias: 't' | 'shown' = 't'): SQL {
  const t = sql.raw(alias)
  return sql`(
          ${t}.reply_to_id is null or ${t}.user_id = ${reader} or ${t}.reply_to_user_id in (${t}.user_id, ${reader})
          or (select count(*) from follows f2
              where f2.follower_id = ${reader} and f2.following_id = ${t}.reply_to_user_id) > 0)`
}

/**
 * The newest (or oldest) entries of `authors` with `from <= id < to`: their tweets and their retweets of what the reader may
 * see. `idx_tweets_user_created` and `idx_retweets_user_id` give each author's in order.
 */
function entriesBetween(
  reader: UserId,
  from: number,
  to: number,
  { limit, order }: { limit: number; order: 'asc' | 'desc' },
): SQL {
  const by = sql.raw(order)
  return sql`
      (select e.id, e.tweet_id, e.author_id, e.retweeter_id
       from authors a
       cross join lateral (
         (select t.id, t.id as tweet_id, t.user_id as author_id, null::bigint as retweeter_id
          from tweets t
          where t.user_id = a.id and t.id >= ${from}::bigint and t.id < ${to}::bigint and t.is_deleted = false
            and ${replyBelongs(reader)}
          order by t.id ${by}
          limit ${limit})
         union all
         (select r.id, r.tweet_id, t.user_id, r.user_id
          from retweets r
          join tweets t on t.id = r.tweet_id
          join users u on u.id = t.user_id
          where r.user_id = a.id and a.show_retweets and r.id >= ${from}::bigint and r.id < ${to}::bigint
            and ${tweetIsVisibleTo(reader)} and ${notMutedBy(reader, sql`u.id`)}
          order by r.id ${by}
          limit ${limit})) e
       order by e.id ${by}
       limit ${limit})`
}

/**
 * The newest `limit` entries below `before`, in windows of ids that widen into the past. `limit` over `union all`
 * stops the append as soon as it is full, so a reader of active authors touches the newest partitions only.
 * The append must keep its order: it runs without parallel workers (`noParallel`).
 */
function newestEntries(reader: UserId, before: number, nowMs: number, limit: number): SQL {
  const bounds = [before, ...WINDOW_AGES_MS.map((age) => Math.min(idFloor(nowMs - age), before)), 0]
  const windows = bounds
    .slice(1)
    .map((from, index) => entriesBetween(reader, from, bounds[index] ?? before, { limit, order: 'desc' }))
  return sql`select * from (${sql.join(windows, sql` union all `)}) windows limit ${limit}`
}

/** The oldest `limit` entries with `after < id < below`, in windows of ids that widen into the future. */
function oldestEntries(
  reader: UserId,
  { after, below }: { after: number; below: number },
  limit: number,
): SQL {
  const afterMs = timeOf(after as EntryId)
  const ends = WINDOW_AGES_MS.map((age) => Math.min(Math.max(idFloor(afterMs + age), after + 1), below))
  const bounds = [after + 1, ...ends, below]
  const windows = bounds
    .slice(1)
    .map((to, index) => entriesBetween(reader, bounds[index] ?? below, to, { limit, order: 'asc' }))
  return sql`select * from (${sql.join(windows, sql` union all `)}) windows limit ${limit}`
}

const noParallel = sql`select set_config('max_parallel_workers_per_gather', '0', true)`

/** The columns of PulledEntries, of the entries `newest`. */
function pulledEntries(reader: UserId): SQL {
  return sql`
      'version', (extract(epoch from statement_timestamp()) * 1000000)::bigint,
      'entries', coalesce((
        select json_agg(json_build_object(
          'id', n.id, 'tweet_id', n.tweet_id, 'author_id', n.author_id,
          'retweeter', case when r.id is not null then ${userRecord('r')} end)
          order by n.id desc)
        from newest n
        left join users r on r.id = n.retweeter_id), '[]'),
      'acted', coalesce((
        select json_agg(json_build_object('tweet_id', s.id, 'flags', s.flags))
        from (
          select shown.id, ${flagBits(reader, sql`shown.id`)} as flags
          from (select tweet_id as id from newest
                union
                select quoting.quote_tweet_id
                from newest n
                cross join lateral (select t.quote_tweet_id from tweets t where t.id = n.tweet_id limit 1) quoting
                where quoting.quote_tweet_id is not null) shown) s
        where s.flags <> 0), '[]')`
}

/** Everything a home timeline is built of, as of one moment: one statement sees one snapshot. */
export async function pullTimeline(
  db: Db,
  user: UserId,
  { before, nowMs, limit }: { before: number; nowMs: number; limit: number },
): Promise<PulledTimeline> {
  const [row] = await transaction<{ pulled: PulledTimeline }>(db, {
    before: [noParallel],
    main: sql`
    with authors as materialized (${homeAuthors(user)}
    ), newest as materialized (${newestEntries(user, before, nowMs, limit)}
    )
    select json_build_object(${pulledEntries(user)},
      'followees', coalesce((select json_agg(following_id) from follows where follower_id = ${user}), '[]'),
      'marker', (
        select json_build_object(
          'lastReadId', last_read_id, 'updatedAtMs', (extract(epoch from updated_at) * 1000)::bigint)
        from home_markers
        where user_id = ${user}),
      'graph_version', coalesce((select graph_version from users where id = ${user}), 0),
      'dropped', coalesce((
        select json_agg(id)
        from (select blocked_id as id from blocks where blocker_id = ${user}
              union select blocker_id from blocks where blocked_id = ${user}
              union select muted_id from mutes
                    where muter_id = ${user} and (expires_at is null or expires_at > now())) d), '[]')) as pulled`,
  })
  if (row === undefined) throw new Error('Pulling a timeline answered no row')
  return row.pulled
}

/** The newest entries of one author, read after the follow's commit; none where the reader may not see them. */
export async function readBackfill(
  db: Db,
  reader: UserId,
  author: UserId,
  { nowMs, before, limit }: { nowMs: number; before: number; limit: number },
): Promise<PulledEntries> {
  const [row] = await transaction<{ pulled: PulledEntries }>(db, {
    before: [noParallel],
    main: sql`
    with authors as materialized (
      select u.id, coalesce(f.show_retweets, true) as show_retweets
      from users u
      left join follows f on f.follower_id = ${reader} and f.following_id = u.id
      where u.id = ${author} and ${isPresent} and ${mayRead(reader)} and ${notMutedBy(reader, sql`u.id`)}
    ), newest as materialized (${newestEntries(reader, before, nowMs, limit)}
    )
    select json_build_object(${pulledEntries(reader)}) as pulled`,
  })
  if (row === undefined) throw new Error('A backfill answered no row')
  return row.pulled
}

/** Where a read below the kept entries begins. */
export interface BelowPage {
  before: number
  /** The newest entry of this scroll: what is newer is as if it were not there. */
  top: number
  nowMs: number
  limit: number
  offset: number
}

/**
 * The home timeline below what its object keeps, to the end of history. A place whose tweet may not be seen, or
 * stands further up as somebody's newer retweet, comes back without its entry, so that a page knows how far it has read.
 * `limit 1` keeps each tweet a probe of its primary key: joined, they may be looked for in whole partitions.
 */
export async function readHomeBelow(
  db: Db,
  viewer: UserId,
  { before, top, nowMs, limit, offset }: BelowPage,
): Promise<EntryRow[]> {
  const newest = newestEntries(viewer, before, nowMs, limit + offset)
  return transaction(db, {
    before: [noParallel],
    main: pageOf(
      viewer,
      top,
      sql`select * from (${newest}) newest order by id desc offset ${offset}`,
      'desc',
    ),
  })
}

/** Where a read of newer entries begins, and where the object takes over. */
export interface AbovePage {
  after: number
  below: number
  top: number
  limit: number
}

/** As `readHomeBelow`, upwards: the oldest entries with `after < id < below` that are not newer than `top`. */
export async function readHomeAbove(
  db: Db,
  viewer: UserId,
  { after, below, top, limit }: AbovePage,
): Promise<EntryRow[]> {
  const bounds = { after, below: Math.min(below, top + 1) }
  return transaction(db, {
    before: [noParallel],
    main: pageOf(viewer, top, oldestEntries(viewer, bounds, limit), 'asc'),
  })
}

/** Entries as one reader sees them, in their order. */
function pageOf(viewer: UserId, top: number, entries: SQL, order: 'asc' | 'desc'): SQL {
  return sql`
    with authors as materialized (${homeAuthors(viewer)}
    ), page as materialized (${entries}
    )
    select page.id::float8 as entry_id, shown.entry
    from page
    cross join lateral (
      select case when ${tweetIsVisibleTo(viewer)} and not exists (
               select from retweets newer
               join authors a on a.id = newer.user_id and a.show_retweets
               where newer.tweet_id = page.tweet_id and newer.id > page.id and newer.id <= ${top}::bigint)
             then json_build_object(
               'tweet', ${tweetRecord(viewer)},
               'flags', ${viewerFlags(viewer)},
               'retweeter', case when r.id is not null then ${userRecord('r')} end) end as entry
      from tweets t
      join users u on u.id = t.user_id
      left join users r on r.id = page.retweeter_id
      where t.id = page.tweet_id
      limit 1) shown
    order by page.id ${sql.raw(order)}`
}
