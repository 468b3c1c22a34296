import type { Poll, QuotedTweet, Tweet, TweetCard, UnavailableTweet } from '../contracts/http/tweets.ts'
import type { Card, CardBody, Counts } from '../contracts/tweet-json.ts'
import type { PollRecord } from '../db/statements/polls.ts'
import type { UserCardRow } from '../db/statements/profile-columns.ts'
import type { FlagsRecord, TweetBodyRecord, TweetRecord } from '../db/statements/tweet-columns.ts'
import { type TweetId, timeOf } from '../domain/ids.ts'
import { presentUserCard } from './present-profile.ts'

export const NO_FLAGS: FlagsRecord = {
  is_liked: false,
  is_retweeted: false,
  is_bookmarked: false,
  voted: null,
}

/** Who reads, and when: a poll is closed from its end on. */
export interface Reader {
  viewerId: number | null
  nowMs: number
}

/** Row to wire: a tweet as one reader sees it. `impression_count` is for its author alone. */
export function presentTweet(
  tweet: TweetRecord,
  flags: FlagsRecord,
  { viewerId, nowMs }: Reader,
  retweetedBy: UserCardRow | null = null,
): Tweet {
  return {
    ...presentBody(tweet, flags, nowMs),
    quote_tweet: tweet.quote === null ? null : presentQuote(tweet.quote, nowMs),
    ...(viewerId === tweet.user.id ? { impression_count: tweet.impression_count } : {}),
    ...(retweetedBy === null ? {} : { retweeted_by: presentUserCard(retweetedBy) }),
  }
}

/** Row to card: what timelines keep of a tweet, serialized once. The row must have been read for nobody in particular. */
export function serializeCard(tweet: TweetRecord): Card {
  const shown = tweet.quote?.shown ?? null
  return {
    ...serializeBody(tweet),
    revision: tweet.revision,
    quote:
      tweet.quote === null
        ? null
        : { tweetId: tweet.quote.id, body: shown === null ? null : serializeBody(shown.tweet) },
  }
}

export function presentPoll(tweetId: number, poll: PollRecord, voted: number | null, nowMs: number): Poll {
  return {
    id: tweetId,
    options: poll.options,
    total_votes: poll.options.reduce((sum, option) => sum + option.vote_count, 0),
    ends_at: new Date(poll.ends_at).toISOString(),
    is_closed: poll.ends_at <= nowMs,
    voted: voted === null ? [] : [voted],
  }
}

function presentQuote(
  { id, shown }: NonNullable<TweetRecord['quote']>,
  nowMs: number,
): QuotedTweet | UnavailableTweet {
  if (shown === null) return { id, unavailable: true }
  return { ...presentBody(shown.tweet, shown.flags, nowMs), quote_tweet: null }
}

function presentBody(
  tweet: TweetBodyRecord,
  flags: FlagsRecord,
  nowMs: number,
): Omit<QuotedTweet, 'quote_tweet'> {
  const { voted, ...viewerFlags } = flags
  return {
    ...presentCard(tweet),
    poll: tweet.poll === null ? null : presentPoll(tweet.id, tweet.poll, voted, nowMs),
    like_count: tweet.like_count,
    retweet_count: tweet.retweet_count,
    reply_count: tweet.reply_count,
    quote_count: tweet.quote_count,
    bookmark_count: tweet.bookmark_count,
    ...viewerFlags,
  }
}

function serializeBody(tweet: TweetBodyRecord): CardBody {
  return {
    tweetId: tweet.id,
    authorId: tweet.user.id,
    json: JSON.stringify(presentCard(tweet)),
    counts: countsOf(tweet),
    poll:
      tweet.poll === null
        ? null
        : { endsAtMs: tweet.poll.ends_at, options: tweet.poll.options.map(({ text }) => text) },
  }
}

function presentCard(tweet: TweetBodyRecord): TweetCard {
  return {
    id: tweet.id,
    user: presentUserCard(tweet.user),
    content: tweet.content,
    media_urls: tweet.media_urls,
    media: [],
    reply_to_id: tweet.reply_to_id,
    conversation_id: tweet.conversation_id,
    entities: tweet.entities,
    is_sensitive: tweet.is_sensitive,
    edited_at: tweet.edited_at === null ? null : new Date(tweet.edited_at).toISOString(),
    created_at: new Date(timeOf(tweet.id as TweetId)).toISOString(),
  }
}

function countsOf(tweet: TweetBodyRecord): Counts {
  return {
    likes: tweet.like_count,
    retweets: tweet.retweet_count,
    replies: tweet.reply_count,
    quotes: tweet.quote_count,
    bookmarks: tweet.bookmark_count,
    votes: tweet.poll?.options.map(({ vote_count }) => vote_count) ?? [],
  }
}
