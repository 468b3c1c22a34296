import type { Utf8Text } from '../contracts/utf8-text.ts'
import type { EntryId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'
import { readMarker } from './home-marker.ts'
import { unavailable } from './home-skeleton.ts'
import { type Amount, type Degraded, type HomePosition, readStretch, type Stretch } from './home-stretch.ts'

/** How often a page that rules have thinned is filled up before it is answered short. */
const REFILLS_MAX = 4
/** Entries that are read at once to fill a page up, when the rules thin it much. */
const REFILL_ENTRIES_MAX = 100

export interface HomeRequest {
  limit: number
  /** Where the page before ended; null for a scroll that begins. */
  from: HomePlace | null
  offset: number
}

/** A place in a scroll: below (above) an entry, in the timeline as it was when `top` was its newest. */
export type HomePlace = { top: EntryId } & ({ before: number } | { after: number })

export interface HomePage {
  /** Serialized Tweets, newest first. */
  tweets: Utf8Text[]
  /** Where the page of older tweets begins; null at the end of history. */
  older: HomePlace | null
  /** Where the page of newer tweets begins; null at the beginning of the scroll. */
  newer: HomePlace | null
  degraded: Degraded | null
}

/**
 * The home timeline by time: skeleton (from the reader's object), hydrate (freshen), rules, present; what the object
 * does not keep comes from Postgres, and all of it when the object fails. A page that the rules thin is filled up from what
 * follows. Without the database it ends where something would be missing. Throws `unavailable` when nothing at all
 * can be shown, and `unauthenticated` when the reader's account is gone.
 */
export async function readHomeTimeline(
  deps: Deps,
  viewer: Viewer,
  { limit, from, offset }: HomeRequest,
): Promise<HomePage> {
  const begin: HomePosition = from === null ? { before: null, top: null, offset } : positionAt(from)
  const filled = await fill(deps, viewer, begin, limit)
  if (isNothing(filled)) throw unavailable()
  const { tweets, rest, top, degraded } = filled
  const [here, further] = [placeBefore(begin, top), rest === null ? null : placeAt(rest, top)]
  return 'after' in begin
    ? { tweets, older: here, newer: further, degraded }
    : { tweets, older: further, newer: here, degraded }
}

/**
 * The home timeline where the reader has come to: the newer half of the page above their marker, the older half from it
 * on down. Without a marker it is the newest page.
 */
export async function readHomeAroundMarker(deps: Deps, viewer: Viewer, limit: number): Promise<HomePage> {
  // An object that fails cannot say: then the newest page is read without it, or fails for the same reason.
  const marker = await readMarker(deps, viewer).catch(() => null)
  if (marker === null) return readHomeTimeline(deps, viewer, { limit, from: null, offset: 0 })
  const at = marker.lastReadId
  const above = await fill(deps, viewer, { after: at, top: null }, Math.floor(limit / 2))
  const rest = limit - above.tweets.length
  const below = await fill(deps, viewer, { before: at + 1, top: above.top, offset: 0 }, rest)
  if (isNothing(above, below)) throw unavailable()
  // Of a page of one tweet nothing is above: only what is below has seen where the scroll begins.
  const top = above.top ?? below.top
  return {
    tweets: [...above.tweets, ...below.tweets],
    older: below.rest === null ? null : placeAt(below.rest, top),
    newer: above.rest === null ? null : placeAt(above.rest, top),
    degraded: above.degraded ?? below.degraded,
  }
}

/** Stretches until a page is full. */
interface Filled {
  tweets: Utf8Text[]
  /** Out of how many entries. */
  seen: number
  /** Where to go on; null where nothing comes after. */
  rest: HomePosition | null
  top: EntryId | null
  degraded: Degraded | null
  /** It ended where the database would have been needed. */
  isCut: boolean
}

async function fill(deps: Deps, viewer: Viewer, begin: HomePosition, limit: number): Promise<Filled> {
  const filled: Filled = { tweets: [], seen: 0, rest: begin, top: begin.top, degraded: null, isCut: false }
  for (let round = 0; round <= REFILLS_MAX && filled.rest !== null && !isEnough(filled, limit); round++) {
    const stretch = await readStretch(deps, viewer, filled.rest, amountFor(filled, limit))
    filled.isCut = stretch === null
    filled.degraded = stretch === null ? 'stale' : (filled.degraded ?? stretch.degraded)
    if (stretch === null) break
    filled.tweets = joined(begin, filled.tweets, stretch)
    filled.seen += stretch.seen
    filled.top = stretch.top
    filled.rest = stretch.isLast ? null : positionAfter(begin, stretch)
  }
  return filled
}

/** What is still wanted, out of as many entries as that takes if the rules drop as many as they have dropped so far. */
function amountFor({ tweets: { length: shown }, seen }: Filled, limit: number): Amount {
  const wanted = limit - shown
  if (seen === 0) return { wanted, entries: wanted }
  const entries = shown === 0 ? REFILL_ENTRIES_MAX : Math.ceil((wanted * seen) / shown)
  return { wanted, entries: Math.max(wanted, Math.min(entries, REFILL_ENTRIES_MAX)) }
}

/** Not even an end of history: there may be tweets, which nobody can say. */
function isNothing(...parts: Filled[]): boolean {
  return parts.every(({ tweets }) => tweets.length === 0) && parts.some(({ isCut }) => isCut)
}

/** A page that is stale already is not filled up: the database is slow, or away. */
function isEnough({ tweets, degraded }: Filled, limit: number): boolean {
  return tweets.length >= limit || (degraded === 'stale' && tweets.length > 0)
}

function joined(begin: HomePosition, tweets: Utf8Text[], stretch: Stretch): Utf8Text[] {
  return 'after' in begin ? [...stretch.tweets, ...tweets] : [...tweets, ...stretch.tweets]
}

function positionAfter(begin: HomePosition, { reached, top }: Stretch): HomePosition {
  return 'after' in begin ? { after: reached, top } : { before: reached, top, offset: 0 }
}

function positionAt(place: HomePlace): HomePosition {
  return 'after' in place ? place : { ...place, offset: 0 }
}

function placeAt(position: HomePosition, top: EntryId | null): HomePlace | null {
  if (top === null) return null
  if ('after' in position) return { after: position.after, top }
  return position.before === null ? null : { before: position.before, top }
}

/** What lies on the other side of where a page began; null at the newest. */
function placeBefore(begin: HomePosition, top: EntryId | null): HomePlace | null {
  if (top === null) return null
  if ('after' in begin) return { before: begin.after + 1, top }
  return begin.before === null || begin.before > top ? null : { after: begin.before - 1, top }
}
