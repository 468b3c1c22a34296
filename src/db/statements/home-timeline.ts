import { type SQL, sql } from 'drizzle-orm'
import type { DropReason, MutedWord } from '../../contracts/timeline.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'
import { type Db, query, transaction } from '../client.ts'
import { flagBits } from './engagement.ts'
import { homeAuthors, newestEntries, oldestEntries } from './home-windows.ts'
import { hidesSensitive, lockMutedWordsShared, mutedWordsOf } from './muted-words.ts'
import type { UserCardRow } from './profile-columns.ts'
import type { Marker } from './timelines.ts'
import { tweetRecord, userRecord, viewerFlags } from './tweet-columns.ts'
import type { EntryRow } from './tweets.ts'
import { mayRead, mayReturn, notHiddenAsSensitive, notMutedBy, tweetIsVisibleTo } from './visibility.ts'

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
  /** The database's clock in microseconds when this was read: what was done and muted is said as of then. */
  version: number
}

export interface PulledTimeline extends PulledEntries {
  followees: UserId[]
  /** The state of the graph that `followees` shows: operations up to this version are in it. */
  graph_version: number
  /** Those of them whose retweets the owner does not want. */
  silent: UserId[]
  /** Whom the owner blocks or mutes, or who blocks the owner: their entries are dropped. `until_ms` in Unix ms. */
  dropped: { user_id: UserId; reason: DropReason; until_ms: number | null }[]
  muted_words: MutedWord[]
  hides_sensitive: boolean
  /** How far the owner had read when the timeline last went cold. */
  marker: Marker | null
}

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
                select quote_tweet_id from newest where quote_tweet_id is not null) shown) s
        where s.flags <> 0), '[]')`
}

/**
 * Everything a home timeline is built of, as of one moment: one statement sees one snapshot. It waits for a change of muted
 * words that is being committed, which would otherwise be older than this and not in it.
 */
export async function pullTimeline(
  db: Db,
  user: UserId,
  { before, nowMs, limit }: { before: number; nowMs: number; limit: number },
): Promise<PulledTimeline> {
  const [row] = await transaction<{ pulled: PulledTimeline }>(db, {
    before: [lockMutedWordsShared([user])],
    main: sql`
    with authors as materialized (${homeAuthors(user, mayReturn)}
    ), newest as materialized (${newestEntries(user, before, nowMs, limit)}
    )
    select json_build_object(${pulledEntries(user)},
      'followees', coalesce((select json_agg(following_id) from follows where follower_id = ${user}), '[]'),
      'silent', coalesce((
        select json_agg(following_id) from follows where follower_id = ${user} and not show_retweets), '[]'),
      'marker', (
        select json_build_object(
          'lastReadId', last_read_id, 'updatedAtMs', (extract(epoch from updated_at) * 1000)::bigint)
        from home_markers
        where user_id = ${user}),
      'graph_version', coalesce((select graph_version from users where id = ${user}), 0),
      'muted_words', ${mutedWordsOf(sql`${user}`)},
      'hides_sensitive', ${hidesSensitive(sql`${user}`)},
      'dropped', coalesce((
        select json_agg(json_build_object('user_id', id, 'reason', reason, 'until_ms', until_ms))
        from (select blocked_id as id, 'block' as reason, null::bigint as until_ms
              from blocks where blocker_id = ${user}
              union all
              select blocker_id, 'blocked_by', null from blocks where blocked_id = ${user}
              union all
              select muted_id, 'mute', (extract(epoch from expires_at) * 1000)::bigint
              from mutes
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
  const [row] = await query<{ pulled: PulledEntries }>(
    db,
    sql`
    with authors as materialized (
      select u.id, coalesce(f.show_retweets, true) as show_retweets
      from users u
      left join follows f on f.follower_id = ${reader} and f.following_id = u.id
      where u.id = ${author} and ${mayReturn} and ${mayRead(reader)} and ${notMutedBy(reader, sql`u.id`)}
    ), newest as materialized (${newestEntries(reader, before, nowMs, limit)}
    )
    select json_build_object(${pulledEntries(reader)}) as pulled`,
  )
  if (row === undefined) throw new Error('A backfill answered no row')
  return row.pulled
}

/** Entries of a home timeline as Postgres has them. */
export interface HomeRows {
  rows: EntryRow[]
  /** What the reader does not want to see, which is among the rows all the same. */
  mutedWords: MutedWord[]
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
 */
export async function readHomeBelow(
  db: Db,
  viewer: UserId,
  { before, top, nowMs, limit, offset }: BelowPage,
): Promise<HomeRows> {
  const newest = newestEntries(viewer, before, nowMs, limit + offset)
  const page = sql`select * from (${newest}) newest order by id desc offset ${offset}`
  return readPage(db, pageOf(viewer, top, page, 'desc'))
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
): Promise<HomeRows> {
  const bounds = { after, below: Math.min(below, top + 1) }
  return readPage(db, pageOf(viewer, top, oldestEntries(viewer, bounds, limit), 'asc'))
}

async function readPage(db: Db, page: SQL): Promise<HomeRows> {
  const found = await query<EntryRow & { muted_words: MutedWord[] | null }>(db, page)
  return {
    rows: found.map(({ entry_id, entry }) => ({ entry_id, entry })),
    mutedWords: found.find(({ muted_words }) => muted_words !== null)?.muted_words ?? [],
  }
}

/** Entries as one reader sees them, without what they hide as sensitive, in their order; with the newest, the reader's muted words. */
function pageOf(viewer: UserId, top: number, entries: SQL, order: 'asc' | 'desc'): SQL {
  return sql`
    with authors as materialized (${homeAuthors(viewer)}
    ), page as materialized (${entries}
    )
    select page.id::float8 as entry_id, shown.entry,
           case when page.id = (select max(id) from page) then ${mutedWordsOf(sql`${viewer}`)} end as muted_words
    from page
    cross join lateral (
      select case when ${tweetIsVisibleTo(viewer)} and ${notHiddenAsSensitive(viewer)} and not exists (
               select from retweets newer
               join authors a on a.id = newer.user_id and a.show_retweets
               where newer.tweet_id = page.tweet_id and newer.id > page.id and newer.id <= ${top}::bigint)
             then json_build_object(
               'tweet', ${tweetRecord(viewer, notHiddenAsSensitive(viewer))},
               'flags', ${viewerFlags(viewer)},
               'retweeter', case when r.id is not null then ${userRecord('r')} end) end as entry
      from tweet_by_id(page.tweet_id) t
      join users u on u.id = t.user_id
      left join users r on r.id = page.retweeter_id) shown
    order by page.id ${sql.raw(order)}`
}
