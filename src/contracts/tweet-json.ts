import { isMutedFor, type Written } from '../domain/muted-words.ts'
import { isHiddenAsSensitive } from '../domain/sensitive.ts'
import type { UserCard } from './http/users.ts'
import { toUtf8, type Utf8Text } from './utf8-text.ts'

export interface Counts {
  likes: number
  retweets: number
  replies: number
  quotes: number
  bookmarks: number
  /** Of each option of the tweet's poll, by position; empty without a poll. */
  votes: number[]
}

export const NO_COUNTS: Counts = { likes: 0, retweets: 0, replies: 0, quotes: 0, bookmarks: 0, votes: [] }

/** Bits of what the reader did to a tweet; the position they voted for, plus one, stands above them. */
export const FLAG_LIKED = 1
export const FLAG_RETWEETED = 2
export const FLAG_BOOKMARKED = 4
export const FLAG_VOTE_SHIFT = 3

/** The part of a tweet's wire JSON that only an edit or its author's profile changes, serialized once. */
export interface CardBody {
  tweetId: number
  authorId: number
  /** A non-empty JSON object, without the counts, the flags, `quote_tweet` and `poll`. */
  json: string
  /** `json` without its closing brace, where it came so. */
  open?: Utf8Text
  /** Those of when the card was made. */
  counts: Counts
  poll: { endsAtMs: number; options: string[] } | null
}

/** A tweet's card. `revision` is opaque but for `isOlderCard`: it differs when the card is outdated. */
export interface Card extends CardBody {
  revision: string
  /** The tweet it quotes: without a body where not everybody may see it. */
  quote: { tweetId: number; body: CardBody | null } | null
}

/**
 * Whether a card was made of an older state of the tweet than another. A revision begins with the tweet's and its author's,
 * which only grow; where they are alike, neither is older.
 */
export function isOlderCard(card: Card, other: Card): boolean {
  const [tweet = 0, author = 0] = beginningOf(card.revision)
  const [otherTweet = 0, otherAuthor = 0] = beginningOf(other.revision)
  return tweet < otherTweet || (tweet === otherTweet && author < otherAuthor)
}

function beginningOf(revision: string): number[] {
  return revision.split(/[./]/, 2).map(Number)
}

/**
 * Whether a card shows its reader what they muted, as a text that `holds` it: also in the tweet it quotes, unless that is
 * hidden from them.
 */
export function cardIsMuted(
  card: Card,
  reader: number,
  holds: (text: string) => boolean,
  hidesQuote: boolean,
): boolean {
  if (card.authorId === reader) return false
  const quoted = hidesQuote ? null : (card.quote?.body ?? null)
  return isMutedFor(reader, holds, writtenIn(card), quoted === null ? null : writtenIn(quoted))
}

/** What says in a card that its tweet is sensitive. It stands in no text of a card: quotation marks are escaped there. */
const SENSITIVE = '"is_sensitive":true'

/** Whether a card, or a quoted tweet, is sensitive. Its JSON is not parsed. */
export function isSensitiveBody(body: CardBody): boolean {
  return (body.open ?? body.json).includes(SENSITIVE)
}

/** Whether it is hidden from a reader as sensitive. */
export function isHiddenBody(body: CardBody, reader: { id: number; hidesSensitive: boolean }): boolean {
  if (!reader.hidesSensitive) return false
  return isHiddenAsSensitive(reader, { authorId: body.authorId, isSensitive: isSensitiveBody(body) })
}

function writtenIn({ authorId, json }: CardBody): Written {
  const { content } = JSON.parse(json) as { content: string }
  return { authorId, content }
}

/** What a reader sees of a card, apart from the card. */
export interface Reading {
  nowMs: number
  /** Fresher counts of a tweet, where they are known. */
  countsOf(tweetId: number): Counts | null
  /** What the reader did to a tweet, as bits. */
  flagsOf(tweetId: number): number
  /** Whether the reader may not see this author's quoted tweet. */
  hides(authorId: number): boolean
  retweetedBy: UserCard | null
}

/** Counts of a tweet, and its fields that say them, with a comma before them. */
export interface CountsJson {
  counts: Counts
  json: string
}

export function serializeCounts(counts: Counts): CountsJson {
  return { counts, json: countFields(counts) }
}

/** A Tweet's wire JSON. That of most tweets, which quote nothing and ask nothing, is there already but for counts and flags. */
export function joinTweetUtf8(card: Card, reading: Reading, known: CountsJson | null): Utf8Text {
  const isPlain = card.quote === null && card.poll === null && reading.retweetedBy === null
  if (!isPlain || card.open === undefined || known === null) return toUtf8(joinTweetJson(card, reading))
  const flags = reading.flagsOf(card.tweetId) & FLAGS_MASK
  return `${card.open},"quote_tweet":null,"poll":null${known.json}${CLOSING_FLAGS[flags]}` as Utf8Text
}

/** A Tweet's wire JSON: its serialized card, never parsed again on the way, joined with what changes often. */
export function joinTweetJson(card: Card, reading: Reading): string {
  const { retweetedBy } = reading
  const by = retweetedBy === null ? '' : `,"retweeted_by":${JSON.stringify(retweetedBy)}`
  return `${bodyJson(card, quoteJson(card.quote, reading), reading)}${by}}`
}

function quoteJson(quote: Card['quote'], reading: Reading): string {
  if (quote === null) return 'null'
  const { tweetId, body } = quote
  if (body === null || reading.hides(body.authorId)) return `{"id":${tweetId},"unavailable":true}`
  return `${bodyJson(body, 'null', reading)}}`
}

/** Everything of a tweet but the closing brace. */
function bodyJson(body: CardBody, quote: string, reading: Reading): string {
  const counts = reading.countsOf(body.tweetId) ?? body.counts
  const flags = reading.flagsOf(body.tweetId)
  return (
    `${body.json.slice(0, -1)},"quote_tweet":${quote},"poll":${pollJson(body, counts, flags, reading.nowMs)}` +
    countFields(counts) +
    flagFields(flags)
  )
}

function countFields(counts: Counts): string {
  return (
    `,"like_count":${counts.likes},"retweet_count":${counts.retweets},"reply_count":${counts.replies}` +
    `,"quote_count":${counts.quotes},"bookmark_count":${counts.bookmarks}`
  )
}

function flagFields(flags: number): string {
  return (
    `,"is_liked":${(flags & FLAG_LIKED) !== 0},"is_retweeted":${(flags & FLAG_RETWEETED) !== 0}` +
    `,"is_bookmarked":${(flags & FLAG_BOOKMARKED) !== 0}`
  )
}

const FLAGS_MASK = FLAG_LIKED | FLAG_RETWEETED | FLAG_BOOKMARKED
/** The end of a tweet, for each combination of flags. */
const CLOSING_FLAGS = Array.from({ length: FLAGS_MASK + 1 }, (_, flags) => `${flagFields(flags)}}`)

function pollJson({ tweetId, poll }: CardBody, { votes }: Counts, flags: number, nowMs: number): string {
  if (poll === null) return 'null'
  const options = poll.options.map((text, position) => ({ position, text, vote_count: votes[position] ?? 0 }))
  const voted = flags >> FLAG_VOTE_SHIFT
  return JSON.stringify({
    id: tweetId,
    options,
    total_votes: votes.reduce((sum, count) => sum + count, 0),
    ends_at: new Date(poll.endsAtMs).toISOString(),
    is_closed: poll.endsAtMs <= nowMs,
    voted: voted === 0 ? [] : [voted - 1],
  })
}
