import { z } from '@hono/zod-openapi'
import { optional } from './common.ts'

/** Longer than any content before normalization could need; what is longer is refused before it is looked at. */
const COMMENT_UNITS_MAX = 10_000
/** A poll has two to four options. */
const POSITION_MAX = 3

export const likeAnswer = z
  .object({
    message: z.enum(['Tweet liked', 'Tweet unliked']),
    is_liked: z.boolean(),
    like_count: z.number().int(),
  })
  .openapi('LikeAnswer')

export const bookmarkAnswer = z
  .object({
    message: z.enum(['Tweet bookmarked', 'Bookmark removed']),
    is_bookmarked: z.boolean(),
  })
  .openapi('BookmarkAnswer')

export const muteConversationAnswer = z
  .object({
    message: z.enum(['Conversation muted', 'Conversation unmuted']),
    is_muted: z.boolean(),
  })
  .openapi('MuteConversationAnswer')

export const retweetRequest = z
  .object({
    comment: optional(z.string().max(COMMENT_UNITS_MAX)).openapi({
      type: ['string', 'null'],
      maxLength: 280,
      description: 'Makes a quote tweet of it. A blank one is none',
    }),
  })
  .openapi('RetweetRequest')

export const retweetAnswer = z
  .object({
    message: z.enum(['Tweet retweeted', 'Retweet removed']),
    is_retweeted: z.boolean(),
    retweet_count: z.number().int(),
  })
  .openapi('RetweetAnswer')

export const voteRequest = z
  .object({
    choices: z.tuple([z.number().int().min(0).max(POSITION_MAX)]).openapi({
      type: 'array',
      items: { type: 'integer', minimum: 0, maximum: POSITION_MAX },
      minItems: 1,
      maxItems: 1,
      description: 'The position of the one option',
    }),
  })
  .openapi('VoteRequest')
