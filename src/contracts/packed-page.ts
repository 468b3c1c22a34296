import type { EntryId, TweetId, UserId } from '../domain/ids.ts'
import type { UserCard } from './http/users.ts'
import type { PageEntry, TimelinePage } from './timeline.ts'
import type { Card, CardBody, Counts } from './tweet-json.ts'

/**
 * A page as one text, a line for what concerns all of it and one for each entry, fields separated by tabs: neither stands in
 * JSON text. A text crosses RPC for a fraction of what its object graph costs, and what most readings never look at
 * is not even parsed.
 */
export type PackedPage = string & { readonly __brand: 'PackedPage' }

const OF_FOLLOWEE = 1
const HIDES_QUOTE = 2

export function packPage(page: TimelinePage): PackedPage {
  const { top, reached, floor, kept, pulled, ownCardChangedAtMs } = page
  let text = `${top}\t${reached}\t${floor}\t${kept}\t${ownCardChangedAtMs}\t${pulled.hash}\t${pulled.authors.join()}`
  for (const entry of page.entries) text += `\n${packEntry(entry)}`
  return text as PackedPage
}

function packEntry(entry: PageEntry): string {
  const { id, tweetId, authorId, retweeterId, flags, quoteFlags, affinity, retweeter, card } = entry
  const bits = (entry.ofFollowee ? OF_FOLLOWEE : 0) | (entry.hidesQuote ? HIDES_QUOTE : 0)
  const by = retweeter === null ? '' : JSON.stringify(retweeter)
  const head = `${id}\t${tweetId}\t${authorId}\t${retweeterId ?? 0}\t${flags}\t${quoteFlags}\t${bits}\t${affinity}\t${by}`
  return card === null ? head : `${head}\t${packedCard(card)}`
}

/** Cards are kept and packed again with every page. */
const packedCards = new WeakMap<Card, string>()

function packedCard(card: Card): string {
  const known = packedCards.get(card)
  if (known !== undefined) return known
  const { revision, json, counts, poll, quote } = card
  const more = quote === null && poll === null ? '' : JSON.stringify({ poll, quote })
  const packed = `${revision}\t${json}\t${JSON.stringify(counts)}\t${more}`
  packedCards.set(card, packed)
  return packed
}

export function unpackPage(packed: PackedPage): TimelinePage {
  const [head = '', ...lines] = packed.split('\n')
  const [top, reached, floor, kept, ownCardChangedAtMs, hash = '', authors = ''] = head.split('\t')
  return {
    entries: lines.map(unpackEntry),
    top: Number(top),
    reached: Number(reached),
    floor: Number(floor),
    kept: Number(kept),
    pulled: { hash, authors: authors === '' ? [] : (authors.split(',').map(Number) as UserId[]) },
    ownCardChangedAtMs: Number(ownCardChangedAtMs),
  }
}

function unpackEntry(line: string): PageEntry {
  const [id, tweetId, authorId, retweeterId, flags, quoteFlags, bits, affinity, by = '', ...card] =
    line.split('\t')
  return {
    id: Number(id) as EntryId,
    tweetId: Number(tweetId) as TweetId,
    authorId: Number(authorId) as UserId,
    retweeterId: (Number(retweeterId) || null) as UserId | null,
    flags: Number(flags),
    quoteFlags: Number(quoteFlags),
    ofFollowee: (Number(bits) & OF_FOLLOWEE) !== 0,
    hidesQuote: (Number(bits) & HIDES_QUOTE) !== 0,
    affinity: Number(affinity),
    retweeter: by === '' ? null : (JSON.parse(by) as UserCard),
    card: card.length === 0 ? null : new UnpackedCard(Number(tweetId), Number(authorId), card),
  }
}

/** A card that parses its counts when somebody asks for them: a page with fresher ones does not. */
class UnpackedCard implements Card {
  readonly tweetId: number
  readonly authorId: number
  readonly revision: string
  readonly json: string
  readonly poll: CardBody['poll']
  readonly quote: Card['quote']
  readonly #counts: string

  constructor(
    tweetId: number,
    authorId: number,
    [revision = '', json = '', counts = '', more = '']: string[],
  ) {
    const { poll, quote } = more === '' ? NEITHER : (JSON.parse(more) as Pick<Card, 'poll' | 'quote'>)
    this.tweetId = tweetId
    this.authorId = authorId
    this.revision = revision
    this.json = json
    this.poll = poll
    this.quote = quote
    this.#counts = counts
  }

  get counts(): Counts {
    return JSON.parse(this.#counts) as Counts
  }
}

const NEITHER = { poll: null, quote: null } as const
