import type { OutboxRow } from '../../src/contracts/queues.ts'
import type { TweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { done, type Heard } from './asking.ts'
import type { Relation, State } from './cells.ts'

/** Who reads, but for the author themselves and who is signed out. */
export const READERS = ['follower', 'pending', 'stranger', 'muting', 'blocking', 'blocked'] as const
export type ReaderRelation = (typeof READERS)[number]
/** Those who followed the author before the change. */
export const FOLLOWING: readonly Relation[] = ['follower', 'muting', 'blocking', 'blocked']

/** Tweets of an author, by what they are there for. */
export type Item =
  | 'tweet'
  | 'plain'
  | 'poll'
  | 'answer'
  | 'selfquote'
  | 'reply'
  | 'nested'
  | 'quote'
  | 'mention'
  | 'draft'
  | 'late'
  | 'live'

/** An author who comes to one of the states. */
export class Author {
  readonly person: Viewer
  readonly state: State
  readonly tweets = new Map<Item, TweetId>()
  /** Part of all of the author's words, and of nobody else's. */
  readonly base = crypto
    .randomUUID()
    .slice(0, 8)
    .replaceAll(/\d/g, (digit) => 'ghijklmnop'.charAt(Number(digit)))

  constructor(person: Viewer, state: State) {
    this.person = person
    this.state = state
  }

  /** What stands in a tweet of this kind, and nowhere else: `tweet`, or what was told of one, as `edited`. */
  word(of: string): string {
    return `${this.secret}${of}`
  }

  /** Whoever may not read the author is never told this. */
  get secret(): string {
    return `w${this.base}`
  }

  /** A hashtag that nobody else uses, without `#`. That it is used is no secret: that they use it is. */
  get tag(): string {
    return `t${this.base}`
  }

  get bio(): string {
    return `bio${this.base}`
  }

  get message(): string {
    return `dm${this.base}`
  }

  idOf(item: Item): TweetId {
    return of(this.tweets, item)
  }

  async post(item: Item, fields: object = {}, words = ''): Promise<TweetId> {
    const id = await post(this.person, { content: `${this.word(item)} ${words}`, ...fields })
    this.tweets.set(item, id)
    return id
  }
}

/** What the bystander did to the tweet of an author. */
export interface Echoes {
  /** Its answer, its quote, and another quote that mentions all readers. */
  reply: TweetId
  quote: TweetId
  call: TweetId
  /** Of the pulled bystander. */
  pulledQuote: TweetId
}

export interface World {
  authors: ReadonlyMap<State, Author>
  /** The same with very many followers: they are pulled at read. */
  stars: ReadonlyMap<State, Author>
  readers: ReadonlyMap<ReaderRelation, Viewer>
  /** A public author whom all readers follow, and who follows all authors. */
  bystander: Viewer
  /** The same, pulled at read. */
  pulledBystander: Viewer
  /** The bystander's tweet, and an answer of theirs to it: authors answer and quote these. */
  asked: TweetId
  askedBelow: TweetId
  echoes: Map<State, Echoes>
  /** For each author a tweet of the bystander's that they retweet, and one that they retweet just before the change. */
  pleas: Map<State, { early: TweetId; late: TweetId }>
  /** Quotes of the authors' tweets by each reader, and the keys they were posted with. */
  quotes: Map<string, { id: TweetId; key: string }>
  /** A public list of the bystander's with all authors on it, and of each author one of their own. */
  list: number
  lists: Map<State, { public: number; private: number }>
  /** Owed before the change, and done after it. */
  held: OutboxRow[]
  /** By reader, what their sockets were told since the change, and of what they had missed by then. */
  live: Map<number, string>
  resumed: Map<number, string>
  /** By reader, what their browser was sent after the change. */
  pushed: Map<number, string>
  /** What was answered since something last happened, by who asked what. */
  answers: Map<string, Promise<Heard>>
}

/** The value of a key that is there. */
export function of<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value {
  const value = map.get(key)
  if (value === undefined) throw new Error(`There is nothing for ${String(key)}`)
  return value
}

export const pairOf = (reader: Viewer, author: Author) => `${reader.id}:${author.person.id}`

/** The reader in a relation to an author; null for who is signed out. */
export function readerOf(world: World, relation: Relation, author: Author): Viewer | null {
  if (relation === 'anonymous') return null
  return relation === 'owner' ? author.person : of(world.readers, relation)
}

export async function post(who: Viewer, body: object, key?: string): Promise<TweetId> {
  const asked = { method: 'POST', path: '/api/tweets', body, ...(key === undefined ? {} : { key }) }
  return idIn(await done(who, asked)) as TweetId
}

/** The id of what was answered. */
export function idIn(body: unknown): number {
  return Number(Object(body).id)
}
