import { z } from 'zod'
import type {
  HitPlace,
  NameSearch,
  PersonDocument,
  Removal,
  TweetDocument,
  TweetSearch,
} from '../contracts/search.ts'

const LIMIT_MAX = 500
const DOCUMENTS_MAX = 1000
const PARTS_MAX = 100

const id = z.number().int().positive()
const count = z.number().int().nonnegative()
/** Without unpaired surrogates, which D1 does not take. */
const text = z
  .string()
  .max(5000)
  .transform((value) => value.toWellFormed())
const texts = z.array(text).max(PARTS_MAX)

const tweet: z.ZodType<TweetDocument> = z.object({
  id,
  version: count,
  authorId: id,
  username: text,
  content: text,
  hashtags: texts,
  mentions: texts,
  replyTo: text.nullable(),
  hasMedia: z.boolean(),
  isSensitive: z.boolean(),
  engagement: count,
})

const person: z.ZodType<PersonDocument> = z.object({
  id,
  version: count,
  username: text,
  displayName: text,
  bio: text,
  isVerified: z.boolean(),
  followerCount: count,
})

const removal: z.ZodType<Removal> = z.object({ id, version: count })

export const indexed = z.object({
  tweets: z.array(tweet).max(DOCUMENTS_MAX),
  people: z.array(person).max(DOCUMENTS_MAX),
})

export const removed = z.object({
  removedTweets: z.array(removal).max(DOCUMENTS_MAX),
  removedPeople: z.array(removal).max(DOCUMENTS_MAX),
})

const place: z.ZodType<HitPlace> = z.object({ score: z.number(), id })
const limit = z.number().int().min(1).max(LIMIT_MAX)
const ms = z.number().int()

export const tweetSearch: z.ZodType<TweetSearch> = z.object({
  query: z.object({
    words: texts,
    phrases: texts,
    excluded: texts,
    hashtags: texts,
    mentions: texts,
    from: texts,
    notFrom: texts,
    to: texts,
    sinceMs: ms.nullable(),
    untilMs: ms.nullable(),
    hasMedia: z.boolean().nullable(),
    isReply: z.boolean().nullable(),
  }),
  sort: z.enum(['relevance', 'latest', 'top']),
  asOfMs: ms,
  after: place.nullable(),
  limit,
  withSensitive: z.boolean(),
})

export const hashtagSearch = z.object({ text, limit })

export const nameSearch: z.ZodType<NameSearch> = hashtagSearch.extend({ after: place.nullable() })
