import { z } from '@hono/zod-openapi'
import { foldTag } from '../../domain/tweet-text.ts'
import { pagination } from './common.ts'
import { recommendedUser } from './recommendations.ts'
import { tweet } from './tweets.ts'

const trend = z
  .object({
    name: z.string().openapi({ description: 'A hashtag without its sign; a word, or two', example: 'weir' }),
    score: z.number().openapi({ description: 'Of its engagement and uses, the newest first of all' }),
    tweet_count: z.number().int().openapi({ description: 'Public tweets of the window' }),
    window_hours: z.number().int().openapi({ example: 24 }),
  })
  .openapi('Trend')
export type TrendAnswer = z.infer<typeof trend>

export const trendingTopics = z.object({ topics: z.array(trend), pagination }).openapi('TrendingTopics')
export const trendingHashtags = z.object({ hashtags: z.array(trend), pagination }).openapi('TrendingHashtags')

export const explore = z
  .object({
    tweets: z.array(tweet),
    topics: z.array(trend),
    hashtags: z.array(trend),
    users: z.array(recommendedUser.partial({ relationship: true })),
  })
  .openapi('Explore')
export type Explore = z.infer<typeof explore>

/** Longer than any path that names a hashtag. */
const TAG_UNITS_MAX = 1_000

/** A hashtag in a path, with or without its sign, however it is typed: as tags are folded. */
export const tagParam = z
  .string()
  .max(TAG_UNITS_MAX)
  .transform((tag) => foldTag(tag.replace(/^[#＃]/, '')).replaceAll('\0', '\ufffd'))
  .openapi({ type: 'string', description: 'With or without its sign, in any case', example: 'weir' })
