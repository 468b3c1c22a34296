import { type SQL, sql } from 'drizzle-orm'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { type ListedUserRow, listedUser } from './follow-lists.ts'
import { answeredFrom, isBehind, type ListPage, type Place, placeRecord } from './places.ts'
import { tweetRecord, viewerFlags } from './tweet-columns.ts'
import type { ShownTweet } from './tweets.ts'
import {
  isPresent,
  noBlockBetween,
  notHiddenAsSensitive,
  notMutedBy,
  tweetIsVisibleTo,
  viewerId,
} from './visibility.ts'

/** A line of a list of tweets; `shown` is null where the tweet may not be seen (any more). */
export interface ListedTweet<At> {
  place: At
  shown: ShownTweet | null
}

/** The tweets that a user liked or bookmarked, the latest act first. `idx_likes_user_id`, `bookmarks_user_id` serve it. */
export async function readActedOn(
  db: Db,
  table: 'likes' | 'bookmarks',
  viewer: UserId,
  { after, offset, limit }: ListPage<Place>,
): Promise<ListedTweet<Place>[]> {
  return query<ListedTweet<Place>>(
    db,
    sql`
    select ${placeRecord(sql`page.created_at`, sql`page.tweet_id`)} as place, seen.shown
    from (
      select l.created_at, l.tweet_id
      from ${sql.raw(table)} l
      where l.user_id = ${viewer} and ${isBehind(after, sql`l.created_at`, sql`l.tweet_id`)}
      order by l.created_at desc, l.tweet_id desc
      limit ${limit} offset ${offset}) page
    ${seenBy(viewer)}
    order by page.created_at desc, page.tweet_id desc`,
  )
}

/**
 * The tweets that mention a user, newest first, without those of the muted and what is hidden as sensitive.
 * `tweet_mentions_user_id` serves it.
 */
export async function readMentions(
  db: Db,
  viewer: UserId,
  { after, offset, limit }: ListPage<number>,
): Promise<ListedTweet<number>[]> {
  return query<ListedTweet<number>>(
    db,
    sql`
    select page.tweet_id::float8 as place, seen.shown
    from (
      select m.tweet_id
      from tweet_mentions m
      cross join lateral tweet_by_id(m.tweet_id) t
      where m.user_id = ${viewer} and ${idBefore(after, sql`m.tweet_id`)}
        and t.user_id <> ${viewer} and ${notMutedBy(viewer, sql`t.user_id`)} and ${notHiddenAsSensitive(viewer)}
      order by m.tweet_id desc
      limit ${limit} offset ${offset}) page
    ${seenBy(viewer, notHiddenAsSensitive(viewer))}
    order by page.tweet_id desc`,
  )
}

/**
 * The replies to a tweet, or its quotes, newest first, without those of the muted and what is hidden as sensitive; null where
 * the viewer may not see the tweet itself. Of the tweet that is asked for, quotes show what it is. `idx_tweets_reply_to_id` and `tweets_quote_tweet_id` serve it.
 */
export async function readAnswers(
  db: Db,
  kind: 'replies' | 'quotes',
  tweet: TweetId,
  viewer: UserId | null,
  { after, offset, limit }: ListPage<number>,
): Promise<ListedTweet<number>[] | null> {
  const who = viewerId(viewer)
  const parent = kind === 'replies' ? sql`a.reply_to_id` : sql`a.quote_tweet_id`
  const rows = await query<{ place: number | null; shown: ShownTweet | null }>(
    db,
    sql`
    with target as (
      select t.id from tweets t join users u on u.id = t.user_id where t.id = ${tweet} and ${tweetIsVisibleTo(who)}
    )
    select page.tweet_id::float8 as place, seen.shown
    from target
    left join lateral (
      select a.id as tweet_id
      from tweets a
      where ${parent} = target.id and a.id > ${answeredFrom(tweet)} and not a.is_deleted and ${idBefore(after, sql`a.id`)}
        and ${notMutedBy(who, sql`a.user_id`)} and ${notHiddenAsSensitive(who, 'a')}
      order by a.id desc
      limit ${limit} offset ${offset}) page on true
    ${seenBy(who, sql`(t.id = ${tweet} or ${notHiddenAsSensitive(who)})`)}
    order by page.tweet_id desc`,
  )
  if (rows.length === 0) return null
  return rows.flatMap(({ place, shown }) => (place === null ? [] : [{ place, shown }]))
}

/**
 * Who liked or retweeted a tweet, the latest first; null where the viewer may not see the tweet. `idx_likes_tweet_id`
 * and `retweets_actors` serve it.
 */
export async function readActors(
  db: Db,
  table: 'likes' | 'retweets',
  tweet: TweetId,
  viewer: UserId | null,
  { after, offset, limit }: ListPage<Place>,
): Promise<ListedUserRow[] | null> {
  const who = viewerId(viewer)
  const rows = await query<{ listed: ListedUserRow | null }>(
    db,
    sql`
    with target as (
      select t.id from tweets t join users u on u.id = t.user_id where t.id = ${tweet} and ${tweetIsVisibleTo(who)}
    )
    select ${listedUser(who)} as listed
    from target
    left join lateral (
      select l.created_at, u.id
      from ${sql.raw(table)} l
      join users u on u.id = l.user_id
      where l.tweet_id = target.id and ${isBehind(after, sql`l.created_at`, sql`l.user_id`)}
        and ${isPresent} and ${noBlockBetween(who, sql`u.id`)}
      order by l.created_at desc, l.user_id desc
      limit ${limit} offset ${offset}) page on true
    left join users u on u.id = page.id
    order by page.created_at desc, page.id desc`,
  )
  if (rows.length === 0) return null
  return rows.flatMap(({ listed }) => (listed === null ? [] : [listed]))
}

const idBefore = (after: number | null, id: SQL) => (after === null ? sql`true` : sql`${id} < ${after}`)

/** Joins the tweets of a `page` as far as the reader may see them, and those of the tweets they quote that `quotes` lets. */
function seenBy(who: number, quotes?: SQL): SQL {
  return sql`left join lateral (
      select json_build_object('tweet', ${tweetRecord(who, quotes)}, 'flags', ${viewerFlags(who)}) as shown
      from tweet_by_id(page.tweet_id) t
      join users u on u.id = t.user_id
      where ${tweetIsVisibleTo(who)}) seen on true`
}
