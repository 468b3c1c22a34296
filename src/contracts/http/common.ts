import { z } from '@hono/zod-openapi'
import { isId, type ListId, type MessageId, type TweetId, type UserId } from '../../domain/ids.ts'

export const PAGE_LIMIT_DEFAULT = 20
export const PAGE_LIMIT_MAX = 100
export const OFFSET_MAX = 10_000
/** A home timeline keeps this many entries; past them one reads by cursor. */
export const HOME_OFFSET_MAX = 800
/** What is skipped of a list's timeline is read of each of its members. */
export const LIST_TIMELINE_OFFSET_MAX = 800

/** An id in a path or a query. Anything that cannot be an id names nothing, so it is answered as a missing thing is. */
const idText = z
  .string()
  .regex(/^\d{1,16}$/, 'must be an id')
  .transform(Number)
  .refine(isId, 'must be an id')

export const tweetIdParam = idText
  .transform((id) => id as TweetId)
  .openapi({ type: 'integer', format: 'int64', example: 372036854775808 })

/** The id of a row that is made by the database. */
export const rowIdParam = idText.openapi({ type: 'integer', format: 'int64', example: 1 })
export const messageIdParam = idText
  .transform((id) => id as MessageId)
  .openapi({ type: 'integer', format: 'int64', example: 1024 })
export const listIdParam = idText
  .transform((id) => id as ListId)
  .openapi({ type: 'integer', format: 'int64', example: 12 })

export type UserRef = { id: UserId } | { username: string }

/** A user in a path: an id, `@username`, or `me` where the route allows it. */
export const userRefParam = z
  .union([
    idText.transform((id): UserRef => ({ id: id as UserId })),
    z
      .string()
      .regex(/^@[A-Za-z0-9_]{1,50}$/, 'must be an id or @username')
      .transform((name): UserRef => ({ username: name.slice(1) })),
  ])
  .openapi({ type: 'string', description: 'An id, or `@username`', example: '@ada' })

const queryInteger = (name: string) =>
  z
    .string()
    .regex(/^-?\d{1,9}$/, `${name} must be a whole number`)
    .transform(Number)

export const pageQuery = z.object({
  limit: queryInteger('limit')
    .refine((n) => n >= 1 && n <= PAGE_LIMIT_MAX, `limit must be 1 to ${PAGE_LIMIT_MAX}`)
    .optional()
    .openapi({ type: 'integer', minimum: 1, maximum: PAGE_LIMIT_MAX, default: PAGE_LIMIT_DEFAULT }),
  cursor: z
    .string()
    .max(1024)
    .optional()
    .openapi({ description: 'Opaque: `next_cursor` of the page before' }),
  offset: queryInteger('offset')
    .refine((n) => n >= 0, 'offset must not be negative')
    .optional()
    .openapi({ type: 'integer', minimum: 0, description: 'Instead of a cursor' }),
})
export type PageQuery = z.infer<typeof pageQuery>

export const pagination = z
  .object({
    limit: z.number().int(),
    offset: z.number().int(),
    has_more: z.boolean(),
    next_cursor: z.string().nullable(),
  })
  .openapi('Pagination')
export type Pagination = z.infer<typeof pagination>

/** A list that can be read in both directions. */
export const scrollPagination = pagination
  .extend({
    prev_cursor: z.string().nullable().openapi({ description: 'Leads to what is newer; null at the newest' }),
  })
  .openapi('ScrollPagination')
export type ScrollPagination = z.infer<typeof scrollPagination>

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string(),
    detail: z.string().optional(),
    request_id: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem')
export type Problem = z.infer<typeof problem>

/** A field that may be null or absent, which mean the same. */
export const optional = <T extends z.ZodType>(schema: T) => schema.nullish()
