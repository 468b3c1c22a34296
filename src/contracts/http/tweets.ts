import { z } from '@hono/zod-openapi'
import { isId, type TweetId } from '../../domain/ids.ts'
import { THREAD_LENGTH_MAX } from '../../domain/limits.ts'
import {
  POLL_MINUTES_MAX,
  POLL_MINUTES_MIN,
  POLL_OPTION_LENGTH_MAX,
  POLL_OPTIONS_MAX,
  POLL_OPTIONS_MIN,
} from '../../domain/poll-rules.ts'
import { MAX_CONTENT_LENGTH } from '../../domain/tweet-text.ts'
import { optional, pagination } from './common.ts'
import { userCard } from './users.ts'

export const indices = z.tuple([z.number().int(), z.number().int()]).openapi({
  type: 'array',
  items: { type: 'integer' },
  minItems: 2,
  maxItems: 2,
  description: 'Start and end in code points of `content`',
})

export const entities = z
  .object({
    hashtags: z.array(z.object({ tag: z.string(), indices })),
    mentions: z.array(z.object({ id: z.number().int(), username: z.string(), indices })),
    urls: z.array(z.object({ url: z.string(), indices })),
  })
  .openapi('Entities')
export type Entities = z.infer<typeof entities>

const media = z
  .object({
    id: z.number().int(),
    type: z.enum(['image', 'video', 'gif']),
    url: z.string(),
    preview_url: z.string().nullable(),
    width: z.number().int(),
    height: z.number().int(),
    alt_text: z.string(),
    duration_ms: z.number().int().optional(),
  })
  .openapi('Media')

/** The part of a tweet that only an edit or its author's profile changes: what timelines keep serialized. */
export const tweetCard = z.object({
  id: z.number().int(),
  user: userCard,
  content: z.string(),
  media_urls: z.array(z.string()),
  media: z.array(media),
  reply_to_id: z.number().int().nullable(),
  conversation_id: z.number().int(),
  entities,
  is_sensitive: z.boolean(),
  edited_at: z.string().nullable(),
  created_at: z.string(),
})
export type TweetCard = z.infer<typeof tweetCard>

export const poll = z
  .object({
    id: z.number().int(),
    options: z.array(
      z.object({ position: z.number().int(), text: z.string(), vote_count: z.number().int() }),
    ),
    total_votes: z.number().int(),
    ends_at: z.string(),
    is_closed: z.boolean(),
    voted: z.array(z.number().int()).openapi({ description: 'The position the reader voted for' }),
  })
  .openapi('Poll')
export type Poll = z.infer<typeof poll>

export const tweetCounts = z.object({
  like_count: z.number().int(),
  retweet_count: z.number().int(),
  reply_count: z.number().int(),
  quote_count: z.number().int(),
  bookmark_count: z.number().int(),
})

export const viewerFlags = z.object({
  is_liked: z.boolean(),
  is_retweeted: z.boolean(),
  is_bookmarked: z.boolean(),
})

const tweetFields = tweetCard
  .extend({ poll: poll.nullable() })
  .extend(tweetCounts.shape)
  .extend(viewerFlags.shape)

export const unavailableTweet = z
  .object({ id: z.number().int(), unavailable: z.literal(true) })
  .openapi('UnavailableTweet')
export type UnavailableTweet = z.infer<typeof unavailableTweet>

/** One level: what a quoted tweet quotes itself is not shown. */
const quotedTweet = tweetFields.extend({ quote_tweet: z.null() }).openapi('QuotedTweet')
export type QuotedTweet = z.infer<typeof quotedTweet>

export const tweet = tweetFields
  .extend({
    quote_tweet: z.union([quotedTweet, unavailableTweet]).nullable(),
    impression_count: z.number().int().optional(),
    retweeted_by: userCard.optional(),
  })
  .openapi('Tweet')
export type Tweet = z.infer<typeof tweet>

export const tweetPage = z.object({ tweets: z.array(tweet), pagination }).openapi('TweetPage')
export type TweetPage = z.infer<typeof tweetPage>

/** Longer than any content before normalization could need; what is longer is refused before it is looked at. */
const CONTENT_UNITS_MAX = 10_000
const OPTION_UNITS_MAX = 1_000

const content = z
  .string()
  .max(CONTENT_UNITS_MAX)
  .openapi({
    maxLength: MAX_CONTENT_LENGTH,
    description: `At most ${MAX_CONTENT_LENGTH} code points after NFC`,
  })

const tweetId = z
  .number()
  .refine(isId, 'must be an id')
  .transform((id) => id as TweetId)
  .openapi({ type: ['integer', 'null'], format: 'int64' })

const newPoll = z
  .object({
    options: z
      .array(z.string().max(OPTION_UNITS_MAX).openapi({ maxLength: POLL_OPTION_LENGTH_MAX }))
      .min(POLL_OPTIONS_MIN)
      .max(POLL_OPTIONS_MAX)
      .openapi({ description: 'Each of 1 to 25 code points, no two alike' }),
    duration_minutes: z.number().int().min(POLL_MINUTES_MIN).max(POLL_MINUTES_MAX),
  })
  .openapi('NewPoll')

export const newTweetRequest = z
  .object({
    content,
    is_sensitive: optional(
      z.boolean().openapi({ description: 'Hidden from those who are signed out or hide what is sensitive' }),
    ),
    media_urls: optional(
      z.array(z.string()).max(0, 'must be empty: there is no media of this deployment to name yet'),
    ),
    media_ids: optional(z.array(z.unknown()).max(0, 'must be empty: there is no media to name yet')),
    reply_to_id: optional(tweetId),
    quote_tweet_id: optional(tweetId),
    poll: optional(newPoll),
  })
  .openapi('NewTweet', { description: '`content` may be blank where there is a poll or a quote' })
export type NewTweetRequest = z.infer<typeof newTweetRequest>

export const newThreadRequest = z
  .object({ tweets: z.array(newTweetRequest).min(1).max(THREAD_LENGTH_MAX) })
  .openapi('NewThread', { description: 'Each answers the one before: only the first may have `reply_to_id`' })

export const thread = z.object({ tweets: z.array(tweet) }).openapi('PostedThread')

export const editTweetRequest = z.object({ content }).openapi('EditTweet')

const tweetVersion = z
  .object({ content: z.string(), entities, created_at: z.string() })
  .openapi('TweetVersion')
export type TweetVersion = z.infer<typeof tweetVersion>

export const versionPage = z.object({ versions: z.array(tweetVersion), pagination }).openapi('VersionPage')
