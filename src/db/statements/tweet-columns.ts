import { type SQL, sql } from 'drizzle-orm'
import type { Entities } from '../../contracts/http/tweets.ts'
import type { PollRecord } from './polls.ts'
import type { UserCardRow } from './profile-columns.ts'
import { NOBODY, tweetIsVisibleTo } from './visibility.ts'

/** A tweet with its author, apart from the tweet it quotes; times in Unix milliseconds. */
export interface TweetBodyRecord {
  id: number
  content: string
  media_urls: string[]
  entities: Entities
  reply_to_id: number | null
  conversation_id: number
  is_sensitive: boolean
  edited_at: number | null
  like_count: number
  retweet_count: number
  reply_count: number
  quote_count: number
  bookmark_count: number
  impression_count: number
  poll: PollRecord | null
  user: UserCardRow
}

/** A tweet as `tweetRecord` selects it for one reader. */
export interface TweetRecord extends TweetBodyRecord {
  /** Opaque: differs from an older one when the card made of it is outdated. */
  revision: string
  /** The tweet it quotes; `shown` is null where the reader may not see it. */
  quote: { id: number; shown: { tweet: TweetBodyRecord; flags: FlagsRecord } | null } | null
}

/** What the reader did to a tweet. */
export interface FlagsRecord {
  is_liked: boolean
  is_retweeted: boolean
  is_bookmarked: boolean
  /** The position of the poll that they voted for. */
  voted: number | null
}

/** A user, by its alias, as JSON: numbers stay numbers. */
export function userRecord(alias: 'u' | 'r'): SQL {
  const u = sql.raw(alias)
  return sql`json_build_object(
    'id', ${u}.id,
    'username', ${u}.username,
    'display_name', ${u}.display_name,
    'avatar_url', ${u}.avatar_url,
    'verified', ${u}.verified)`
}

/** The poll of the tweet `t`, as JSON; null without one. A probe of a primary key for nearly all tweets. */
export const pollRecord = sql`(
      select json_build_object(
        'ends_at', (extract(epoch from p.ends_at) * 1000)::bigint,
        'options', (
          select json_agg(json_build_object('position', o.position, 'text', o.text, 'vote_count', o.vote_count)
                          order by o.position)
          from poll_options o
          where o.tweet_id = p.tweet_id))
      from polls p
      where p.tweet_id = t.id)`

const bodyPairs = sql`
    'id', t.id,
    'content', t.content,
    'media_urls', t.media_urls,
    'entities', t.entities,
    'reply_to_id', t.reply_to_id,
    'conversation_id', t.conversation_id,
    'is_sensitive', t.is_sensitive,
    'edited_at', (extract(epoch from t.edited_at) * 1000)::bigint,
    'like_count', t.like_count,
    'retweet_count', t.retweet_count,
    'reply_count', t.reply_count,
    'quote_count', t.quote_count,
    'bookmark_count', t.bookmark_count,
    'impression_count', t.impression_count,
    'poll', ${pollRecord},
    'user', ${userRecord('u')}`

/**
 * What the viewer did to the tweet `t`, as JSON. Each is a probe of a primary key: a scalar subquery, because the
 * planner may turn `exists` into a hash of everything the viewer ever liked.
 */
export function viewerFlags(viewer: number | SQL): SQL {
  const acted = (table: string) =>
    sql`(select count(*) from ${sql.raw(table)} a where a.user_id = ${viewer} and a.tweet_id = t.id) > 0`
  return sql`json_build_object(
    'is_liked', ${acted('likes')},
    'is_retweeted', ${acted('retweets')},
    'is_bookmarked', ${acted('bookmarks')},
    'voted', (select v.position from poll_votes v where v.user_id = ${viewer} and v.tweet_id = t.id))`
}

/**
 * A card is outdated when its tweet was edited or its author's card changed, or either of the tweet it quotes, or
 * whether everybody may see that one.
 */
export const revision: SQL = sql`t.revision || '.' || u.revision || coalesce((
      select '/' || coalesce(seen.revision, '-')
      from (select t.quote_tweet_id as id) wanted
      left join lateral (
        select t.revision || '.' || u.revision as revision
        from tweet_by_id(wanted.id) t
        join users u on u.id = t.user_id
        where ${tweetIsVisibleTo(NOBODY)}) seen on true
      where wanted.id is not null), '')`

/**
 * The tweet `t` and its author `u` as JSON, with the tweet it quotes as far as the viewer may see it. For a card,
 * which many will see, the viewer is `NOBODY`: then a quoted tweet is there only if its author is public. `quotes` says more
 * of which quoted tweet `t` is there.
 */
export function tweetRecord(viewer: number | SQL, quotes: SQL = sql`true`): SQL {
  return sql`json_build_object(${bodyPairs},
    'revision', ${revision},
    'quote', (
      select json_build_object('id', wanted.id, 'shown', seen.shown)
      from (select t.quote_tweet_id as id) wanted
      left join lateral (
        select json_build_object(
          'tweet', json_build_object(${bodyPairs}), 'flags', ${viewerFlags(viewer)}) as shown
        from tweet_by_id(wanted.id) t
        join users u on u.id = t.user_id
        where ${tweetIsVisibleTo(viewer)} and ${quotes}) seen on true
      where wanted.id is not null))`
}
