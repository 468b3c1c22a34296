import type { PageEntry, PageRequest, TimelinePage } from '../contracts/timeline.ts'
import { joinTweetJson } from '../contracts/tweet-json.ts'
import { isUnavailable } from '../db/client.ts'
import { readHomeBelow } from '../db/statements/home-timeline.ts'
import type { EntryRow } from '../db/statements/tweets.ts'
import { AppError } from '../domain/errors.ts'
import { mayStandOnHome } from '../domain/home-rules.ts'
import { type EntryId, MAX_ID, type TweetId, type UserId } from '../domain/ids.ts'
import { type Freshened, freshen } from '../views/freshen.ts'
import { presentTweet } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'

/** How often a page that rules have thinned is filled up before it is answered short. */
const REFILLS_MAX = 4
/** An object that restarts, as each does at a deployment, answers the second time. */
const TRIES = 2
const RETRY_AFTER_SECONDS = 2

export interface HomeRequest {
  limit: number
  /** Where the page before ended, and where that scroll began; null for a scroll that begins. */
  after: HomePlace | null
  offset: number
}

/** A place in a scroll: below this entry, in the timeline as it was when `top` was its newest. */
export interface HomePlace {
  before: EntryId
  top: EntryId
}

export interface HomePage {
  /** Serialized Tweets, newest first. */
  tweets: string[]
  /** Where the next page begins; null at the end of history. */
  next: HomePlace | null
  /** Counts or visibility may be outdated: the database did not answer in time. */
  stale: boolean
}

/** Where a read has come to. */
interface Position {
  before: EntryId | null
  top: EntryId | null
  offset: number
}

/** One stretch of the timeline, after the rules. */
interface Stretch {
  tweets: string[]
  next: HomePlace | null
  stale: boolean
}

/**
 * The home timeline by time: skeleton (from the reader's object), hydrate (freshen), rules, present; what the object
 * does not keep comes from Postgres. A page that the rules thin is filled up from what follows. Without the database
 * it ends where something would be missing. Throws `unavailable` when nothing at all can be shown, and
 * `unauthenticated` when the reader's account is gone.
 */
export async function readHomeTimeline(
  deps: Deps,
  viewer: Viewer,
  { limit, after, offset }: HomeRequest,
): Promise<HomePage> {
  const page: HomePage = { tweets: [], next: after, stale: false }
  let position: Position | null = { before: after?.before ?? null, top: after?.top ?? null, offset }
  for (let round = 0; round <= REFILLS_MAX && position !== null && !isEnough(page, limit); round++) {
    const stretch: Stretch | null = await readStretch(deps, viewer, position, limit - page.tweets.length)
    if (stretch === null && page.tweets.length === 0) throw unavailable()
    page.stale ||= stretch === null || stretch.stale
    if (stretch === null) break
    page.tweets.push(...stretch.tweets)
    page.next = stretch.next
    position = stretch.next === null ? null : { ...stretch.next, offset: 0 }
  }
  return page
}

/** A page that is stale already is not filled up: the database is slow, or away. */
function isEnough({ tweets, stale }: HomePage, limit: number): boolean {
  return tweets.length >= limit || (stale && tweets.length > 0)
}

/** Null when the database would be needed and is not there. */
async function readStretch(deps: Deps, viewer: Viewer, at: Position, limit: number): Promise<Stretch | null> {
  const page = await readKept(deps, viewer, { ...at, limit })
  if (page.entries.length > 0) return presentKept(deps, viewer, page)
  if (page.floor === 0) return { tweets: [], next: null, stale: false }
  const offset = at.before === null ? Math.max(0, at.offset - page.kept) : 0
  const before = Math.min(at.before ?? MAX_ID, page.floor)
  const top = (at.top ?? (page.top > 0 ? page.top : before)) as EntryId
  return readBelow(deps, viewer, { before, top, offset, limit }).catch((error: unknown) => {
    if (isUnavailable(error)) return null
    throw error
  })
}

async function readKept(deps: Deps, viewer: Viewer, request: PageRequest): Promise<TimelinePage> {
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    try {
      const result = await deps.timed('object', () => deps.timeline(viewer.id).page(request))
      if (result.ok) return result.page
      throw result.code === 'unavailable' ? unavailable() : new AppError('unauthenticated')
    } catch (error) {
      if (error instanceof AppError) throw error
      deps.log.warn('timeline_failed', { user_id: viewer.id, attempt, error })
    }
  }
  throw unavailable()
}

function unavailable(): AppError {
  return new AppError('unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS })
}

async function presentKept(deps: Deps, viewer: Viewer, page: TimelinePage): Promise<Stretch | null> {
  const fresh = await deps.timed('freshen', () =>
    freshen(
      {
        db: deps.db,
        viewerId: viewer.id,
        cache: deps.freshness,
        now: deps.now,
        deadlineMs: deps.settings.freshenDeadlineMs,
        defer: deps.defer,
      },
      page.entries,
    ),
  )
  const { freshness, cards, stale } = fresh
  if (cards.size > 0) deps.defer(deps.timeline(viewer.id).keepCards([...cards.values()]))
  const isShowable = ({ tweetId, card }: PageEntry) =>
    cards.has(tweetId) || card !== null || freshness.has(tweetId)
  const complete = takeWhile(page.entries, isShowable)
  if (complete.length === 0) return null
  const nowMs = deps.now()
  const tweets = complete.flatMap((entry) => presentEntry(entry, fresh, nowMs) ?? [])
  const hasMore = page.hasMore || complete.length < page.entries.length
  return { tweets, next: nextOf({ ...page, entries: complete, hasMore }), stale }
}

/** Null for an entry that the rules drop. */
function presentEntry(
  entry: PageEntry,
  { freshness, cards, quotes, users }: Freshened,
  nowMs: number,
): string | null {
  const { tweetId, retweeterId, flags } = entry
  const card = cards.get(tweetId) ?? entry.card
  const candidate = freshness.get(tweetId) ?? { gone: false, authorIsPrivate: false }
  if (card === null || !mayStandOnHome({ ...candidate, ofFollowee: entry.ofFollowee })) return null
  // Of a card that the object did not have it does not know the quoted author.
  const quote = quotes.get(tweetId) ?? { hidden: entry.hidesQuote, flags: entry.quoteFlags }
  return joinTweetJson(card, {
    nowMs,
    countsOf: (id) => freshness.get(id as TweetId)?.counts ?? null,
    flagsOf: (id) => (id === tweetId ? flags : quote.flags),
    hides: () => quote.hidden,
    retweetedBy: retweeterId === null ? null : (users.get(retweeterId) ?? entry.retweeter),
  })
}

function takeWhile<Item>(items: Item[], holds: (item: Item) => boolean): Item[] {
  const end = items.findIndex((item) => !holds(item))
  return end < 0 ? items : items.slice(0, end)
}

function nextOf({ entries, top, hasMore, floor }: TimelinePage): HomePlace | null {
  const last: PageEntry | undefined = entries.at(-1)
  return last !== undefined && (hasMore || floor > 0) ? { before: last.id, top: top as EntryId } : null
}

async function readBelow(
  deps: Deps,
  viewer: Viewer,
  { before, top, offset, limit }: { before: number; top: EntryId; offset: number; limit: number },
): Promise<Stretch> {
  const nowMs = deps.now()
  const rows = await deps.timed('db', () =>
    readHomeBelow(deps.db, viewer.id, { before, top, offset, limit: limit + 1, nowMs }),
  )
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    tweets: shown.flatMap((row) => presentBelow(row, viewer.id, nowMs) ?? []),
    next: rows.length > limit && last !== undefined ? { before: last.entry_id, top } : null,
    stale: false,
  }
}

function presentBelow({ entry }: EntryRow, viewerId: UserId, nowMs: number): string | null {
  if (entry === null) return null
  const tweet = presentTweet(entry.tweet, entry.flags, { viewerId, nowMs }, entry.retweeter)
  return JSON.stringify({ ...tweet, impression_count: undefined })
}
