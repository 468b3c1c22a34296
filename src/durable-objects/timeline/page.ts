import {
  type PackedEntry,
  type PackedPage,
  type PageFrame,
  packEntry,
  packPage,
  type Reading,
} from '../../contracts/packed-page.ts'
import type {
  Entry,
  MutedWords,
  Overlay,
  PageEntry,
  PageRequest,
  TimelinePage,
} from '../../contracts/timeline.ts'
import type { Card } from '../../contracts/tweet-json.ts'
import { MAX_ID, type TweetId, type UserId } from '../../domain/ids.ts'
import type { EntryList, KeptEntry } from './entry-list.ts'
import { type OverlayEntry, overlayAbove, overlayBelow } from './overlay.ts'

/** What a page is made of: the timeline as its store knows it. */
export interface PageSource {
  entries: EntryList
  floor: number
  /** The followees whose entries come with an overlay, and of which set that is known. */
  pulled: { hash: string; authors: ReadonlySet<UserId> }
  ownCardChangedAtMs: number
  mutedWords: MutedWords | null
  hidesSensitive: boolean
  hears(user: UserId): boolean
  isDropped(user: UserId): boolean
  /** A followee whose retweets are not shown. */
  isSilent(user: UserId): boolean
  /** Deleted, or undone. */
  isGone(id: number): boolean
  isOwner(user: UserId): boolean
  flagsOf(tweet: TweetId): number
  cardOf(entry: KeptEntry): Card | null
  /** Whether it shows what the owner does not want to see. */
  isUnwanted(entry: KeptEntry): boolean
}

/** A line of a page before it is presented. */
type Line = { kept: KeptEntry } | { pulled: OverlayEntry }

/** Puts a page together: kept entries merged with an overlay, in either direction. */
export function readPage(source: PageSource, request: PageRequest): TimelinePage {
  const { lines, frame, affinities } = readLines(source, request)
  return { ...frame, entries: lines.map((line) => present(source, line, affinities)) }
}

/** The same page, packed: what it takes of an entry that does not change is packed once. */
export function readPackedPage(source: PageSource, request: PageRequest): PackedPage {
  const { lines, frame, affinities } = readLines(source, request)
  return packPage(
    frame,
    lines.map((line) => {
      const card = cardOf(source, line)
      return { packed: packedEntry(line, card), reading: readingOf(source, line, card, affinities) }
    }),
  )
}

interface Lines {
  lines: Line[]
  frame: PageFrame
  affinities: Map<UserId, number>
}

function readLines(source: PageSource, request: PageRequest): Lines {
  const { overlay } = request
  const floor = Math.max(source.floor, overlay?.floor ?? 0)
  const top = request.top ?? newestOf(source, overlay)
  const affinities = affinitiesOf(source, request)
  const shown = request.after === undefined ? below(source, request, floor, top) : above(source, request, top)
  const frame = {
    top,
    reached: shown.reached,
    floor,
    kept: request.offset === 0 ? 0 : countShown(source, overlay, floor, top),
    pulled: pulledFor(source),
    ownCardChangedAtMs: source.ownCardChangedAtMs,
    mutedWords: source.mutedWords,
    hidesSensitive: source.hidesSensitive,
  }
  return { lines: shown.lines, frame, affinities }
}

/** Without those who are not to be seen: no tweet is where one of their retweets would be. */
function pulledFor({ pulled, isDropped, isSilent }: PageSource): PageFrame['pulled'] {
  const authors = [...pulled.authors].filter((author) => !isDropped(author))
  return { hash: pulled.hash, authors, silent: authors.filter(isSilent) }
}

interface Stretch {
  lines: Line[]
  reached: number
}

function below(source: PageSource, request: PageRequest, floor: number, top: number): Stretch {
  const { before, overlay, limit, offset } = request
  const from = before === null ? top + 1 : Math.min(before, top + 1)
  const end = Math.max(floor, overlay?.reaches ?? 0)
  const lines: Line[] = []
  let skipped = 0
  for (const line of linesBelow(source, overlay, from, top)) {
    if (idOf(line) < end) break
    if (skipped < offset) {
      if (!isUnwanted(source, line)) skipped++
      continue
    }
    if (lines.length === limit) return { lines, reached: reachedBy(lines, end) }
    lines.push(line)
  }
  return { lines, reached: end }
}

function above(source: PageSource, { after = 0, overlay, limit }: PageRequest, top: number): Stretch {
  const end = Math.min(top, overlay?.reaches ?? MAX_ID)
  const lines: Line[] = []
  for (const line of linesAbove(source, overlay, after, top)) {
    if (idOf(line) > end) break
    if (lines.length === limit) return { lines: lines.toReversed(), reached: reachedBy(lines, end) }
    lines.push(line)
  }
  return { lines: lines.toReversed(), reached: end }
}

function reachedBy(lines: readonly Line[], otherwise: number): number {
  const last = lines.at(-1)
  return last === undefined ? otherwise : idOf(last)
}

function newestOf(source: PageSource, overlay: Overlay | undefined): number {
  for (const line of linesBelow(source, overlay, MAX_ID, MAX_ID)) return idOf(line)
  return 0
}

function countShown(source: PageSource, overlay: Overlay | undefined, floor: number, top: number): number {
  let count = 0
  for (const line of linesBelow(source, overlay, top + 1, top)) {
    if (idOf(line) >= floor && !isUnwanted(source, line)) count++
  }
  return count
}

/** An offset counts what a page shows: one that its asker fills up ends where the next one begins. */
function isUnwanted(source: PageSource, line: Line): boolean {
  return 'kept' in line && source.isUnwanted(line.kept)
}

function linesBelow(
  source: PageSource,
  overlay: Overlay | undefined,
  before: number,
  top: number,
): Iterable<Line> {
  const kept = keptLines(source, source.entries.below(before), top)
  if (overlay === undefined) return kept
  return merged(kept, pulledLines(source, overlayBelow(overlay, before), top), (a, b) => a > b)
}

function linesAbove(
  source: PageSource,
  overlay: Overlay | undefined,
  after: number,
  top: number,
): Iterable<Line> {
  const kept = keptLines(source, source.entries.above(after), top)
  if (overlay === undefined) return kept
  return merged(kept, pulledLines(source, overlayAbove(overlay, after), top), (a, b) => a < b)
}

function* keptLines(source: PageSource, entries: Iterable<KeptEntry>, top: number): Generator<Line> {
  for (const entry of entries) if (isShown(source, entry, top)) yield { kept: entry }
}

function isShown(source: PageSource, entry: KeptEntry, top: number): boolean {
  if (entry.id > top || isPulled(source, entry) || isHidden(source, entry)) return false
  const entries = source.entries.ofTweet(entry.tweetId)
  return entries.length === 1 || newestShowing(source, entry.tweetId, top)?.id === entry.id
}

function* pulledLines(source: PageSource, entries: Iterable<OverlayEntry>, top: number): Generator<Line> {
  for (const entry of entries) {
    if (entry.id > top || !isFor(source, entry)) continue
    const kept = newestShowing(source, entry.tweetId, top)
    if (kept === null || kept.id < entry.id) yield { pulled: entry }
  }
}

/** A tweet stands where its newest entry is. */
function newestShowing(source: PageSource, tweet: TweetId, top: number): KeptEntry | null {
  const shows = (entry: KeptEntry) => entry.id <= top && !isPulled(source, entry) && !isHidden(source, entry)
  return source.entries.ofTweet(tweet).find(shows) ?? null
}

/** By somebody who is not to be seen, or a retweet by somebody whose retweets are not. */
function isHidden(source: PageSource, { authorId, retweeterId }: Entry): boolean {
  if (source.isDropped(authorId)) return true
  return retweeterId !== null && (source.isDropped(retweeterId) || source.isSilent(retweeterId))
}

function isPulled({ pulled }: PageSource, { retweeterId, authorId }: KeptEntry): boolean {
  return pulled.authors.size > 0 && pulled.authors.has(retweeterId ?? authorId)
}

/** What fan-out asks of an entry before it delivers it. */
function isFor(source: PageSource, entry: OverlayEntry): boolean {
  const { retweeterId, authorId, replyToUserId } = entry
  if (source.isGone(entry.id) || source.isGone(entry.tweetId) || isHidden(source, entry)) return false
  if (!source.pulled.authors.has(retweeterId ?? authorId)) return false
  return replyToUserId === null || source.isOwner(replyToUserId) || source.hears(replyToUserId)
}

function* merged(a: Iterator<Line>, b: Iterator<Line>, comesFirst: (a: number, b: number) => boolean) {
  let left = a.next()
  let right = b.next()
  while (left.done !== true || right.done !== true) {
    if (right.done === true || (left.done !== true && comesFirst(idOf(left.value), idOf(right.value)))) {
      if (left.done !== true) yield left.value
      left = a.next()
    } else {
      yield right.value
      right = b.next()
    }
  }
}

function idOf(line: Line): number {
  return 'kept' in line ? line.kept.id : line.pulled.id
}

function affinitiesOf({ entries, flagsOf }: PageSource, { wantsAffinity }: PageRequest): Map<UserId, number> {
  const acts = new Map<UserId, number>()
  if (wantsAffinity !== true) return acts
  for (const entry of entries.newestFirst) {
    const { authorId, tweetId } = entry
    const isFirst = entries.ofTweet(tweetId)[0] === entry
    if (isFirst && flagsOf(tweetId) !== 0) acts.set(authorId, (acts.get(authorId) ?? 0) + 1)
  }
  return acts
}

/** What of a line depends on the reader, and may change with every act of theirs. */
function readingOf(
  source: PageSource,
  line: Line,
  card: Card | null,
  affinities: Map<UserId, number>,
): Reading {
  const quote = quoteOf(line, card)
  const { tweetId, authorId } = entryOf(line)
  return {
    flags: source.flagsOf(tweetId),
    quoteFlags: quote === null ? 0 : source.flagsOf(quote.id),
    ofFollowee: source.hears(authorId),
    hidesQuote: quote !== null && quote.authorId !== null && source.isDropped(quote.authorId),
    affinity: affinities.get(authorId) ?? 0,
  }
}

function present(source: PageSource, line: Line, affinities: Map<UserId, number>): PageEntry {
  const card = cardOf(source, line)
  const { id, tweetId, authorId, retweeterId } = entryOf(line)
  const retweeter = 'kept' in line ? line.kept.retweeter : null
  return {
    id,
    tweetId,
    authorId,
    retweeterId,
    retweeter,
    card,
    ...readingOf(source, line, card, affinities),
  }
}

function packedEntry(line: Line, card: Card | null): PackedEntry {
  if (!('kept' in line)) return packEntry(line.pulled, null, card)
  const { kept } = line
  if (kept.packed?.card === card) return kept.packed.entry
  const entry = packEntry(kept, kept.retweeter, card)
  kept.packed = { card, entry }
  return entry
}

function cardOf(source: PageSource, line: Line): Card | null {
  const known = 'kept' in line ? line.kept : source.entries.ofTweet(line.pulled.tweetId)[0]
  return known === undefined ? null : source.cardOf(known)
}

function quoteOf(line: Line, card: Card | null): { id: TweetId; authorId: UserId | null } | null {
  if (!('kept' in line)) {
    const { quotedId: id, quotedAuthorId: authorId } = line.pulled
    return id === null ? null : { id, authorId }
  }
  const quote = card?.quote ?? null
  if (quote === null) return null
  return { id: quote.tweetId as TweetId, authorId: (quote.body?.authorId ?? null) as UserId | null }
}

function entryOf(line: Line): Entry {
  return 'kept' in line ? line.kept : line.pulled
}
