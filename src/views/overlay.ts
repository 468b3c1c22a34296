import { OVERLAY, OVERLAY_COLUMNS, type Overlay } from '../contracts/timeline.ts'
import type { PulledAuthorEntry } from '../db/statements/pulled-authors.ts'
import { type EntryId, MAX_ID, type TweetId, type UserId } from '../domain/ids.ts'

/** More entries than a page shows, because the timeline drops some: those of people who are blocked, or replies. */
const SLACK = 10

/** An author's newest entries, as rows of overlays. */
export interface AuthorEntries {
  id: UserId
  /** Newest first. */
  rows: Float64Array
  /** Every entry from this id on is among them; 0 when all are. */
  floor: number
  /** By the retweeted tweet: the retweet's entry. */
  retweets: Map<TweetId, EntryId>
}

/** Which entries of an overlay a page needs. */
export interface OverlayRange {
  before: number | null
  after?: number
  top: number | null
  /** How many entries, or all of them. */
  wanted: number
}

export function toAuthorEntries(
  id: UserId,
  entries: readonly PulledAuthorEntry[],
  isWhole: boolean,
): AuthorEntries {
  const rows = new Float64Array(entries.length * OVERLAY_COLUMNS)
  entries.forEach((entry, index) => {
    const at = index * OVERLAY_COLUMNS
    rows[at + OVERLAY.id] = entry.id
    rows[at + OVERLAY.tweetId] = entry.tweet_id
    rows[at + OVERLAY.authorId] = entry.author_id
    rows[at + OVERLAY.retweeterId] = entry.is_retweet ? id : 0
    rows[at + OVERLAY.replyToUserId] = entry.reply_to_user_id ?? 0
    rows[at + OVERLAY.quotedId] = entry.quoted_id ?? 0
    rows[at + OVERLAY.quotedAuthorId] = entry.quoted_author_id ?? 0
  })
  const retweets = entries.filter(({ is_retweet }) => is_retweet)
  return {
    id,
    rows,
    floor: isWhole ? 0 : (entries.at(-1)?.id ?? 0),
    retweets: new Map(retweets.map((entry) => [entry.tweet_id, entry.id])),
  }
}

/** The author's own tweets alone. */
export function withoutRetweets<Author extends AuthorEntries>(author: Author): Author {
  const rows: number[] = []
  for (let at = 0; at < author.rows.length; at += OVERLAY_COLUMNS) {
    if (author.rows[at + OVERLAY.retweeterId] === 0)
      rows.push(...author.rows.subarray(at, at + OVERLAY_COLUMNS))
  }
  return { ...author, rows: Float64Array.from(rows), retweets: new Map() }
}

/** Merges authors' entries into the overlay of one page, each tweet where its newest entry among them is. */
export function overlayOf(authors: readonly AuthorEntries[], range: OverlayRange): Overlay {
  const { before, after, top, wanted } = range
  const floor = Math.max(0, ...authors.map((author) => author.floor))
  const downwards = after === undefined
  const bounds = {
    from: Math.max(floor, downwards ? 0 : after + 1),
    to: Math.min(before === null ? MAX_ID : before - 1, top ?? MAX_ID),
  }
  const chosen: Row[] = []
  let isCut = false
  for (const row of mergedRows(authors, bounds, downwards)) {
    if (newerRetweet(authors, tweetOf(row), idOf(row), top ?? MAX_ID)) continue
    isCut = chosen.length >= wanted + SLACK
    if (isCut) break
    chosen.push(row)
  }
  const reaches = isCut ? idOf(chosen.at(-1)) : downwards ? floor : MAX_ID
  const rows = rowsOf(downwards ? chosen : chosen.toReversed())
  return { rows, authors: authors.map(({ id }) => id), floor, reaches }
}

/** The newer retweet of a tweet by one of these authors: it stands there and not where its entry `id` is. */
export function newerRetweet(
  authors: readonly AuthorEntries[],
  tweet: TweetId,
  id: number,
  top: number,
): boolean {
  return authors.some(({ retweets }) => {
    const retweet = retweets.get(tweet)
    return retweet !== undefined && retweet > id && retweet <= top
  })
}

/** A row of an author's. */
interface Row {
  rows: Float64Array
  at: number
}

/** Rows with `from <= id <= to` of all authors, newest or oldest first: each author's are in order already. */
function* mergedRows(
  authors: readonly AuthorEntries[],
  { from, to }: { from: number; to: number },
  downwards: boolean,
): Generator<Row> {
  const step = downwards ? OVERLAY_COLUMNS : -OVERLAY_COLUMNS
  const isBeyond = (row: Row) => (downwards ? idOf(row) < from : idOf(row) > to)
  const heads = authors.map(({ rows }): Row => {
    const head = { rows, at: downwards ? 0 : rows.length - OVERLAY_COLUMNS }
    while (isRow(head) && (downwards ? idOf(head) > to : idOf(head) < from)) head.at += step
    return head
  })
  for (;;) {
    let next: Row | null = null
    for (const head of heads) {
      if (!isRow(head) || isBeyond(head)) continue
      if (next === null || (downwards ? idOf(head) > idOf(next) : idOf(head) < idOf(next))) next = head
    }
    if (next === null) return
    yield { ...next }
    next.at += step
  }
}

function isRow({ rows, at }: Row): boolean {
  return at >= 0 && at < rows.length
}

function idOf(row: Row | undefined): number {
  return row === undefined ? 0 : (row.rows[row.at + OVERLAY.id] ?? 0)
}

function tweetOf({ rows, at }: Row): TweetId {
  return (rows[at + OVERLAY.tweetId] ?? 0) as TweetId
}

/** A plain array, which crosses RPC for less than a typed one. */
function rowsOf(chosen: readonly Row[]): number[] {
  const rows: number[] = []
  for (const { rows: from, at } of chosen) {
    for (let column = 0; column < OVERLAY_COLUMNS; column++) rows.push(from[at + column] ?? 0)
  }
  return rows
}
