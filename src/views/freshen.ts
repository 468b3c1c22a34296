import type { UserCard } from '../contracts/http/users.ts'
import { type Card, type CountsJson, NO_COUNTS, serializeCounts } from '../contracts/tweet-json.ts'
import { type Db, isUnavailable } from '../db/client.ts'
import {
  type Fresh,
  type FreshTweet,
  type KnownTweet,
  type QuoteReading,
  readFresh,
} from '../db/statements/freshen.ts'
import type { TweetId, UserId } from '../domain/ids.ts'
import { within } from './deadline.ts'
import { presentUserCard } from './present-profile.ts'
import { serializeCard } from './present-tweet.ts'
import { TtlCache } from './ttl-cache.ts'

/** What is known of a tweet apart from its card. */
export interface Freshness {
  revision: string
  counts: CountsJson
  /** Nobody may see it: deleted, or its author is gone. */
  gone: boolean
  authorIsPrivate: boolean
}

const CACHED_TWEETS_MAX = 20_000
const CACHED_USERS_MAX = 5_000
const GONE: Freshness = {
  revision: '',
  counts: serializeCounts(NO_COUNTS),
  gone: true,
  authorIsPrivate: false,
}

/** A retweeter; null for one who is gone. */
type Retweeter = { card: UserCard | null }

/** What an isolate knows of tweets and of retweeters. */
export class FreshnessCache {
  readonly tweets: TtlCache<TweetId, Freshness>
  readonly users: TtlCache<UserId, Retweeter>

  constructor(ttlMs: number) {
    this.tweets = new TtlCache(ttlMs, CACHED_TWEETS_MAX)
    this.users = new TtlCache(ttlMs, CACHED_USERS_MAX)
  }
}

export interface Freshened {
  /** By tweet: none for those that could not be asked for in time. */
  freshness: Map<TweetId, Freshness>
  /** Cards that were missing or outdated, made anew. */
  cards: Map<TweetId, Card>
  /** Of those cards that quote, by the quoting tweet: how the viewer reads the quoted one, which nobody else knew by then. */
  quotes: Map<TweetId, QuoteReading>
  /** Retweeters, as far as they were asked for in time; null for one who is deactivated or suspended. */
  users: Map<UserId, UserCard | null>
  /** The deadline passed or the database failed: what is shown may be outdated. */
  stale: boolean
}

export interface FreshenDeps {
  db: Db
  viewerId: UserId
  cache: FreshnessCache
  now(): number
  deadlineMs: number
  /** What is cached of the viewer's own card from before this moment (Unix ms) is outdated. */
  ownCardChangedAtMs: number
  /** Keeps the work alive that the deadline left behind, so that it still fills the cache. */
  defer(work: Promise<unknown>): void
}

/** A line of a page that is to be brought up to date. */
export interface Line {
  tweetId: TweetId
  authorId: UserId
  retweeterId: UserId | null
  card: Card | null
}

/**
 * Brings a page up to date: counts, revisions and visibility from the isolate's cache, or from one statement for
 * all that miss, together with the cards that are missing or outdated. It is awaited until the deadline; a page
 * that lacks a card has a hole without it, so that one is awaited to the end. When the database is not there, what
 * the cache knows is answered.
 */
export async function freshen(deps: FreshenDeps, page: readonly Line[]): Promise<Freshened> {
  const known: Freshened = {
    freshness: new Map(),
    cards: new Map(),
    quotes: new Map(),
    users: new Map(),
    stale: false,
  }
  const { tweets, users, lacksCards } = lookUp(deps, page, known)
  if (tweets.length === 0 && users.length === 0) return known

  // As of the question: what changes until the answer is here may not be in it.
  const asOfMs = deps.now()
  const reading = readFresh(deps.db, tweets, users, deps.viewerId).then(
    (fresh) => remember(deps.cache, fresh, tweets, asOfMs),
    (error: unknown) => {
      if (isUnavailable(error)) return null
      throw error
    },
  )
  const fresh = await (lacksCards ? reading : within(reading, deps.deadlineMs))
  if (fresh === null) {
    deps.defer(reading)
    return { ...known, stale: true }
  }
  return {
    freshness: new Map([...known.freshness, ...fresh.freshness]),
    cards: fresh.cards,
    quotes: fresh.quotes,
    users: new Map([...known.users, ...fresh.users]),
    stale: false,
  }
}

interface Missing {
  tweets: KnownTweet[]
  users: UserId[]
  lacksCards: boolean
}

/** Takes what the cache knows into `known` and answers what is to be asked for, each once. */
function lookUp(deps: FreshenDeps, page: readonly Line[], known: Freshened): Missing {
  const { cache } = deps
  const nowMs = deps.now()
  const sinceOf = (user: number | undefined) => (user === deps.viewerId ? deps.ownCardChangedAtMs : 0)
  const tweets = new Map<TweetId, KnownTweet>()
  const users = new Set<UserId>()
  let lacksCards = false
  for (const { tweetId, authorId, retweeterId, card } of page) {
    const since = Math.max(sinceOf(authorId), sinceOf(card?.quote?.body?.authorId))
    const freshness = cache.tweets.getOrClaim(tweetId, nowMs, since)
    if (freshness !== null && (freshness.gone || freshness.revision === card?.revision)) {
      known.freshness.set(tweetId, freshness)
    } else {
      tweets.set(tweetId, { id: tweetId, revision: card?.revision ?? null, wants_card: true })
      lacksCards ||= card === null
      // What is known all the same, for a page that the database does not answer. Without a card nobody could show it.
      const older = cache.tweets.get(tweetId, nowMs)
      if (older !== null && (older.gone || card !== null)) known.freshness.set(tweetId, older)
    }
    const quoted = card?.quote?.body?.tweetId as TweetId | undefined
    if (quoted !== undefined && !tweets.has(quoted)) {
      const counts = cache.tweets.get(quoted, nowMs)
      if (counts === null) tweets.set(quoted, { id: quoted, revision: null, wants_card: false })
      else known.freshness.set(quoted, counts)
    }
    const retweeter =
      retweeterId === null ? null : cache.users.getOrClaim(retweeterId, nowMs, sinceOf(retweeterId))
    if (retweeterId === null) continue
    if (retweeter !== null) known.users.set(retweeterId, retweeter.card)
    else users.add(retweeterId)
  }
  return { tweets: [...tweets.values()], users: [...users], lacksCards }
}

function remember(
  cache: FreshnessCache,
  fresh: Fresh,
  asked: readonly KnownTweet[],
  asOfMs: number,
): Omit<Freshened, 'stale'> {
  const found = new Map(fresh.tweets.map((tweet) => [tweet.id, tweet]))
  const freshness = new Map<TweetId, Freshness>()
  for (const { id } of asked) {
    const tweet = found.get(id)
    freshness.set(id, tweet === undefined ? GONE : toFreshness(tweet))
  }
  for (const [id, state] of freshness) cache.tweets.set(id, state, asOfMs)
  const users = new Map(fresh.users.map((user) => [user.id, user.gone ? null : presentUserCard(user)]))
  for (const [id, card] of users) cache.users.set(id, { card }, asOfMs)
  const cards = new Map(
    fresh.tweets.flatMap(({ id, tweet }) => (tweet === null ? [] : [[id, serializeCard(tweet)] as const])),
  )
  const quotes = new Map(
    fresh.tweets.flatMap(({ id, quote }) => (quote === null ? [] : [[id, quote] as const])),
  )
  return { freshness, cards, quotes, users }
}

function toFreshness(tweet: FreshTweet): Freshness {
  return {
    revision: tweet.revision,
    counts: serializeCounts(tweet.counts),
    gone: tweet.gone,
    authorIsPrivate: tweet.author_is_private,
  }
}
