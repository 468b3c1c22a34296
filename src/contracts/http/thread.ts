import { z } from '@hono/zod-openapi'
import { pagination } from './common.ts'
import { tweet, unavailableTweet } from './tweets.ts'

const nextCursor = z.string().nullable().openapi({
  description: 'Where there are more replies: the cursor with which the thread of this very tweet goes on',
})

const threadLeaf = z
  .object({
    tweet,
    replies: z.array(z.never()).openapi({ type: 'array', items: {}, maxItems: 0 }),
    next_cursor: nextCursor,
  })
  .openapi('ThreadLeaf')

const threadNode = z
  .object({
    tweet,
    replies: z.array(threadLeaf).openapi({ description: 'The first three, oldest first' }),
    next_cursor: nextCursor,
  })
  .openapi('ThreadNode')

export const thread = z
  .object({
    ancestors: z.array(z.union([tweet, unavailableTweet])).openapi({
      description: 'What the tweet answers, the root first. Of more than 50 the nearest',
    }),
    tweet,
    replies: z.array(threadNode).openapi({ description: 'Oldest first' }),
    pagination,
  })
  .openapi('Thread')
export type ThreadAnswer = z.infer<typeof thread>
