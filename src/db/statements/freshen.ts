import { sql } from 'drizzle-orm'
import type { Counts } from '../../contracts/tweet-json.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { array, type Db, query } from '../client.ts'
import { flagBits } from './engagement.ts'
import type { UserCardRow } from './profile-columns.ts'
import { revision, type TweetRecord, tweetRecord, userRecord } from './tweet-columns.ts'
import { isPresent, NOBODY, noBlockBetween, notMutedBy } from './visibility.ts'

/** A tweet as its asker knows it. */
export interface KnownTweet {
  id: TweetId
  /** That of the card they have; null when they have none. */
  revision: string | null
  /** Whether they want a card at all: of a quoted tweet, only the counts. */
  wants_card: boolean
}

export interface FreshTweet {
  id: TweetId
  /** Deleted, or its author is deactivated or suspended. */
  gone: boolean
  author_is_private: boolean
  revision: string
  counts: Counts
  /** The whole tweet as nobody in particular sees it, where a card is wanted, the revision is another, and it is not gone. */
  tweet: TweetRecord | null
  /** With `tweet`, where it quotes another: how the viewer reads that one. */
  quote: QuoteReading | null
}

/** What a card cannot say of the quoted tweet, because it is everybody's. */
export interface QuoteReading {
  /** The viewer and the quoted author do not see each other. */
  hidden: boolean
  /** What the viewer did to the quoted tweet, as bits. */
  flags: number
}

/** A retweeter; `gone` as of a tweet's author. */
export interface FreshUser extends UserCardRow {
  gone: boolean
}

export interface Fresh {
  tweets: FreshTweet[]
  users: FreshUser[]
}

/**
 * Counts and revisions of tweets, with the whole tweet where what the asker knows is outdated, and the cards of
 * users (of retweeters): one statement for a page whether its cards are cached, missing or old. A tweet that does not
 * exist is not among them. `offset 0` keeps the revision from being worked out anew wherever it is named.
 */
export async function readFresh(
  db: Db,
  known: readonly KnownTweet[],
  users: readonly UserId[],
  viewer: UserId,
): Promise<Fresh> {
  const [row] = await query<{ fresh: Fresh }>(
    db,
    sql`
    select json_build_object(
      'tweets', coalesce((
        select json_agg(one.tweet)
        from jsonb_to_recordset(${JSON.stringify(known)}::jsonb) as k(id bigint, revision text, wants_card boolean)
        cross join lateral (
          select json_build_object(
                   'id', t.id,
                   'gone', t.is_deleted or not ${isPresent},
                   'author_is_private', u.is_private,
                   'revision', at.revision,
                   'counts', json_build_object(
                     'likes', t.like_count, 'retweets', t.retweet_count, 'replies', t.reply_count,
                     'quotes', t.quote_count, 'bookmarks', t.bookmark_count,
                     'votes', coalesce((
                       select json_agg(o.vote_count order by o.position)
                       from poll_options o
                       where o.tweet_id = t.id), '[]')),
                   'tweet', case when k.wants_card and k.revision is distinct from at.revision
                                      and not t.is_deleted and ${isPresent}
                                 then ${tweetRecord(NOBODY)} end,
                   'quote', case when k.wants_card and k.revision is distinct from at.revision then (
                     select json_build_object(
                       'hidden', not (${noBlockBetween(viewer, sql`q.user_id`)} and ${notMutedBy(viewer, sql`q.user_id`)}),
                       'flags', ${flagBits(viewer, sql`q.id`)})
                     from tweet_by_id(t.quote_tweet_id) q) end) as tweet
          from tweet_by_id(k.id) t
          join users u on u.id = t.user_id
          cross join lateral (select ${revision} as revision offset 0) at) one), '[]'),
      'users', coalesce((
        select json_agg(${userRecord('u')}::jsonb || jsonb_build_object('gone', not ${isPresent}))
        from users u where u.id = any(${array(users, 'bigint')})), '[]')) as fresh`,
  )
  return row?.fresh ?? { tweets: [], users: [] }
}
