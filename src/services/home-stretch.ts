import type { PageEntry } from '../contracts/timeline.ts'
import type { Utf8Text } from '../contracts/utf8-text.ts'
import { isUnavailable } from '../db/client.ts'
import { readHomeAbove, readHomeBelow } from '../db/statements/home-timeline.ts'
import { type EntryId, idFloor, MAX_ID } from '../domain/ids.ts'
import { type Freshened, freshen } from '../views/freshen.ts'
import type { Deps, Viewer } from './deps.ts'
import { readSkeleton, type Skeleton, TimelineFailed } from './home-skeleton.ts'
import { presentEntry, presentRow, readerOfKept, readerOfRows } from './present-home.ts'

/** Where a read has come to, and which way it goes. `top` is the newest entry of its scroll; null where it begins. */
export type HomePosition = { top: EntryId | null } & (
  | { before: number | null; offset: number }
  | { after: number }
)

/**
 * `stale`: counts or visibility may be outdated, because the database did not answer in time. `timeline`: the reader's
 * timeline object failed, and the page was read from the database.
 */
export type Degraded = 'stale' | 'timeline'

/** How much is read at once: as many tweets as are wanted, out of so many entries at the most. */
export interface Amount {
  wanted: number
  entries: number
}

/** One stretch of the timeline, after the rules. */
export interface Stretch {
  /** Serialized Tweets, newest first. */
  tweets: Utf8Text[]
  /** How many entries they were taken out of. */
  seen: number
  /** All between where it began and here, inclusive, is among the tweets. */
  reached: number
  /** Nothing comes after it in its direction. */
  isLast: boolean
  top: EntryId
  degraded: Degraded | null
}

/**
 * Reads on from a position: from the reader's object, and from Postgres what that does not keep, or all when it fails.
 * Null when the database would be needed and is not there. Throws as `readSkeleton` does, but for TimelineFailed.
 */
export async function readStretch(
  deps: Deps,
  viewer: Viewer,
  at: HomePosition,
  amount: Amount,
): Promise<Stretch | null> {
  try {
    const asked = { before: null, offset: 0, ...at, limit: amount.entries }
    const skeleton = begun(at, await readSkeleton(deps, viewer, asked))
    const { top } = skeleton
    if ('after' in at) {
      if (at.after + 1 < skeleton.floor) {
        const { after } = at
        const place = { after, below: skeleton.floor, top: top as EntryId }
        return await readAbove(deps, viewer, place, amount)
      }
      return await presentKept(deps, viewer, skeleton, 'newer', amount.wanted)
    }
    if (skeleton.entries.length > 0) return await presentKept(deps, viewer, skeleton, 'older', amount.wanted)
    if (skeleton.reached > skeleton.floor) return emptyStretch(skeleton, 'older')
    if (skeleton.floor === 0) return emptyStretch(skeleton, 'older')
    const offset = Math.max(0, at.offset - skeleton.kept)
    const before = Math.min(at.before ?? MAX_ID, skeleton.floor)
    return await readBelow(deps, viewer, { before, top: top as EntryId, offset }, amount)
  } catch (error) {
    if (!(error instanceof TimelineFailed)) throw error
    const stretch = await readWithoutObject(deps, viewer, at, amount)
    return stretch === null ? null : { ...stretch, degraded: 'timeline' }
  }
}

function readWithoutObject(deps: Deps, viewer: Viewer, at: HomePosition, amount: Amount) {
  if ('after' in at) {
    // Nobody has seen the newest entry: such a scroll begins at this moment.
    const top = at.top ?? (idFloor(deps.now()) as EntryId)
    return readAbove(deps, viewer, { after: at.after, below: MAX_ID, top }, amount)
  }
  const top = at.top ?? (MAX_ID as EntryId)
  return readBelow(deps, viewer, { before: at.before ?? MAX_ID, top, offset: at.offset }, amount)
}

/** A scroll that begins below all that the object shows begins there. */
function begun(at: HomePosition, skeleton: Skeleton): Skeleton {
  const { top, floor, reached } = skeleton
  if (at.top !== null || top > 0) return skeleton
  return { ...skeleton, top: floor, reached: 'after' in at ? floor : reached }
}

function emptyStretch(skeleton: Skeleton, direction: 'older' | 'newer'): Stretch {
  const { reached, top } = skeleton
  const isLast = direction === 'older' ? reached === 0 : reached >= top
  return { tweets: [], seen: 0, reached, isLast, top: top as EntryId, degraded: null }
}

/** Entries of a page, brought up to date, before the rules. */
export interface Hydrated {
  /** Without those below (above) the first that can be shown neither from the object nor from the database. */
  entries: PageEntry[]
  fresh: Freshened
  isWhole: boolean
}

/** Hydrate: the cards that the object lacks and what changes often. */
export async function hydrate(
  deps: Deps,
  viewer: Viewer,
  { authors, ownCardChangedAtMs }: Skeleton,
  page: readonly PageEntry[],
  direction: 'older' | 'newer',
): Promise<Hydrated> {
  const entries = page.map((entry) => withPulledCard(entry, authors))
  const fresh = await deps.timed('freshen', () =>
    freshen(
      {
        db: deps.db,
        viewerId: viewer.id,
        cache: deps.freshness,
        now: deps.now,
        deadlineMs: deps.settings.freshenDeadlineMs,
        ownCardChangedAtMs,
        defer: deps.defer,
      },
      entries,
    ),
  )
  keepCards(deps, viewer, entries, fresh, authors)
  const { cards, freshness } = fresh
  const isShowable = ({ tweetId, card }: PageEntry) =>
    cards.has(tweetId) || card !== null || freshness.has(tweetId)
  const whole = direction === 'older' ? leading(entries, isShowable) : trailing(entries, isShowable)
  return { entries: whole, fresh, isWhole: whole.length === entries.length }
}

async function presentKept(
  deps: Deps,
  viewer: Viewer,
  skeleton: Skeleton,
  direction: 'older' | 'newer',
  wanted: number,
): Promise<Stretch | null> {
  if (skeleton.entries.length === 0) return emptyStretch(skeleton, direction)
  const { entries, fresh, isWhole } = await hydrate(deps, viewer, skeleton, skeleton.entries, direction)
  const way = direction === 'older' ? entries : entries.toReversed()
  const reader = readerOfKept(deps, viewer, skeleton)
  const { tweets, seen } = takeShown(way, wanted, (entry) => presentEntry(entry, fresh, reader))
  const end = way[seen - 1]
  if (end === undefined) return null
  const reached = isWhole && seen === way.length ? skeleton.reached : end.id
  return {
    ...emptyStretch({ ...skeleton, reached }, direction),
    tweets: direction === 'older' ? tweets : tweets.toReversed(),
    seen,
    degraded: fresh.stale || !skeleton.isComplete ? 'stale' : null,
  }
}

/** The first so many that are shown, and out of how many they were taken. */
function takeShown<Item>(
  items: readonly Item[],
  wanted: number,
  present: (item: Item) => Utf8Text | null,
): { tweets: Utf8Text[]; seen: number } {
  const tweets: Utf8Text[] = []
  let seen = 0
  for (const item of items) {
    if (tweets.length === wanted) break
    const tweet = present(item)
    if (tweet !== null) tweets.push(tweet)
    seen++
  }
  return { tweets, seen }
}

type Authors = Skeleton['authors']

function withPulledCard(entry: PageEntry, authors: Authors): PageEntry {
  const author = authors.find(({ id }) => id === (entry.retweeterId ?? entry.authorId))
  if (author === undefined) return entry
  const card = entry.card ?? author.cards.get(entry.tweetId) ?? null
  return { ...entry, card, retweeter: entry.retweeterId === null ? null : author.author }
}

/** Cards that were read anew go where they are kept: to the object, or to what is known of a pulled author. */
function keepCards(
  deps: Deps,
  viewer: Viewer,
  entries: readonly PageEntry[],
  { cards }: Freshened,
  authors: Authors,
): void {
  if (cards.size === 0) return
  const kept = entries.flatMap(({ tweetId, retweeterId, authorId }) => {
    const card = cards.get(tweetId)
    if (card === undefined) return []
    const author = authors.find(({ id }) => id === (retweeterId ?? authorId))
    author?.cards.set(tweetId, card)
    return author === undefined ? [card] : []
  })
  if (kept.length > 0) deps.defer(deps.timeline(viewer.id).keepCards(kept))
}

function leading<Item>(items: Item[], holds: (item: Item) => boolean): Item[] {
  const end = items.findIndex((item) => !holds(item))
  return end < 0 ? items : items.slice(0, end)
}

function trailing<Item>(items: Item[], holds: (item: Item) => boolean): Item[] {
  return items.slice(items.findLastIndex((item) => !holds(item)) + 1)
}

async function readBelow(
  deps: Deps,
  viewer: Viewer,
  { before, top, offset }: { before: number; top: EntryId; offset: number },
  { wanted, entries: limit }: Amount,
): Promise<Stretch | null> {
  const nowMs = deps.now()
  const found = await whenAvailable(
    deps.timed('db', () =>
      readHomeBelow(deps.db, viewer.id, { before, top, offset, limit: limit + 1, nowMs }),
    ),
  )
  if (found === null) return null
  const { rows, mutedWords } = found
  const reader = readerOfRows(viewer, mutedWords, nowMs)
  const page = rows.slice(0, limit)
  const { tweets, seen } = takeShown(page, wanted, (row) => presentRow(row, reader))
  const isLast = rows.length <= limit && seen === page.length
  return {
    tweets,
    seen,
    reached: isLast ? 0 : (page[seen - 1]?.entry_id ?? 0),
    isLast,
    top: top === MAX_ID ? (rows[0]?.entry_id ?? top) : top,
    degraded: null,
  }
}

async function readAbove(
  deps: Deps,
  viewer: Viewer,
  { after, below, top }: { after: number; below: number; top: EntryId },
  { wanted, entries: limit }: Amount,
): Promise<Stretch | null> {
  const nowMs = deps.now()
  const found = await whenAvailable(
    deps.timed('db', () => readHomeAbove(deps.db, viewer.id, { after, below, top, limit: limit + 1 })),
  )
  if (found === null) return null
  const { rows, mutedWords } = found
  const reader = readerOfRows(viewer, mutedWords, nowMs)
  const page = rows.slice(0, limit)
  const { tweets, seen } = takeShown(page, wanted, (row) => presentRow(row, reader))
  const isLast = rows.length <= limit && seen === page.length
  return {
    tweets: tweets.toReversed(),
    seen,
    reached: isLast ? below - 1 : (page[seen - 1]?.entry_id ?? after),
    isLast: isLast && below > top,
    top,
    degraded: null,
  }
}

/** Null when the database is not there. */
export async function whenAvailable<Rows>(reading: Promise<Rows>): Promise<Rows | null> {
  try {
    return await reading
  } catch (error) {
    if (isUnavailable(error)) return null
    throw error
  }
}
