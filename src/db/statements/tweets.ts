import { type SQL, sql } from 'drizzle-orm'
import { type EntryId, idFloor, type TweetId, timeOf, type UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import type { UserCardRow } from './profile-columns.ts'
import { type FlagsRecord, type TweetRecord, tweetRecord, userRecord, viewerFlags } from './tweet-columns.ts'
import { isPresent, mayRead, notHiddenAsSensitive, tweetIsVisibleTo, viewerId } from './visibility.ts'

export interface ShownTweet {
  tweet: TweetRecord
  flags: FlagsRecord
}

/** The tweet with the viewer's flags, or null where the viewer may not see it. */
export async function readTweet(db: Db, id: TweetId, viewer: UserId | null): Promise<ShownTweet | null> {
  const who = viewerId(viewer)
  const [row] = await query<ShownTweet>(
    db,
    sql`
    select ${tweetRecord(who)} as tweet, ${viewerFlags(who)} as flags
    from tweets t
    join users u on u.id = t.user_id
    where t.id = ${id} and ${tweetIsVisibleTo(who)}`,
  )
  return row ?? null
}

/**
 * What was published together with this tweet, which was its first, as its author sees it; without what was deleted
 * since. The tweets of a thread have ids of successive milliseconds. `idx_tweets_user_created` serves it.
 */
export async function readPublication(
  db: Db,
  first: TweetId,
  { author, tweets }: { author: UserId; tweets: number },
): Promise<ShownTweet[]> {
  return query<ShownTweet>(
    db,
    sql`
    select ${tweetRecord(author)} as tweet, ${viewerFlags(author)} as flags
    from tweets t
    join users u on u.id = t.user_id
    where t.user_id = ${author} and t.is_deleted = false
      and t.id >= ${first} and t.id < ${idFloor(timeOf(first) + tweets)}
      and t.nonce = (select nonce from tweets where id = ${first})
      and ${tweetIsVisibleTo(author)}
    order by t.id`,
  )
}

/** A tweet on a timeline read from Postgres. */
export interface ShownEntry extends ShownTweet {
  retweeter: UserCardRow | null
}

/** One place of a timeline: the entry's id is the tweet's, or the retweet's; null where it may not be seen. */
export interface EntryRow {
  entry_id: EntryId
  entry: ShownEntry | null
}

/** Where a page begins: below an entry, or after skipping some. */
export interface Keyset {
  before: number | null
  offset: number
  limit: number
}

export interface UserEntriesFilter {
  replies: boolean
  media: boolean
}

const shownEntry = (who: number, quotes: SQL) => sql`json_build_object(
    'tweet', ${tweetRecord(who, quotes)},
    'flags', ${viewerFlags(who)},
    'retweeter', case when r.id is not null then ${userRecord('r')} end)`

/**
 * A user's own timeline: tweets and retweets, newest first, without what the viewer hides as sensitive, but on a timeline
 * of their own; null where there is no such user for this viewer.
 * One statement: `idx_tweets_user_created` and `idx_retweets_user_id` each give their newest rows in order, so
 * it costs what the page costs, and the owner's row comes back even when there are no entries.
 */
export async function readUserEntries(
  db: Db,
  owner: SQL,
  viewer: UserId | null,
  filter: UserEntriesFilter,
  { before, offset, limit }: Keyset,
): Promise<EntryRow[] | null> {
  const who = viewerId(viewer)
  const reach = offset + limit
  const older = (entry: SQL) => (before === null ? sql`true` : sql`${entry} < ${before}`)
  // As one value rather than a join, behind which the indexes' order would be lost: all would be read and sorted.
  const whose = sql`(select id from owner where readable)`
  const wanted = sql`(${notHiddenAsSensitive(who)} or (select id from owner) = ${who})`
  const rows = await query<{ entry_id: EntryId | null; entry: ShownEntry | null }>(
    db,
    sql`
    with owner as (
      select u.id, ${mayRead(who)} as readable
      from users u
      where ${owner} and ${isPresent}
    ), page as (
      (select t.id, t.id as tweet_id, null::bigint as retweeter_id
       from tweets t
       where t.user_id = ${whose} and t.is_deleted = false and ${older(sql`t.id`)}
         and (${filter.replies} or t.reply_to_id is null) and ${wanted}
         and (not ${filter.media} or jsonb_array_length(t.media_urls) > 0)
       order by t.id desc
       limit ${reach})
      union all
      (select r.id, r.tweet_id, r.user_id
       from retweets r
       where r.user_id = ${whose} and not ${filter.media} and ${older(sql`r.id`)}
       order by r.id desc
       limit ${reach})
      order by id desc
      limit ${limit} offset ${offset}
    )
    select page.id::float8 as entry_id, shown.entry
    from owner
    left join page on true
    left join lateral (
      select ${shownEntry(who, wanted)} as entry
      from tweet_by_id(page.tweet_id) t
      join users u on u.id = t.user_id
      left join users r on r.id = page.retweeter_id
      where ${tweetIsVisibleTo(who)} and ${wanted}) shown on true
    order by page.id desc`,
  )
  if (rows.length === 0) return null
  return rows.flatMap(({ entry_id, entry }) => (entry_id === null ? [] : [{ entry_id, entry }]))
}
