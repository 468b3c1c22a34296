import type { FoundTweet } from '../contracts/http/search.ts'
import { AS_TYPED, type HitPlace, type SearchSort, type TweetSearch } from '../contracts/search.ts'
import { readFoundTweets, type TweetsFound } from '../db/statements/search-hits.ts'
import { AppError } from '../domain/errors.ts'
import { highlight } from '../domain/search/highlight.ts'
import { parseSearchQuery, type SearchQuery } from '../domain/search-query.ts'
import { presentTweet } from '../views/present-tweet.ts'
import { askSearch } from './ask-search.ts'
import type { Deps, Viewer } from './deps.ts'

/** How often a page that was thinned is filled up, and of how many hits at once. */
const ROUNDS_MAX = 5
const ROUND_HITS_MAX = 200
/** So many more are looked at than a page needs at the rate that it was thinned so far, because some may not be seen. */
const SPARE_SHARE = 0.25
/** What the search Worker answers at once. */
const HITS_MAX = 500
/** So many hits that are to come travel with a scroll: its cursor has room for them. */
export const REST_MAX = 64

/**
 * Where a page of what was found begins: with the hits `rest`, by their ids, and then behind `after`. `asOfMs` is when its
 * scroll began, in Unix ms.
 */
export interface FoundPlace {
  asOfMs: number
  after: HitPlace
  rest: number[]
  /** There was something behind `after`. */
  hasMore: boolean
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

type Line = TweetsFound['shown'][number]

/** What the index has answered so far: `hits` are still to be looked at, and it goes on behind `after`. */
interface Scroll {
  hits: HitPlace[]
  after: HitPlace | null
  hasMore: boolean
  didYouMean: string | null
  /** Where the query was meant otherwise, those that hold what was typed. */
  asTyped: Set<number>
  withSensitive: boolean
}

/**
 * Public tweets that a query asks for, the best or the newest first, as far as this viewer may see them by now; what was
 * posted after the scroll began is not among them. The hits that follow a page travel in its cursor, because scores
 * change with whatever is posted meanwhile. Throws `validation_failed` for a query that cannot be read, and `unavailable`.
 */
export async function searchTweets(deps: Deps, viewer: Viewer, asked: TweetsAsked): Promise<FoundTweets> {
  const query = readQuery(asked.text)
  const asOfMs = asked.place?.asOfMs ?? deps.now()
  const scroll = openScroll(asked.place)
  const lines: Line[] = []
  const looked: HitPlace[] = []
  let skip = asked.offset
  for (let round = 0; round < ROUNDS_MAX && lines.length <= asked.limit; round++) {
    const wanted = hitsFor(asked.limit + 1 - lines.length, lines.length, looked.length)
    if (scroll.hits.length === 0) {
      if (!scroll.hasMore) break
      const limit = Math.min(HITS_MAX, skip + Math.max(wanted, REST_MAX))
      await readOn(deps, scroll, { query, sort: asked.sort, asOfMs, limit })
      skip -= scroll.hits.splice(0, skip).length
    }
    const next = scroll.hits.splice(0, wanted)
    looked.push(...next)
    const found = await readLines(deps, viewer, next, query)
    lines.push(...found.lines)
    scroll.withSensitive &&= !found.hidesSensitive
  }
  const shown = lines.slice(0, asked.limit)
  const left = lines.length > asked.limit ? behind(looked, shown.at(-1)) : []
  const last = looked.at(looked.length - left.length - 1)
  scroll.hits.unshift(...left)
  const meant = scroll.didYouMean === null ? query : readQuery(scroll.didYouMean)
  const isAsTyped = ({ id }: Line) => scroll.asTyped.has(id)
  return {
    tweets: shown.map((line) => present(deps, viewer, line, isAsTyped(line) ? query : meant)),
    // A word that only tweets hold which the viewer may not see is not told to them.
    didYouMean: shown.every(isAsTyped) ? null : scroll.didYouMean,
    next: nextPlace(scroll, last, asOfMs),
  }
}

function openScroll(place: FoundPlace | null): Scroll {
  return {
    hits: (place?.rest ?? []).map((id) => ({ id, score: 0 })),
    after: place?.after ?? null,
    hasMore: place?.hasMore ?? true,
    didYouMean: null,
    asTyped: new Set(),
    withSensitive: true,
  }
}

async function readOn(
  deps: Deps,
  scroll: Scroll,
  asked: Pick<TweetSearch, 'query' | 'sort' | 'asOfMs' | 'limit'>,
): Promise<void> {
  const { after, withSensitive } = scroll
  const found = await askSearch(deps, (search) => search.searchTweets({ ...asked, after, withSensitive }))
  scroll.hits = found.hits
  scroll.after = found.hits.at(-1) ?? after
  scroll.hasMore = found.hasMore
  scroll.didYouMean = found.didYouMean
  if (found.didYouMean === null) return
  for (const { id, score } of found.hits) if (score >= AS_TYPED) scroll.asTyped.add(id)
}

/** What was looked at behind the last line that is shown; all of it where that one came before. */
function behind(looked: readonly HitPlace[], last: Line | undefined): HitPlace[] {
  return looked.slice(looked.findIndex(({ id }) => id === last?.id) + 1)
}

/** Of a query that was meant otherwise no hits are kept: only the index knows what was meant. */
function nextPlace(scroll: Scroll, last: HitPlace | undefined, asOfMs: number): FoundPlace | null {
  const { hits, hasMore } = scroll
  if (hits.length === 0 && !hasMore) return null
  const kept = hits.slice(0, scroll.didYouMean === null ? REST_MAX : 0)
  const isAll = kept.length === hits.length
  const after = isAll ? scroll.after : (kept.at(-1) ?? last ?? null)
  return after === null ? null : { asOfMs, after, rest: kept.map(({ id }) => id), hasMore: hasMore || !isAll }
}

function hitsFor(missing: number, shown: number, seen: number): number {
  const perLine = seen === 0 ? 1 : seen / Math.max(1, shown)
  return Math.min(ROUND_HITS_MAX, Math.ceil(missing * perLine * (1 + SPARE_SHARE)))
}

function readQuery(text: string): SearchQuery {
  const parsed = parseSearchQuery(text)
  if (parsed.ok) return parsed.query
  const message = `${parsed.message} (character ${parsed.at + 1})`
  throw new AppError('validation_failed', { errors: [{ path: 'query.q', message }] })
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
  const lines = places.flatMap(({ id }) => {
    const shown = byId.get(id)
    return shown === undefined ? [] : [shown]
  })
  return { lines, hidesSensitive: found.hides_sensitive }
}

function present(deps: Deps, viewer: Viewer, { tweet, flags }: Line, query: SearchQuery): FoundTweet {
  const shown = presentTweet(tweet, flags, { viewerId: viewer.id, nowMs: deps.now() })
  return { ...shown, highlights: highlight(tweet.content, query) }
}
