import { z } from '@hono/zod-openapi'
import { cleanText } from '../../domain/profile.ts'
import { codePointLength, isBlank } from '../../domain/tweet-text.ts'
import { optional, pageQuery, pagination, userRefParam } from './common.ts'
import { userCard } from './users.ts'

const NAME_LENGTH_MAX = 50

export const list = z
  .object({
    id: z.number().int(),
    name: z.string(),
    is_private: z.boolean().openapi({ description: 'Only its owner can read it' }),
    member_count: z.number().int(),
    owner: userCard,
    created_at: z.string(),
    updated_at: z.string(),
  })
  .openapi('List')
export type List = z.infer<typeof list>

export const listPage = z.object({ lists: z.array(list), pagination }).openapi('ListPage')

export const listsQuery = pageQuery.extend({
  user: userRefParam.optional().openapi({ description: 'Whose, an id or `@username`; one’s own without it' }),
})

const name = z
  .string()
  .overwrite(cleanText)
  .refine((text) => !isBlank(text), 'must not be blank')
  .refine(
    (text) => codePointLength(text) <= NAME_LENGTH_MAX,
    `must have at most ${NAME_LENGTH_MAX} characters`,
  )
  .openapi({ minLength: 1, maxLength: NAME_LENGTH_MAX, example: 'Birds' })

export const newListRequest = z.object({ name, is_private: optional(z.boolean()) }).openapi('NewList')

export const changeListRequest = z
  .object({ name: optional(name), is_private: optional(z.boolean()) })
  .openapi('ChangeList', { description: 'What is absent or null stays as it is' })
