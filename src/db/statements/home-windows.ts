import { type SQL, sql } from 'drizzle-orm'
import type { EntryId, UserId } from '../../domain/ids.ts'
import { idFloor, timeOf } from '../../domain/ids.ts'
import { isPresent, noBlockBetween, notMutedBy, tweetIsVisibleTo } from './visibility.ts'

const DAY_MS = 86_400_000
/**
 * How far the windows of a read reach. Each is read only while those before it did not fill the page, and then costs a
 * probe for each author at least, so each is some times as long as the one before.
 */
const WINDOW_REACHES_MS = [DAY_MS, 5 * DAY_MS, 30 * DAY_MS, 180 * DAY_MS]

/** The authors of the reader's home timeline, as far as they are there, and whether their retweets stand on it. */
export function homeAuthors(reader: UserId, areThere: SQL = isPresent): SQL {
  return sql`
      select f.following_id as id, f.show_retweets
      from follows f
      join users u on u.id = f.following_id
      where f.follower_id = ${reader} and ${areThere}
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

/** Ids with `since <= id < until`. */
interface Window {
  since: number
  until: number
}

interface Reading {
  limit: number
  order: 'asc' | 'desc'
  /** Of the tweet `t`: whether it stands on the timeline. */
  belongs: SQL
}

/**
 * The entries of `authors` in the window `w`: their tweets and their retweets of what the reader may see.
 * `idx_tweets_user_created` and `idx_retweets_user_id` give each author's in order. The bounds `all` of the whole read are
 * what the planner sees, and leaves partitions out by.
 */
function entriesInWindow(reader: number, all: Window, { limit, order, belongs }: Reading): SQL {
  const by = sql.raw(order)
  return sql`
      (select e.id, e.tweet_id, e.author_id, e.retweeter_id, e.quote_tweet_id
       from authors a
       cross join lateral (
         (select t.id, t.id as tweet_id, t.user_id as author_id, null::bigint as retweeter_id, t.quote_tweet_id
          from tweets t
          where t.user_id = a.id and t.id >= w.since and t.id < w.until
            and t.id >= ${all.since}::bigint and t.id < ${all.until}::bigint and t.is_deleted = false
            and ${belongs}
          order by t.id ${by}
          limit ${limit})
         union all
         (select r.id, r.tweet_id, t.user_id, r.user_id, t.quote_tweet_id
          from retweets r
          join tweets t on t.id = r.tweet_id
          join users u on u.id = t.user_id
          where r.user_id = a.id and a.show_retweets and r.id >= w.since and r.id < w.until
            and ${tweetIsVisibleTo(reader)} and ${notMutedBy(reader, sql`u.id`)}
          order by r.id ${by}
          limit ${limit})) e
       order by e.id ${by}
       limit ${limit})`
}

/**
 * The first `limit` entries of the windows, which lie one after the other. The join runs through them in their order and
 * `limit` stops it as soon as it is full, so a reader of active authors touches the nearest partitions only. The
 * windows are rows, not branches of a union: planned once, they cost each partition once, and are pruned as each is
 * read. No parallel workers mix up the order: scans of a CTE, here `authors`, never run in one.
 */
function firstEntries(reader: number, windows: Window[], reading: Reading): SQL {
  const all = {
    since: Math.min(...windows.map(({ since }) => since)),
    until: Math.max(...windows.map(({ until }) => until)),
  }
  const rows = windows.map(({ since, until }) => sql`(${since}::bigint, ${until}::bigint)`)
  return sql`
      select e.id, e.tweet_id, e.author_id, e.retweeter_id, e.quote_tweet_id
      from (values ${sql.join(rows, sql`, `)}) w(since, until)
      cross join lateral ${entriesInWindow(reader, all, reading)} e
      limit ${reading.limit}`
}

/**
 * The newest `limit` entries below `before`, in windows that widen into the past from there: of `authors (id,
 * show_retweets)`, all whose tweets the reader may see. None is from after tomorrow:
 * that leaves out the partitions that wait for their months, which are empty, and which the planner would rather read
 * whole and sort with all the rest than by their index.
 */
export function newestEntries(
  reader: number,
  before: number,
  nowMs: number,
  limit: number,
  belongs: SQL = replyBelongs(reader),
): SQL {
  const newestMs = Math.min(nowMs, timeOf(before as EntryId))
  const end = Math.min(before, idFloor(nowMs + DAY_MS))
  const bounds = [end, ...WINDOW_REACHES_MS.map((reach) => Math.min(idFloor(newestMs - reach), end)), 0]
  const windows = bounds.slice(1).map((since, index) => ({ since, until: bounds[index] ?? end }))
  return firstEntries(reader, windows, { limit, order: 'desc', belongs })
}

/** The oldest `limit` entries with `after < id < below`, in windows that widen into the future. */
export function oldestEntries(
  reader: UserId,
  { after, below }: { after: number; below: number },
  limit: number,
): SQL {
  const afterMs = timeOf(after as EntryId)
  const ends = WINDOW_REACHES_MS.map((reach) => Math.min(idFloor(afterMs + reach), below))
  const bounds = [after + 1, ...ends, below]
  const windows = bounds.slice(1).map((until, index) => ({ since: bounds[index] ?? after + 1, until }))
  return firstEntries(reader, windows, { limit, order: 'asc', belongs: replyBelongs(reader) })
}
