import { type SQL, sql } from 'drizzle-orm'
import type { Entities } from '../../contracts/http/tweets.ts'
import type { UserCardRow } from './profile-columns.ts'

/** A tweet with its author as `tweetRecord` selects it; times in Unix milliseconds. */
export interface TweetRecord {
  id: number
  content: string
  media_urls: string[]
  entities: Entities
  reply_to_id: number | null
  quote_tweet_id: number | null
  conversation_id: number
  is_sensitive: boolean
  edited_at: number | null
  /** Opaque: differs from an older one when the card made of it is outdated. */
  revision: string
  like_count: number
  retweet_count: number
  reply_count: number
  quote_count: number
  bookmark_count: number
  impression_count: number
  user: UserCardRow
}

export interface FlagsRecord {
  is_liked: boolean
  is_retweeted: boolean
  is_bookmarked: boolean
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

/** A card is outdated when its tweet was edited or its author's card changed. */
export const revision = sql`t.revision || '.' || u.revision`

/** The tweet `t` and its author `u`, as JSON. */
export const tweetRecord = sql`json_build_object(
    'id', t.id,
    'content', t.content,
    'media_urls', t.media_urls,
    'entities', t.entities,
    'reply_to_id', t.reply_to_id,
    'quote_tweet_id', t.quote_tweet_id,
    'conversation_id', t.conversation_id,
    'is_sensitive', t.is_sensitive,
    'edited_at', (extract(epoch from t.edited_at) * 1000)::bigint,
    'revision', ${revision},
    'like_count', t.like_count,
    'retweet_count', t.retweet_count,
    'reply_count', t.reply_count,
    'quote_count', t.quote_count,
    'bookmark_count', t.bookmark_count,
    'impression_count', t.impression_count,
    'user', ${userRecord('u')})`

/** What the viewer did to the tweet `t`, as JSON. Each is a probe of a primary key. */
export function viewerFlags(viewer: number): SQL {
  return sql`json_build_object(
    'is_liked', exists (select from likes l where l.user_id = ${viewer} and l.tweet_id = t.id),
    'is_retweeted', exists (select from retweets r where r.user_id = ${viewer} and r.tweet_id = t.id),
    'is_bookmarked', exists (select from bookmarks b where b.user_id = ${viewer} and b.tweet_id = t.id))`
}
