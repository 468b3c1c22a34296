import { z } from '@hono/zod-openapi'
import { isId } from '../../domain/ids.ts'
import { FOLDED_PHRASE_LENGTH_MAX, foldPhrase, PHRASE_LENGTH_MAX } from '../../domain/muted-words.ts'
import { cleanText } from '../../domain/profile.ts'
import { codePointLength, isBlank } from '../../domain/tweet-text.ts'
import { optional } from './common.ts'

/** Longer than any phrase before it is cleaned; what is longer is refused before it is looked at. */
const PHRASE_UNITS_MAX = 10_000

export const mutedWordIdParam = z
  .string()
  .regex(/^\d{1,16}$/, 'must be an id')
  .transform(Number)
  .refine(isId, 'must be an id')
  .openapi({ type: 'integer', format: 'int64', example: 12 })

export const mutedWordRequest = z
  .object({
    phrase: z
      .string()
      .max(PHRASE_UNITS_MAX)
      .overwrite((raw) => cleanText(raw).replace(/\s+/g, ' '))
      .refine((phrase) => !isBlank(phrase) && foldPhrase(phrase) !== '', 'must not be blank')
      .refine(
        (phrase) =>
          codePointLength(phrase) <= PHRASE_LENGTH_MAX &&
          codePointLength(foldPhrase(phrase)) <= FOLDED_PHRASE_LENGTH_MAX,
        `must have at most ${PHRASE_LENGTH_MAX} characters`,
      )
      .openapi({
        minLength: 1,
        maxLength: PHRASE_LENGTH_MAX,
        description:
          'Whole words, without regard to case. With `#` or `@` in front, that hashtag or mention alone',
        example: 'spoiler',
      }),
    expires_at: optional(z.iso.datetime({ offset: true })).openapi({
      type: ['string', 'null'],
      format: 'date-time',
      description: 'In the future; absent for always',
    }),
  })
  .openapi('MutedWordRequest')

export const mutedWordAnswer = z
  .object({
    id: z.number().int(),
    phrase: z.string(),
    expires_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
  })
  .openapi('MutedWord')
export type MutedWordAnswer = z.infer<typeof mutedWordAnswer>

export const mutedWordList = z.object({ muted_words: z.array(mutedWordAnswer) }).openapi('MutedWordList')
