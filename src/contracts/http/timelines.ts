import { z } from '@hono/zod-openapi'
import { isId } from '../../domain/ids.ts'
import { pageQuery, scrollPagination } from './common.ts'
import { tweet } from './tweets.ts'

export const homeQuery = pageQuery
  .extend({
    sort: z.enum(['latest', 'top']).optional().openapi({ default: 'latest' }),
    around: z
      .enum(['marker'])
      .optional()
      .openapi({ description: 'Opens at the reading position, with pages of newer and of older tweets' }),
  })
  .refine(
    ({ around, sort, cursor, offset }) =>
      around === undefined || (sort !== 'top' && cursor === undefined && offset === undefined),
    { path: ['around'], message: 'cannot be given together with sort=top, a cursor or an offset' },
  )

export const homePage = z.object({ tweets: z.array(tweet), pagination: scrollPagination }).openapi('HomePage')
export type HomePageJson = z.infer<typeof homePage>

export const homeMarker = z
  .object({
    last_read_id: z.number().int().nullable(),
    updated_at: z.iso.datetime().nullable(),
  })
  .openapi('HomeMarker')
export type HomeMarkerJson = z.infer<typeof homeMarker>

export const moveMarkerRequest = z
  .object({
    last_read_id: z
      .number()
      .int()
      .refine(isId, 'must be the id of a tweet or of a retweet')
      .openapi({ description: 'The newest tweet that was read', example: 372036854775808 }),
  })
  .openapi('MoveMarkerRequest')
