import type { FoundTweet } from '../contracts/http/search.ts'
import type { HitPlace, SearchSort, TweetHits } from '../contracts/search.ts'
import { readFoundTweets, type TweetsFound } from '../db/statements/search-hits.ts'
import { AppError } from '../domain/errors.ts'
import { highlight } from '../domain/highlight.ts'
import { parseSearchQuery, type SearchQuery } from '../domain/search-query.ts'
import { presentTweet } from '../views/present-tweet.ts'
import { askSearch } from './ask-search.ts'
import type { Deps, Viewer } from './deps.ts'

/** How often a page that was thinned is filled up. */
const ROUNDS_MAX = 5
/** So many more are found than a page needs, because some may not be seen. */
const SPARE_SHARE = 0.25

/** Where a page of what was found begins: `asOfMs` is when its scroll began, in Unix ms. */
export interface FoundPlace {
  asOfMs: number
  after: HitPlace
}

export interface TweetsAsked {
  text: string
  sort: SearchSort
  limit: number
  offset: number
  place: FoundPlace | null
}

export interface FoundTweets {
  tweets: FoundTweet[]
  didYouMean: string | null
  /** Where the next page begins; null at the end. */
  next: FoundPlace | null
}

type Line = TweetsFound['shown'][number] & { place: HitPlace }

/**
 * Public tweets that a query asks for, the best or the newest first, as far as this viewer may see them by now; what was
 * posted after the scroll began is not among them. Throws `validation_failed` for a query that cannot be read, and
 * `unavailable`.
 */
export async function searchTweets(deps: Deps, viewer: Viewer, asked: TweetsAsked): Promise<FoundTweets> {
  const query = readQuery(asked.text)
  const asOfMs = asked.place?.asOfMs ?? deps.now()
  const lines: Line[] = []
  let after = asked.place?.after ?? null
  let skip = asked.offset
  let withSensitive = true
  let hits: TweetHits = { hits: [], hasMore: true, didYouMean: null }
  for (let round = 0; round < ROUNDS_MAX && hits.hasMore && lines.length <= asked.limit; round++) {
    const missing = asked.limit + 1 - lines.length
    const limit = skip + missing + Math.ceil(missing * SPARE_SHARE)
    const { sort } = asked
    hits = await askSearch(deps, (search) =>
      search.searchTweets({ query, sort, asOfMs, after, limit, withSensitive }),
    )
    const places = hits.hits.slice(skip)
    const found = await readLines(deps, viewer, places, query)
    lines.push(...found.lines)
    after = hits.hits.at(-1) ?? after
    skip = Math.max(0, skip - hits.hits.length)
    withSensitive &&= !found.hidesSensitive
  }
  const shown = lines.slice(0, asked.limit)
  const isCut = lines.length > asked.limit
  const last = isCut ? (shown.at(-1)?.place ?? null) : after
  const meant = hits.didYouMean === null ? query : readQuery(hits.didYouMean)
  return {
    tweets: shown.map((line) => present(deps, viewer, line, meant)),
    didYouMean: hits.didYouMean,
    next: (isCut || hits.hasMore) && last !== null ? { asOfMs, after: last } : null,
  }
}

function readQuery(text: string): SearchQuery {
  const parsed = parseSearchQuery(text)
  if (parsed.ok) return parsed.query
  throw new AppError('validation_failed', { errors: [{ path: 'query.q', message: parsed.message }] })
}

async function readLines(
  deps: Deps,
  viewer: Viewer,
  places: readonly HitPlace[],
  { from }: SearchQuery,
): Promise<{ lines: Line[]; hidesSensitive: boolean }> {
  if (places.length === 0) return { lines: [], hidesSensitive: false }
  const ids = places.map(({ id }) => id)
  const found = await deps.timed('db', () => readFoundTweets(deps.db, ids, viewer.id, from))
  const byId = new Map(found.shown.map((shown) => [shown.id, shown]))
  const lines = places.flatMap((place) => {
    const shown = byId.get(place.id)
    return shown === undefined ? [] : [{ ...shown, place }]
  })
  return { lines, hidesSensitive: found.hides_sensitive }
}

function present(deps: Deps, viewer: Viewer, { tweet, flags }: Line, query: SearchQuery): FoundTweet {
  const shown = presentTweet(tweet, flags, { viewerId: viewer.id, nowMs: deps.now() })
  return { ...shown, highlights: highlight(tweet.content, query) }
}
