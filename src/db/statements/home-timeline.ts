import { type SQL, sql } from 'drizzle-orm'
import type { Counts } from '../../contracts/tweet-json.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'
import { idFloor } from '../../domain/ids.ts'
import { type Db, query, transaction } from '../client.ts'
import { revision, type TweetRecord, tweetRecord, viewerFlags } from './tweet-columns.ts'
import type { EntryRow, ShownEntry } from './tweets.ts'
import { isPresent, mayRead, noBlockBetween, notMutedBy, tweetIsVisibleTo } from './visibility.ts'

const DAY_MS = 86_400_000
/** Ages at which the windows of a pull end. Each is read only while those before it did not fill the page. */
const WINDOW_AGES_MS = [2 * DAY_MS, 14 * DAY_MS, 90 * DAY_MS]

/**
 * Says that the timeline is warm from now on, under a new epoch: fan-out that looks up followers after this
 * commit delivers to it. Answers the epoch, greater than any before even when the database was restored; null when
 * there is no such user.
 */
export async function commitWarm(db: Db, user: UserId, nowMs: number): Promise<number | null> {
  const [row] = await query<{ epoch: number }>(
    db,
    sql`
    insert into timelines as t (user_id, epoch)
    select id, ${nowMs} from users where id = ${user}
    on conflict (user_id) do update set epoch = greatest(t.epoch + 1, excluded.epoch), warm_at = now()
    returning epoch::float8 as epoch`,
  )
  return row?.epoch ?? null
}

/** The timeline goes cold, unless it was built again since. */
export async function commitCold(db: Db, user: UserId, epoch: number): Promise<void> {
  await query(db, sql`delete from timelines where user_id = ${user} and epoch = ${epoch}`)
}

export interface PulledEntry {
  id: EntryId
  tweet_id: TweetId
  author_id: UserId
  flags: number
}

export interface PulledTimeline {
  entries: PulledEntry[]
  followees: UserId[]
  /** The state of the graph that `followees` shows: operations up to this version are in it. */
  graph_version: number
  /** Whom the owner blocks or mutes, or who blocks the owner: their entries are dropped. */
  dropped: UserId[]
}

/** What may stand on a home timeline: whole conversations are read where they happen. */
const belongsOnHome = sql`t.is_deleted = false and t.reply_to_id is null`

/** The authors of `viewer`'s home timeline. */
function homeAuthors(viewer: UserId): SQL {
  return sql`
      select f.following_id as id
      from follows f
      join users u on u.id = f.following_id
      where f.follower_id = ${viewer} and ${isPresent}
        and ${noBlockBetween(viewer, sql`u.id`)} and ${notMutedBy(viewer, sql`u.id`)}
      union all
      select ${viewer}::bigint`
}

/** The newest entries of `authors` with `from <= id < to`; `idx_tweets_user_created` serves each author. */
function newestBetween(from: number, to: number, limit: number): SQL {
  return sql`
      (select t.id, t.user_id
       from authors a
       cross join lateral (
         select t.id, t.user_id
         from tweets t
         where t.user_id = a.id and t.id >= ${from}::bigint and t.id < ${to}::bigint and ${belongsOnHome}
         order by t.id desc
         limit ${limit}) t
       order by t.id desc
       limit ${limit})`
}

/**
 * The newest `limit` entries below `before`, in windows of ids that widen into the past. `limit` over `union all`
 * stops the append as soon as it is full, so a reader of active authors touches the newest partitions only.
 * The append must keep its order: it runs without parallel workers (`noParallel`).
 */
function newestEntries(before: number, nowMs: number, limit: number): SQL {
  const bounds = [before, ...WINDOW_AGES_MS.map((age) => Math.min(idFloor(nowMs - age), before)), 0]
  const windows = bounds.slice(1).map((from, index) => newestBetween(from, bounds[index] ?? before, limit))
  return sql`select * from (${sql.join(windows, sql` union all `)}) windows limit ${limit}`
}

const noParallel = sql`select set_config('max_parallel_workers_per_gather', '0', true)`

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
    ), newest as materialized (${newestEntries(before, nowMs, limit)}
    )
    select json_build_object(
      'entries', coalesce((
        select json_agg(json_build_object(
          'id', n.id, 'tweet_id', n.id, 'author_id', n.user_id,
          'flags', (exists (select from likes l where l.user_id = ${user} and l.tweet_id = n.id))::int
                 + (exists (select from retweets r where r.user_id = ${user} and r.tweet_id = n.id))::int * 2
                 + (exists (select from bookmarks b where b.user_id = ${user} and b.tweet_id = n.id))::int * 4)
          order by n.id desc)
        from newest n), '[]'),
      'followees', coalesce((select json_agg(following_id) from follows where follower_id = ${user}), '[]'),
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

/**
 * The newest entries of one author, read after the follow's commit; none where the reader may not see them. Whether
 * they may is one value rather than a join, so that `idx_tweets_user_created` gives the newest in order.
 */
export async function readBackfill(
  db: Db,
  reader: UserId,
  author: UserId,
  limit: number,
): Promise<PulledEntry[]> {
  return query<PulledEntry>(
    db,
    sql`
    select t.id::float8 as id, t.id::float8 as tweet_id, t.user_id::float8 as author_id,
           ((exists (select from likes l where l.user_id = ${reader} and l.tweet_id = t.id))::int
            + (exists (select from retweets r where r.user_id = ${reader} and r.tweet_id = t.id))::int * 2
            + (exists (select from bookmarks b where b.user_id = ${reader} and b.tweet_id = t.id))::int * 4) as flags
    from tweets t
    where t.user_id = (
        select u.id
        from users u
        where u.id = ${author} and ${isPresent} and ${mayRead(reader)} and ${notMutedBy(reader, sql`u.id`)})
      and ${belongsOnHome}
    order by t.id desc
    limit ${limit}`,
  )
}

/**
 * The home timeline below what its object keeps, to the end of history. A place whose tweet may not be seen
 * comes back without its entry, so that a page knows how far it has read. `limit 1` keeps each tweet a probe of its
 * primary key: joined, they may be looked for in whole partitions.
 */
export async function readHomeBelow(
  db: Db,
  viewer: UserId,
  { before, nowMs, limit, offset }: { before: number; nowMs: number; limit: number; offset: number },
): Promise<EntryRow[]> {
  return transaction<{ entry_id: EntryId; entry: ShownEntry | null }>(db, {
    before: [noParallel],
    main: sql`
    with authors as materialized (${homeAuthors(viewer)}
    ), newest as materialized (${newestEntries(before, nowMs, limit + offset)}
    )
    select page.id::float8 as entry_id, shown.entry
    from (select id from newest order by id desc offset ${offset}) page
    cross join lateral (
      select case when ${tweetIsVisibleTo(viewer)} then json_build_object(
               'tweet', ${tweetRecord}, 'flags', ${viewerFlags(viewer)}, 'retweeter', null) end as entry
      from tweets t
      join users u on u.id = t.user_id
      where t.id = page.id
      limit 1) shown
    order by page.id desc`,
  })
}

export interface FreshTweet {
  id: TweetId
  /** Deleted, or its author is deactivated or suspended. */
  gone: boolean
  author_is_private: boolean
  revision: string
  counts: Counts
  /** The whole tweet, where the revision that was asked with is not this one. */
  tweet: TweetRecord | null
}

/**
 * Counts and revisions of tweets, with the whole tweet where what the asker knows is outdated: one statement
 * for a page whether its cards are cached, missing or old. A tweet that does not exist has no row. `limit 1` keeps each
 * tweet a probe of its primary key: joined, they may be looked for in whole partitions.
 */
export async function freshenTweets(
  db: Db,
  known: readonly { id: TweetId; revision: string | null }[],
): Promise<FreshTweet[]> {
  const rows = await query<{ fresh: FreshTweet }>(
    db,
    sql`
    select fresh.tweet as fresh
    from jsonb_to_recordset(${JSON.stringify(known)}::jsonb) as k(id bigint, revision text)
    cross join lateral (
      select json_build_object(
               'id', t.id,
               'gone', t.is_deleted or not ${isPresent},
               'author_is_private', u.is_private,
               'revision', ${revision},
               'counts', json_build_object(
                 'likes', t.like_count, 'retweets', t.retweet_count, 'replies', t.reply_count,
                 'quotes', t.quote_count, 'bookmarks', t.bookmark_count),
               'tweet', case when k.revision is distinct from ${revision} then ${tweetRecord} end) as tweet
      from tweets t
      join users u on u.id = t.user_id
      where t.id = k.id
      limit 1) fresh`,
  )
  return rows.map(({ fresh }) => fresh)
}
