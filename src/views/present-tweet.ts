import type { Tweet, TweetCard } from '../contracts/http/tweets.ts'
import type { Card } from '../contracts/timeline.ts'
import type { Counts } from '../contracts/tweet-json.ts'
import type { UserCardRow } from '../db/statements/profile-columns.ts'
import type { FlagsRecord, TweetRecord } from '../db/statements/tweet-columns.ts'
import { type TweetId, timeOf } from '../domain/ids.ts'
import { presentUserCard } from './present-profile.ts'

export const NO_FLAGS: FlagsRecord = { is_liked: false, is_retweeted: false, is_bookmarked: false }

/** Row to wire: a tweet as one reader sees it. `impression_count` is for its author alone. */
export function presentTweet(
  tweet: TweetRecord,
  flags: FlagsRecord,
  { viewerId, retweetedBy }: { viewerId: number | null; retweetedBy?: UserCardRow | null },
): Tweet {
  return {
    ...presentCard(tweet),
    like_count: tweet.like_count,
    retweet_count: tweet.retweet_count,
    reply_count: tweet.reply_count,
    quote_count: tweet.quote_count,
    bookmark_count: tweet.bookmark_count,
    ...(viewerId === tweet.user.id ? { impression_count: tweet.impression_count } : {}),
    ...flags,
    ...(retweetedBy == null ? {} : { retweeted_by: presentUserCard(retweetedBy) }),
  }
}

/** Row to card: what timelines keep of a tweet, serialized once. */
export function serializeCard(tweet: TweetRecord): Card {
  return {
    tweetId: tweet.id as TweetId,
    revision: tweet.revision,
    json: JSON.stringify(presentCard(tweet)),
    counts: countsOf(tweet),
  }
}

function presentCard(tweet: TweetRecord): TweetCard {
  return {
    id: tweet.id,
    user: presentUserCard(tweet.user),
    content: tweet.content,
    media_urls: tweet.media_urls,
    media: [],
    reply_to_id: tweet.reply_to_id,
    conversation_id: tweet.conversation_id,
    quote_tweet: null,
    poll: null,
    entities: tweet.entities,
    is_sensitive: tweet.is_sensitive,
    edited_at: tweet.edited_at === null ? null : new Date(tweet.edited_at).toISOString(),
    created_at: new Date(timeOf(tweet.id as TweetId)).toISOString(),
  }
}

function countsOf(tweet: TweetRecord): Counts {
  return {
    likes: tweet.like_count,
    retweets: tweet.retweet_count,
    replies: tweet.reply_count,
    quotes: tweet.quote_count,
    bookmarks: tweet.bookmark_count,
  }
}
