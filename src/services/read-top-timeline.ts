import type { PageEntry } from '../contracts/timeline.ts'
import { NO_COUNTS } from '../contracts/tweet-json.ts'
import type { Utf8Text } from '../contracts/utf8-text.ts'
import { AppError } from '../domain/errors.ts'
import { type EntryId, type TweetId, timeOf } from '../domain/ids.ts'
import { rank, rankingScore } from '../domain/ranking.ts'
import { inOrder, tagOf } from '../domain/window-order.ts'
import type { Deps, Viewer } from './deps.ts'
import { readSkeleton, type Skeleton, TimelineFailed, unavailable } from './home-skeleton.ts'
import { type Degraded, type Hydrated, hydrate, readStretch } from './home-stretch.ts'
import { type HomeReader, isUnwanted, presentEntry, readerOfKept } from './present-home.ts'
import { readStored } from './stored-window.ts'

/** Entries that are ranked together: the newest so many, then those below them. */
const WINDOW_ENTRIES = 100
/** So many more are read at once of a window that was ranked: what may have come into it late. */
const LATE_ENTRIES = 20
/** Windows that one request looks at, when rules have thinned them or an offset leads past them. */
const WINDOWS_MAX = 10

export interface TopRequest {
  limit: number
  offset: number
  from: TopPlace | null
}

/** A place in a scroll by rank. */
export interface TopPlace {
  top: EntryId
  /** Where the window begins: below this entry; null for the newest window. */
  before: number | null
  /** What is left of a window that was ranked, in its order, and how far down it went; null for a new window. */
  ranked: { order: readonly number[]; end: number } | null
}

export interface TopPage {
  tweets: Utf8Text[]
  next: TopPlace | null
  degraded: Degraded | null
}

/**
 * The home timeline by rank: windows of the newest entries, each ranked when a scroll reaches it. The rest of a window's
 * order travels in the cursor, so that a scroll has no gap and no repeat however the counts change meanwhile. What
 * the object does not keep comes by time. Throws as `readHomeTimeline`.
 */
export async function readTopTimeline(
  deps: Deps,
  viewer: Viewer,
  { limit, offset, from }: TopRequest,
): Promise<TopPage> {
  const page: TopPage = { tweets: [], next: from, degraded: null }
  let place: TopPlace | null = from
  let skip = offset
  for (let window = 0; window < WINDOWS_MAX && page.tweets.length < limit; window++) {
    const wanted = skip + limit - page.tweets.length
    const reading: Promise<TopWindow> = readWindow(deps, viewer, place, wanted)
    const read = page.tweets.length === 0 ? await reading : await reading.catch(nullWhenUnavailable)
    if (read === null) {
      page.degraded = 'stale'
      break
    }
    const skipped = Math.min(skip, read.tweets.length)
    skip -= skipped
    page.tweets.push(...read.tweets.slice(skipped))
    page.degraded ??= read.degraded
    page.next = read.next
    place = read.next
    if (place === null || (read.degraded === 'stale' && page.tweets.length > 0)) break
  }
  return page
}

/** A page that has something already is served as far as it goes. */
function nullWhenUnavailable(error: unknown): null {
  if (error instanceof AppError && error.code === 'unavailable') return null
  throw error
}

type TopWindow = TopPage

async function readWindow(
  deps: Deps,
  viewer: Viewer,
  place: TopPlace | null,
  wanted: number,
): Promise<TopWindow> {
  if (place !== null && isRanked(place)) return continueWindow(deps, viewer, place, wanted)
  const at = { before: place?.before ?? null, top: place?.top ?? null }
  try {
    const asked = { ...at, offset: 0, limit: WINDOW_ENTRIES, wantsAffinity: true }
    const skeleton = await readSkeleton(deps, viewer, asked)
    if (skeleton.entries.length > 0 || skeleton.reached > skeleton.floor) {
      return await rankWindow(deps, viewer, skeleton, at.before, wanted)
    }
    if (skeleton.floor === 0) return { tweets: [], next: null, degraded: null }
  } catch (error) {
    if (!(error instanceof TimelineFailed)) throw error
  }
  return readByTime(deps, viewer, at, wanted)
}

type RankedPlace = TopPlace & { ranked: NonNullable<TopPlace['ranked']> }

function isRanked(place: TopPlace): place is RankedPlace {
  return place.ranked !== null
}

async function rankWindow(
  deps: Deps,
  viewer: Viewer,
  skeleton: Skeleton,
  before: number | null,
  wanted: number,
): Promise<TopWindow> {
  const hydrated = await hydrate(deps, viewer, skeleton, skeleton.entries, 'older')
  if (skeleton.entries.length > 0 && hydrated.entries.length === 0) throw unavailable()
  const reader = readerOfKept(deps, viewer, skeleton)
  const shown = hydrated.entries.filter((entry) => !isUnwanted(entry, hydrated.fresh, reader))
  const order = rank(shown, (entry) => rankingScore(signalsOf(entry, hydrated, reader.nowMs)))
  const end = hydrated.isWhole ? skeleton.reached : (hydrated.entries.at(-1)?.id ?? skeleton.reached)
  return present(order, hydrated, { skeleton, before, end, wanted, known: order.length, reader })
}

/** Goes on in a window's order: with the object, or with Postgres when that fails or no longer keeps all of the window. */
async function continueWindow(
  deps: Deps,
  viewer: Viewer,
  place: RankedPlace,
  wanted: number,
): Promise<TopWindow> {
  try {
    const skeleton = await readRanked(deps, viewer, place)
    if (skeleton.floor <= place.ranked.end) return await continueKept(deps, viewer, skeleton, place, wanted)
  } catch (error) {
    if (!(error instanceof TimelineFailed)) throw error
    return { ...(await continueStored(deps, viewer, place, wanted)), degraded: 'timeline' }
  }
  return continueStored(deps, viewer, place, wanted)
}

/** All of a window, which more may have come into since it was ranked. */
async function readRanked(
  deps: Deps,
  viewer: Viewer,
  { before, top, ranked }: RankedPlace,
): Promise<Skeleton> {
  const asked = { top, offset: 0, limit: WINDOW_ENTRIES + LATE_ENTRIES }
  let skeleton = await readSkeleton(deps, viewer, { ...asked, before })
  for (let more = 1; more < WINDOWS_MAX; more++) {
    const { entries, reached, floor } = skeleton
    if (reached <= Math.max(ranked.end, floor)) break
    const next = await readSkeleton(deps, viewer, { ...asked, before: reached })
    skeleton = { ...next, entries: [...entries, ...next.entries] }
  }
  return skeleton
}

async function continueKept(
  deps: Deps,
  viewer: Viewer,
  skeleton: Skeleton,
  { before, ranked }: RankedPlace,
  wanted: number,
): Promise<TopWindow> {
  const rest = inOrder(
    ranked.order,
    skeleton.entries.filter(({ id }) => id >= ranked.end),
  )
  const hydrated = await hydrate(deps, viewer, skeleton, rest.slice(0, wanted), 'older')
  if (!hydrated.isWhole && hydrated.entries.length === 0) throw unavailable()
  const order = [...hydrated.entries, ...rest.slice(hydrated.entries.length)]
  const known = hydrated.entries.length
  const reader = readerOfKept(deps, viewer, skeleton)
  const options = { skeleton, before, end: ranked.end, wanted, known, reader }
  return present(order, hydrated, options)
}

async function continueStored(
  deps: Deps,
  viewer: Viewer,
  { before, top, ranked }: RankedPlace,
  wanted: number,
): Promise<TopWindow> {
  const { order, end } = ranked
  const rest = inOrder(order, await readStored(deps, viewer, { before, top, end }))
  const tweets = rest.slice(0, wanted).map(({ json }) => json)
  return { tweets, next: placeAfter(rest.slice(wanted), { top, before, end }), degraded: null }
}

interface Presenting {
  skeleton: Skeleton
  before: number | null
  end: number
  wanted: number
  /** So many of the order, the first, are hydrated. */
  known: number
  reader: HomeReader
}

/** The first so many of the order that the rules let stand; the others are for the next page. */
function present(
  order: readonly PageEntry[],
  { fresh }: Hydrated,
  { skeleton, before, end, wanted, known, reader }: Presenting,
): TopWindow {
  const tweets: Utf8Text[] = []
  let taken = 0
  for (; taken < known && tweets.length < wanted; taken++) {
    const entry = order[taken]
    const tweet = entry === undefined ? null : presentEntry(entry, fresh, reader)
    if (tweet !== null) tweets.push(tweet)
  }
  const next = placeAfter(order.slice(taken), { top: skeleton.top as EntryId, before, end })
  return { tweets, next, degraded: fresh.stale || !skeleton.isComplete ? 'stale' : null }
}

/** Where a scroll goes on: with the rest of a window, or with the one below it. */
function placeAfter(
  rest: readonly { tweetId: TweetId }[],
  { top, before, end }: { top: EntryId; before: number | null; end: number },
): TopPlace | null {
  if (rest.length > 0) return { top, before, ranked: { order: rest.map(tagOf), end } }
  return end === 0 ? null : { top, before: end, ranked: null }
}

async function readByTime(
  deps: Deps,
  viewer: Viewer,
  at: { before: number | null; top: EntryId | null },
  wanted: number,
): Promise<TopWindow> {
  const entries = Math.min(wanted, WINDOW_ENTRIES)
  const stretch = await readStretch(deps, viewer, { ...at, offset: 0 }, { wanted: entries, entries })
  if (stretch === null) throw unavailable()
  const { tweets, top, reached, isLast, degraded } = stretch
  return { tweets, next: isLast ? null : { top, before: reached, ranked: null }, degraded }
}

function signalsOf(entry: PageEntry, { fresh }: Hydrated, nowMs: number) {
  const card = fresh.cards.get(entry.tweetId) ?? entry.card
  const { likes, retweets, quotes, replies } =
    fresh.freshness.get(entry.tweetId)?.counts.counts ?? card?.counts ?? NO_COUNTS
  const ageMs = nowMs - timeOf(entry.id)
  return { likes, retweets, quotes, replies, ageMs, affinity: entry.affinity }
}
