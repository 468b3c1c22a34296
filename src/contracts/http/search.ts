import { z } from '@hono/zod-openapi'
import { pageQuery, pagination } from './common.ts'
import { indices, tweet } from './tweets.ts'

/** What is skipped of what was found is found anew: past it one reads by cursor. */
export const SEARCH_OFFSET_MAX = 800
const QUERY_LENGTH_MAX = 500

const queryText = z
  .string()
  .max(QUERY_LENGTH_MAX)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be text')
  .refine((text) => text.trim() !== '', 'must say what is searched for')

export const searchTweetsQuery = pageQuery.extend({
  q: queryText.openapi({
    maxLength: QUERY_LENGTH_MAX,
    description:
      'Words that must all be there, `"a phrase"`, `-word`, `from:name`, `to:name`, `@name`, `#tag`, ' +
      '`since:2024-01-31`, `until:2024-01-31`, `has:media`, `is:reply`',
    example: '"herons at dawn" from:ada -gulls',
  }),
  sort: z.enum(['relevance', 'latest', 'top']).optional().openapi({ default: 'relevance' }),
})

export const foundTweet = tweet
  .extend({ highlights: z.array(indices).openapi({ description: 'What of `content` was searched for' }) })
  .openapi('FoundTweet')
export type FoundTweet = z.infer<typeof foundTweet>

export const foundTweetPage = z
  .object({
    tweets: z.array(foundTweet),
    pagination,
    did_you_mean: z
      .string()
      .nullable()
      .openapi({ description: 'Where hardly anything was found: the query that `tweets` are of instead' }),
  })
  .openapi('FoundTweetPage')
export type FoundTweetPage = z.infer<typeof foundTweetPage>

export const searchNamesQuery = pageQuery.extend({
  q: queryText.openapi({ maxLength: QUERY_LENGTH_MAX, description: 'As one types it', example: 'ada lov' }),
})

const hashtag = z
  .object({ name: z.string(), tweet_count: z.number().int() })
  .openapi('FoundHashtag', { description: '`name` without `#`; `tweet_count` of public tweets' })

export const foundHashtagPage = z
  .object({ hashtags: z.array(hashtag), pagination })
  .openapi('FoundHashtagPage')
export type FoundHashtagPage = z.infer<typeof foundHashtagPage>
