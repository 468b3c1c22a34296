import type { EntryId, TweetId, UserId } from '../domain/ids.ts'
import type { UserCard } from './http/users.ts'
import type { Entry, PageEntry, TimelinePage } from './timeline.ts'
import { type Card, type CardBody, type Counts, NO_COUNTS } from './tweet-json.ts'

/**
 * A page as bytes: a frame and a line for each entry as text, fields separated by tabs, then the entries' JSON in UTF-8.
 * Bytes cross RPC for a fraction of what an object graph costs, a card's JSON goes from the object's memory to the
 * answer without ever being a string again, and what most readings never look at is not even parsed.
 *
 *     4 bytes     length of the text, big endian
 *     the text    ASCII: the frame, then the lines
 *     the rest    for each entry its card's JSON without the closing brace, and what else belongs to it
 */
export type PackedPage = Uint8Array & { readonly __brand: 'PackedPage' }

const OF_FOLLOWEE = 1
const HIDES_QUOTE = 2
/** The tweet quotes another, or has a poll. */
const HAS_PARTS = 4

const LENGTH_BYTES = 4
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** What of a page is not its entries. */
export type PageFrame = Omit<TimelinePage, 'entries'>

/** What of an entry depends on its reader. */
export type Reading = Pick<PageEntry, 'flags' | 'quoteFlags' | 'ofFollowee' | 'hidesQuote' | 'affinity'>

/** What of an entry is the same with every page. */
export interface PackedEntry {
  /** Its fields of the line, after the reading. */
  fields: string
  bits: number
  bytes: Uint8Array
}

interface More {
  retweeter: UserCard | null
  counts: Counts | null
  poll: CardBody['poll']
  quote: Card['quote']
}

export function packEntry(entry: Entry, retweeter: UserCard | null, card: Card | null): PackedEntry {
  const { id, tweetId, authorId, retweeterId } = entry
  const more: More | null =
    retweeter === null && card === null
      ? null
      : { retweeter, counts: card?.counts ?? null, poll: card?.poll ?? null, quote: card?.quote ?? null }
  const head = card === null ? EMPTY : encoder.encode(card.json.slice(0, -1))
  const tail = more === null ? EMPTY : encoder.encode(JSON.stringify(more))
  return {
    fields: `${id}\t${tweetId}\t${authorId}\t${retweeterId ?? 0}\t${card?.revision ?? ''}\t${head.length}\t${tail.length}`,
    bits: card !== null && (card.poll !== null || card.quote !== null) ? HAS_PARTS : 0,
    bytes: concat([head, tail]),
  }
}

export function packPage(
  frame: PageFrame,
  entries: readonly { packed: PackedEntry; reading: Reading }[],
): PackedPage {
  const { top, reached, floor, kept, pulled, ownCardChangedAtMs } = frame
  let text = `${top}\t${reached}\t${floor}\t${kept}\t${ownCardChangedAtMs}\t${pulled.hash}\t${pulled.authors.join()}`
  for (const { packed, reading } of entries) {
    const { flags, quoteFlags, ofFollowee, hidesQuote, affinity } = reading
    const bits = packed.bits | (ofFollowee ? OF_FOLLOWEE : 0) | (hidesQuote ? HIDES_QUOTE : 0)
    text += `\n${flags}\t${quoteFlags}\t${bits}\t${affinity}\t${packed.fields}`
  }
  const head = encoder.encode(text)
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, head.length)
  return concat([length, head, ...entries.map(({ packed }) => packed.bytes)]) as PackedPage
}

export function unpackPage(packed: PackedPage): TimelinePage {
  const length = new DataView(packed.buffer, packed.byteOffset).getUint32(0)
  let at = LENGTH_BYTES + length
  const [frame = '', ...lines] = decoder.decode(packed.subarray(LENGTH_BYTES, at)).split('\n')
  const [top, reached, floor, kept, ownCardChangedAtMs, hash = '', authors = ''] = frame.split('\t')
  const entries = lines.map((line) => {
    const fields = line.split('\t')
    const headEnd = at + Number(fields[9])
    const end = headEnd + Number(fields[10])
    const entry = unpackEntry(fields, { packed, start: at, headEnd, end })
    at = end
    return entry
  })
  return {
    entries,
    top: Number(top),
    reached: Number(reached),
    floor: Number(floor),
    kept: Number(kept),
    pulled: { hash, authors: authors === '' ? [] : (authors.split(',').map(Number) as UserId[]) },
    ownCardChangedAtMs: Number(ownCardChangedAtMs),
  }
}

/** Where an entry's bytes are: views of them are made only where somebody looks. */
interface Place {
  packed: PackedPage
  start: number
  headEnd: number
  end: number
}

function unpackEntry(fields: readonly string[], place: Place): PageEntry {
  const [flags, quoteFlags, bits, affinity, id, tweetId, authorId, retweeterId, revision = ''] = fields
  const set = Number(bits)
  return {
    id: Number(id) as EntryId,
    tweetId: Number(tweetId) as TweetId,
    authorId: Number(authorId) as UserId,
    retweeterId: (Number(retweeterId) || null) as UserId | null,
    flags: Number(flags),
    quoteFlags: Number(quoteFlags),
    ofFollowee: (set & OF_FOLLOWEE) !== 0,
    hidesQuote: (set & HIDES_QUOTE) !== 0,
    affinity: Number(affinity),
    retweeter: retweeterId === '0' || place.headEnd === place.end ? null : moreIn(place).retweeter,
    card:
      place.start === place.headEnd
        ? null
        : new UnpackedCard(Number(tweetId), Number(authorId), revision, (set & HAS_PARTS) !== 0, place),
  }
}

/** A card that is decoded only where somebody looks into it. */
class UnpackedCard implements Card {
  readonly tweetId: number
  readonly authorId: number
  readonly revision: string
  readonly poll: CardBody['poll']
  readonly quote: Card['quote']
  readonly #place: Place

  constructor(tweetId: number, authorId: number, revision: string, hasParts: boolean, place: Place) {
    const { poll, quote } = hasParts ? moreIn(place) : NO_PARTS
    this.tweetId = tweetId
    this.authorId = authorId
    this.revision = revision
    this.poll = poll
    this.quote = quote
    this.#place = place
  }

  get bytes(): Uint8Array {
    const { packed, start, headEnd } = this.#place
    return packed.subarray(start, headEnd)
  }

  get json(): string {
    return `${decoder.decode(this.bytes)}}`
  }

  get counts(): Counts {
    return moreIn(this.#place).counts ?? NO_COUNTS
  }
}

const NO_PARTS = { poll: null, quote: null } as const
const EMPTY = new Uint8Array(0)

function moreIn({ packed, headEnd, end }: Place): More {
  return JSON.parse(decoder.decode(packed.subarray(headEnd, end))) as More
}

/** Pieces of bytes as one. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const piece of pieces) length += piece.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
