import type { D1Migration } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { z } from 'zod'
import type {
  PersonDocument,
  SearchRpc,
  SearchSort,
  TweetDocument,
  TweetHits,
} from '../../src/contracts/search.ts'
import { ID_EPOCH_MS } from '../../src/domain/ids.ts'
import { parseSearchQuery } from '../../src/domain/search-query.ts'
import { extractEntities, uniqueMentions, uniqueTags } from '../../src/domain/tweet-text.ts'
import type { SearchEnv } from '../../src/search/ranges.ts'

/** The global types are those of the API Worker. */
export const searchEnv = z.custom<SearchEnv & { MIGRATIONS: D1Migration[] }>().parse(env)
/** The entrypoint, called as by another Worker. */
export const search = z.custom<SearchRpc>().parse(Reflect.get(exports, 'Search'))

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS
/** When all searches of tests are made, unless they say otherwise. */
export const NOW_MS = Date.UTC(2026, 5, 1)

/** The id of something that was made so long before now. */
export function idAged(ageMs: number, low = 0): number {
  return (NOW_MS - ageMs - ID_EPOCH_MS) * 4096 + low
}

export function tweetOf(id: number, content: string, more: Partial<TweetDocument> = {}): TweetDocument {
  const entities = extractEntities(content)
  return {
    id,
    version: 1,
    authorId: 1,
    username: 'someone',
    content,
    hashtags: uniqueTags(entities),
    mentions: uniqueMentions(entities),
    replyTo: null,
    hasMedia: false,
    isSensitive: false,
    engagement: 0,
    ...more,
  }
}

export function personOf(id: number, username: string, more: Partial<PersonDocument> = {}): PersonDocument {
  return { id, version: 1, username, displayName: '', bio: '', isVerified: false, followerCount: 0, ...more }
}

interface Options {
  sort?: SearchSort
  after?: { score: number; id: number } | null
  limit?: number
  withSensitive?: boolean
  asOfMs?: number
}

export function find(text: string, options: Options = {}): Promise<TweetHits> {
  const parsed = parseSearchQuery(text)
  if (!parsed.ok) throw new Error(parsed.message)
  const { sort = 'relevance', after = null, limit = 20, withSensitive = false, asOfMs = NOW_MS } = options
  return search.searchTweets({ query: parsed.query, sort, asOfMs, after, limit, withSensitive })
}

export async function idsOf(text: string, options: Options = {}): Promise<number[]> {
  return (await find(text, options)).hits.map(({ id }) => id)
}

/** Empties both databases but for the vocabulary, of which the isolate remembers what is there. */
export async function forgetAll(): Promise<void> {
  const tables = ['id_range', 'tweets', 'tweets_fts', 'people', 'people_fts', 'hashtags']
  for (const database of [searchEnv.SEARCH_DB_0, searchEnv.SEARCH_DB_1]) {
    await database.batch(tables.map((table) => database.prepare(`delete from ${table}`)))
  }
}
