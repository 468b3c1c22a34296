import type { PageEntry } from '../contracts/timeline.ts'
import { NO_COUNTS } from '../contracts/tweet-json.ts'
import type { Utf8Text } from '../contracts/utf8-text.ts'
import { type EntryId, timeOf } from '../domain/ids.ts'
import { rank, rankingScore } from '../domain/ranking.ts'
import type { Deps, Viewer } from './deps.ts'
import { readSkeleton, type Skeleton, TimelineFailed, unavailable } from './home-skeleton.ts'
import { type Degraded, type Hydrated, hydrate, presentEntry, readStretch } from './home-stretch.ts'

/** Entries that are ranked together: the newest so many, then those below them. */
const WINDOW_ENTRIES = 100
/** Entries that may have come late into a window since it was ranked. */
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
    const read: TopWindow = await readWindow(deps, viewer, place, skip + limit - page.tweets.length)
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

interface TopWindow {
  tweets: Utf8Text[]
  next: TopPlace | null
  degraded: Degraded | null
}

async function readWindow(
  deps: Deps,
  viewer: Viewer,
  place: TopPlace | null,
  wanted: number,
): Promise<TopWindow> {
  const at = { before: place?.before ?? null, top: place?.top ?? null }
  try {
    const limit = WINDOW_ENTRIES + (place?.ranked == null ? 0 : LATE_ENTRIES)
    const skeleton = await readSkeleton(deps, viewer, { ...at, offset: 0, limit, wantsAffinity: true })
    if (skeleton.entries.length === 0 && skeleton.reached <= skeleton.floor) {
      if (skeleton.floor === 0) return { tweets: [], next: null, degraded: null }
      return await readByTime(deps, viewer, at, wanted)
    }
    return place?.ranked == null
      ? await rankWindow(deps, viewer, skeleton, at.before, wanted)
      : await continueWindow(deps, viewer, skeleton, { ...place, ranked: place.ranked }, wanted)
  } catch (error) {
    if (!(error instanceof TimelineFailed)) throw error
    return readByTime(deps, viewer, at, wanted)
  }
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
  const nowMs = deps.now()
  const order = rank(hydrated.entries, (entry) => rankingScore(signalsOf(entry, hydrated, nowMs)))
  const end = hydrated.isWhole ? skeleton.reached : (hydrated.entries.at(-1)?.id ?? skeleton.reached)
  return present(order, hydrated, { skeleton, before, end, wanted, known: order.length, nowMs })
}

async function continueWindow(
  deps: Deps,
  viewer: Viewer,
  skeleton: Skeleton,
  { before, ranked }: TopPlace & { ranked: NonNullable<TopPlace['ranked']> },
  wanted: number,
): Promise<TopWindow> {
  const byTag = Map.groupBy(skeleton.entries, ({ id }) => tagOf(id))
  const rest = ranked.order.flatMap((tag) => byTag.get(tag) ?? []).filter(({ id }) => id >= ranked.end)
  const hydrated = await hydrate(deps, viewer, skeleton, rest.slice(0, wanted), 'older')
  if (!hydrated.isWhole && hydrated.entries.length === 0) throw unavailable()
  const order = [...hydrated.entries, ...rest.slice(hydrated.entries.length)]
  const known = hydrated.entries.length
  const options = { skeleton, before, end: ranked.end, wanted, known, nowMs: deps.now() }
  return present(order, hydrated, options)
}

interface Presenting {
  skeleton: Skeleton
  before: number | null
  end: number
  wanted: number
  /** So many of the order, the first, are hydrated. */
  known: number
  nowMs: number
}

/** The first so many of the order that the rules let stand; the others are for the next page. */
function present(
  order: readonly PageEntry[],
  { fresh }: Hydrated,
  { skeleton, before, end, wanted, known, nowMs }: Presenting,
): TopWindow {
  const tweets: Utf8Text[] = []
  let taken = 0
  for (; taken < known && tweets.length < wanted; taken++) {
    const entry = order[taken]
    const tweet = entry === undefined ? null : presentEntry(entry, fresh, nowMs)
    if (tweet !== null) tweets.push(tweet)
  }
  const rest = order.slice(taken).map(({ id }) => tagOf(id))
  const top = skeleton.top as EntryId
  const below = end === 0 ? null : { top, before: end, ranked: null }
  const next = rest.length === 0 ? below : { top, before, ranked: { order: rest, end } }
  return { tweets, next, degraded: fresh.stale || !skeleton.isComplete ? 'stale' : null }
}

async function readByTime(
  deps: Deps,
  viewer: Viewer,
  at: { before: number | null; top: EntryId | null },
  wanted: number,
): Promise<TopWindow> {
  const stretch = await readStretch(deps, viewer, { ...at, offset: 0 }, Math.min(wanted, WINDOW_ENTRIES))
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

/** What stands for an entry in a cursor: three bytes, which tell apart those of one window. */
function tagOf(id: EntryId): number {
  return id % 2 ** 24
}
