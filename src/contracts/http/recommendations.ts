import { z } from '@hono/zod-openapi'
import { REASONS } from '../../domain/recommendation-reason.ts'
import { pageQuery } from './common.ts'
import { listedUser, userCard } from './users.ts'

export const recommendationsQuery = pageQuery.pick({ limit: true })

export const recommendedUser = listedUser
  .extend({
    reason: z.object({
      type: z.enum(REASONS),
      text: z.string().openapi({ example: 'Followed by Ada and 3 others' }),
      users: z
        .array(userCard)
        .openapi({ description: 'At most 2 of those one follows who follow them, for `followed_by`' }),
    }),
  })
  .openapi('RecommendedUser')
export type RecommendedUser = z.infer<typeof recommendedUser>

export const recommendations = z.object({ users: z.array(recommendedUser) }).openapi('Recommendations')
