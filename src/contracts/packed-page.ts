import type { EntryId, TweetId, UserId } from '../domain/ids.ts'
import type { UserCard } from './http/users.ts'
import type { Entry, MutedWord, MutedWords, PageEntry, TimelinePage } from './timeline.ts'
import { type Card, type CardBody, type Counts, NO_COUNTS } from './tweet-json.ts'
import { fromUtf8, toUtf8, type Utf8Text } from './utf8-text.ts'

/**
 * A page as one text: a line for what concerns all of it and one for each entry, fields separated by tabs. Neither stands in
 * JSON. It crosses RPC for a fraction of what an object graph costs, a card's JSON goes from the object's memory into
 * the answer as it is, and what most readings never look at is not even parsed.
 */
export type PackedPage = Utf8Text

const OF_FOLLOWEE = 1
const HIDES_QUOTE = 2
/** The tweet quotes another, or has a poll. */
const HAS_PARTS = 4

/** What of a page is not its entries. */
export type PageFrame = Omit<TimelinePage, 'entries'>

/** What of an entry depends on its reader. */
export type Reading = Pick<PageEntry, 'flags' | 'quoteFlags' | 'ofFollowee' | 'hidesQuote' | 'affinity'>

/** What of an entry is the same with every page. */
export interface PackedEntry {
  bits: number
  /** The fields of its line after the reading. */
  text: Utf8Text
}

/** What hardly any reading looks at. */
interface More {
  retweeter: UserCard | null
  counts: Counts | null
  poll: CardBody['poll']
  quote: Card['quote']
}

export function packEntry(entry: Entry, retweeter: UserCard | null, card: Card | null): PackedEntry {
  const { id, tweetId, authorId, retweeterId } = entry
  if (card === null && retweeter === null) {
    const text = `${id}\t${tweetId}\t${authorId}\t${retweeterId ?? 0}\t\t\t`
    return { bits: 0, text: text as Utf8Text }
  }
  const more: More = {
    retweeter,
    counts: card?.counts ?? null,
    poll: card?.poll ?? null,
    quote: card?.quote ?? null,
  }
  const fields = [
    id,
    tweetId,
    authorId,
    retweeterId ?? 0,
    card?.revision ?? '',
    card?.json.slice(0, -1) ?? '',
  ]
  return {
    bits: more.poll === null && more.quote === null ? 0 : HAS_PARTS,
    text: toUtf8(`${fields.join('\t')}\t${JSON.stringify(more)}`),
  }
}

export function packPage(
  frame: PageFrame,
  entries: readonly { packed: PackedEntry; reading: Reading }[],
): PackedPage {
  const { top, reached, floor, kept, pulled, ownCardChangedAtMs, hidesSensitive, mutedWords } = frame
  const muted =
    mutedWords === null ? '' : `\t${mutedWords.version}\t${toUtf8(JSON.stringify(mutedWords.words))}`
  const lines = [
    `${top}\t${reached}\t${floor}\t${kept}\t${ownCardChangedAtMs}\t${pulled.hash}\t${pulled.authors.join()}\t${pulled.silent.join()}\t${Number(hidesSensitive)}${muted}`,
  ]
  for (const { packed, reading } of entries) {
    const { flags, quoteFlags, ofFollowee, hidesQuote, affinity } = reading
    const bits = packed.bits | (ofFollowee ? OF_FOLLOWEE : 0) | (hidesQuote ? HIDES_QUOTE : 0)
    lines.push(`${flags}\t${quoteFlags}\t${bits}\t${affinity}\t${packed.text}`)
  }
  return lines.join('\n') as PackedPage
}

export function unpackPage(packed: PackedPage): TimelinePage {
  const [frame = '', ...lines] = packed.split('\n')
  const [
    top,
    reached,
    floor,
    kept,
    ownCardChangedAtMs,
    hash = '',
    authors = '',
    silent = '',
    hidesSensitive,
    version,
    words = '',
  ] = frame.split('\t')
  return {
    entries: lines.map(unpackEntry),
    top: Number(top),
    reached: Number(reached),
    floor: Number(floor),
    kept: Number(kept),
    pulled: { hash, authors: unpackIds(authors), silent: unpackIds(silent) },
    ownCardChangedAtMs: Number(ownCardChangedAtMs),
    hidesSensitive: hidesSensitive === '1',
    mutedWords: version === undefined ? null : unpackWords(Number(version), words),
  }
}

/** Of a version that the asker knows the words are not even parsed. */
function unpackWords(version: number, packed: string): MutedWords {
  return {
    version,
    get words() {
      return JSON.parse(fromUtf8(packed as Utf8Text)) as MutedWord[]
    },
  }
}

function unpackIds(ids: string): UserId[] {
  return ids === '' ? [] : (ids.split(',').map(Number) as UserId[])
}

function unpackEntry(line: string): PageEntry {
  const [
    flags,
    quoteFlags,
    bits,
    affinity,
    id,
    tweetId,
    authorId,
    retweeterId,
    revision = '',
    json = '',
    more = '',
  ] = line.split('\t')
  const set = Number(bits)
  const tweet = Number(tweetId)
  const author = Number(authorId)
  return {
    id: (id === tweetId ? tweet : Number(id)) as EntryId,
    tweetId: tweet as TweetId,
    authorId: author as UserId,
    retweeterId: retweeterId === '0' ? null : (Number(retweeterId) as UserId),
    flags: Number(flags),
    quoteFlags: Number(quoteFlags),
    ofFollowee: (set & OF_FOLLOWEE) !== 0,
    hidesQuote: (set & HIDES_QUOTE) !== 0,
    affinity: Number(affinity),
    retweeter: retweeterId === '0' || more === '' ? null : moreIn(more).retweeter,
    card: json === '' ? null : new UnpackedCard(tweet, author, revision, json, (set & HAS_PARTS) !== 0, more),
  }
}

/** A card that is decoded only where somebody looks into it. */
class UnpackedCard implements Card {
  readonly tweetId: number
  readonly authorId: number
  readonly revision: string
  readonly open: Utf8Text
  readonly poll: CardBody['poll']
  readonly quote: Card['quote']
  readonly #more: string

  constructor(
    tweetId: number,
    authorId: number,
    revision: string,
    open: string,
    hasParts: boolean,
    more: string,
  ) {
    const { poll, quote } = hasParts ? moreIn(more) : NO_PARTS
    this.tweetId = tweetId
    this.authorId = authorId
    this.revision = revision
    this.open = open as Utf8Text
    this.poll = poll
    this.quote = quote
    this.#more = more
  }

  get json(): string {
    return `${fromUtf8(this.open)}}`
  }

  get counts(): Counts {
    return moreIn(this.#more).counts ?? NO_COUNTS
  }
}

const NO_PARTS = { poll: null, quote: null } as const

function moreIn(text: string): More {
  return JSON.parse(fromUtf8(text as Utf8Text)) as More
}
