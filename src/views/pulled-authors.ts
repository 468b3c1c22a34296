import type { UserCard } from '../contracts/http/users.ts'
import type { Card } from '../contracts/tweet-json.ts'
import { toUtf8 } from '../contracts/utf8-text.ts'
import type { Db } from '../db/client.ts'
import {
  type PulledAuthorEntries,
  type PullSet,
  readPulledAuthors,
  readPullSet,
} from '../db/statements/pulled-authors.ts'
import type { TweetId, UserId } from '../domain/ids.ts'
import { type AuthorEntries, toAuthorEntries } from './overlay.ts'
import { presentUserCard } from './present-profile.ts'
import { serializeCard } from './present-tweet.ts'
import { TtlCache } from './ttl-cache.ts'

/** How long a set is taken for the newest. An author who crosses the limit is delivered for ten minutes more. */
const SET_TTL_MS = 60_000
/** How long a set serves when the database does not answer: within those ten minutes. */
const SET_MAX_AGE_MS = 9 * 60_000
/** How long a pulled author's entries are kept, by an isolate and by the shared cache before it: twice that is how late they may be seen. */
const ENTRIES_TTL_SECONDS = 5
const AUTHORS_MAX = 500
const READERS_MAX = 20_000
/** Entries of an author that are read together with home timelines; older ones are read from Postgres. */
const ENTRIES_KEPT = 200
/** The newest of them that bring their cards along. */
const CARDS_KEPT = 40

/** A cache that isolates of one place share (the Cache API). It may forget anything at any time. */
export interface SharedCache {
  get(key: string): Promise<unknown>
  put(key: string, value: unknown, ttlSeconds: number): Promise<void>
}

export interface PulledDeps {
  db: Db
  shared: SharedCache
  now(): number
  defer(work: Promise<unknown>): void
}

/** An author whom home timelines read, as an isolate keeps them. */
export interface PulledAuthor extends AuthorEntries {
  author: UserCard
  cards: Map<TweetId, Card>
}

/** The pulled authors whom a reader follows and sees; the retweets of those who are `silent` are not shown to them. */
export interface PulledFollowees {
  authors: readonly UserId[]
  silent: readonly UserId[]
}

const NOBODY: PulledFollowees = { authors: [], silent: [] }

/** What an isolate knows of pulled authors: which they are, who reads whom of them, and their newest entries. */
export class PulledAuthors {
  #set: { value: PullSet; atMs: number } | null = null
  readonly #authors = new TtlCache<UserId, PulledAuthor>(ENTRIES_TTL_SECONDS * 1000, AUTHORS_MAX)
  /** Of readers with pulled authors among their followees: whom, as their object said. */
  readonly #readers = new TtlCache<UserId, PulledFollowees>(SET_TTL_MS, READERS_MAX)

  /** The set where it is known; an old one is used while a newer one is on its way. */
  knownSet(deps: PulledDeps): PullSet | null {
    const known = this.#set
    const age = known === null ? Number.POSITIVE_INFINITY : deps.now() - known.atMs
    if (known === null || age >= SET_MAX_AGE_MS) return null
    if (age >= SET_TTL_MS) {
      this.#set = { ...known, atMs: deps.now() - SET_TTL_MS / 2 }
      deps.defer(this.loadSet(deps))
    }
    return known.value
  }

  async loadSet(deps: PulledDeps): Promise<PullSet> {
    const value = await readPullSet(deps.db)
    this.#set = { value, atMs: deps.now() }
    return value
  }

  followedBy(reader: UserId, nowMs: number): PulledFollowees {
    return this.#readers.get(reader, nowMs) ?? NOBODY
  }

  noteFollowed(reader: UserId, { authors, silent }: PulledFollowees, nowMs: number): void {
    if (authors.length > 0) this.#readers.set(reader, { authors, silent }, nowMs)
    else this.#readers.forget(reader)
  }

  /** The newest entries of these authors: from this isolate, the shared cache, or one statement for all that miss. */
  async entriesOf(deps: PulledDeps, authors: readonly UserId[]): Promise<PulledAuthor[]> {
    const known = new Map<UserId, PulledAuthor>()
    for (const id of authors) {
      const author = this.#authors.get(id, deps.now())
      if (author !== null) known.set(id, author)
    }
    const missing = authors.filter((id) => !known.has(id))
    if (missing.length > 0) {
      for (const [id, author] of await this.#load(deps, missing)) {
        this.#authors.set(id, author, deps.now())
        known.set(id, author)
      }
    }
    return [...known.values()]
  }

  async #load(deps: PulledDeps, missing: readonly UserId[]): Promise<[UserId, PulledAuthor][]> {
    const shared = await Promise.all(missing.map((id) => deps.shared.get(keyOf(id))))
    const found = shared.filter((value) => value !== null) as PulledAuthorEntries[]
    const asked = missing.filter((id) => !found.some(({ author }) => author.id === id))
    const read =
      asked.length === 0
        ? []
        : await readPulledAuthors(deps.db, asked, { limit: ENTRIES_KEPT, cards: CARDS_KEPT })
    for (const author of read) {
      deps.defer(deps.shared.put(keyOf(author.author.id as UserId), author, ENTRIES_TTL_SECONDS))
    }
    return [...found, ...read].map((author) => [author.author.id as UserId, toPulledAuthor(author)])
  }
}

/** A card whose JSON goes into answers as it is, as those of objects do. */
function opened(card: Card): Card {
  return { ...card, open: toUtf8(card.json.slice(0, -1)) }
}

function keyOf(author: UserId): string {
  return `pulled-authors/1/${author}`
}

function toPulledAuthor({ author, entries }: PulledAuthorEntries): PulledAuthor {
  const cards = entries.flatMap(({ tweet_id, card }) =>
    card === null ? [] : [[tweet_id, opened(serializeCard(card))] as const],
  )
  return {
    author: presentUserCard(author),
    cards: new Map(cards),
    ...toAuthorEntries(author.id as UserId, entries, entries.length < ENTRIES_KEPT),
  }
}
