import type { Card } from '../contracts/timeline.ts'
import { type Counts, NO_COUNTS } from '../contracts/tweet-json.ts'
import { type Db, isUnavailable } from '../db/client.ts'
import { type FreshTweet, freshenTweets } from '../db/statements/home-timeline.ts'
import type { TweetId } from '../domain/ids.ts'
import { serializeCard } from './present-tweet.ts'

/** What is known of a tweet apart from its card. */
export interface Freshness {
  revision: string
  counts: Counts
  /** Nobody may see it: deleted, or its author is gone. */
  gone: boolean
  authorIsPrivate: boolean
}

const CACHED_TWEETS_MAX = 20_000
const GONE: Omit<Freshness, 'revision'> = { counts: NO_COUNTS, gone: true, authorIsPrivate: false }

/** An isolate's cache of freshness, bounded: a Map keeps insertion order, so the oldest go first. */
export class FreshnessCache {
  readonly #known = new Map<TweetId, Freshness & { atMs: number }>()
  readonly #ttlMs: number

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs
  }

  get(id: TweetId, nowMs: number): Freshness | null {
    const known = this.#known.get(id)
    return known !== undefined && nowMs - known.atMs < this.#ttlMs ? known : null
  }

  set(id: TweetId, freshness: Freshness, nowMs: number): void {
    this.#known.delete(id)
    this.#known.set(id, { ...freshness, atMs: nowMs })
    for (const [oldest] of this.#known) {
      if (this.#known.size <= CACHED_TWEETS_MAX) break
      this.#known.delete(oldest)
    }
  }

  forget(id: TweetId): void {
    this.#known.delete(id)
  }
}

export interface Freshened {
  /** By tweet: none for those that could not be asked for in time. */
  freshness: Map<TweetId, Freshness>
  /** Cards that were missing or outdated, made anew. */
  cards: Map<TweetId, Card>
  /** The deadline passed or the database failed: what is shown may be outdated. */
  stale: boolean
}

export interface FreshenDeps {
  db: Db
  cache: FreshnessCache
  now(): number
  deadlineMs: number
  /** Keeps the work alive that the deadline left behind, so that it still fills the cache. */
  defer(work: Promise<unknown>): void
}

/**
 * Brings a page up to date: counts, revisions and visibility from the isolate's cache, or from one statement for
 * all that miss, together with the cards that are missing or outdated. It is awaited until the deadline; a page
 * that lacks a card has a hole without it, so that one is awaited to the end. When the database is not there, what
 * the cache knows is answered.
 */
export async function freshen(
  deps: FreshenDeps,
  page: readonly { tweetId: TweetId; card: Card | null }[],
): Promise<Freshened> {
  const result: Freshened = { freshness: new Map(), cards: new Map(), stale: false }
  const unknown: { id: TweetId; revision: string | null }[] = []
  let lacksCards = false
  for (const { tweetId, card } of page) {
    const known = deps.cache.get(tweetId, deps.now())
    if (known !== null && (known.gone || known.revision === card?.revision))
      result.freshness.set(tweetId, known)
    else unknown.push({ id: tweetId, revision: card?.revision ?? null })
    if (card === null && known?.gone !== true) lacksCards = true
  }
  if (unknown.length === 0) return result

  const reading = readFreshness(deps, unknown, result).then(
    () => true,
    (error: unknown) => {
      if (isUnavailable(error)) return false
      throw error
    },
  )
  const inTime = await (lacksCards ? reading : Promise.race([reading, elapsed(deps.deadlineMs)]))
  if (!inTime) deps.defer(reading)
  // What arrives after the deadline must not change a page that is being put together.
  return inTime ? result : { freshness: new Map(result.freshness), cards: new Map(), stale: true }
}

async function readFreshness(
  { db, cache, now }: FreshenDeps,
  unknown: { id: TweetId; revision: string | null }[],
  into: Freshened,
): Promise<void> {
  const fresh = new Map((await freshenTweets(db, unknown)).map((tweet) => [tweet.id, tweet]))
  for (const { id } of unknown) {
    const tweet = fresh.get(id)
    const freshness = tweet === undefined ? { ...GONE, revision: '' } : toFreshness(tweet)
    cache.set(id, freshness, now())
    into.freshness.set(id, freshness)
    if (tweet?.tweet != null) into.cards.set(id, serializeCard(tweet.tweet))
  }
}

function toFreshness(tweet: FreshTweet): Freshness {
  return {
    revision: tweet.revision,
    counts: tweet.counts,
    gone: tweet.gone,
    authorIsPrivate: tweet.author_is_private,
  }
}

function elapsed(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms))
}
