import { timeOf } from '../../src/domain/ids.ts'
import { type Calendar, HOUR_MS, SECOND_MS } from './calendar.ts'
import type { FollowGraph } from './follow-graph.ts'
import type { IdMaker } from './id-maker.ts'
import { EVERYDAY, type Exchange, type Library, type Repertoire } from './library.ts'
import type { Person } from './people.ts'
import { at, type Random } from './random.ts'
import type { Tweet } from './tweets.ts'

/** What tweets are written in. */
export interface World {
  graph: FollowGraph
  calendar: Calendar
  library: Library
  ids: IdMaker
  random: Random
}

const MAIN_INTEREST_SHARE = 0.55
const EVERYDAY_SHARE = 0.2
const REPLY_SHARE = 0.3
const ANSWER_SHARE = 0.7
const FRESHEST_OF = 5
const MIN_GAP_MS = 20 * SECOND_MS
const MAX_GAP_MS = 36 * HOUR_MS
const TOPICAL_COMMENT_SHARE = 0.6
const MAX_COMMENT_TRIES = 6

/** Who said what last, and what awaits an answer, while tweets are written in the order of time. */
export class Conversations {
  readonly #world: World
  readonly #lastRoot = new Map<Person, Tweet>()
  /** The newest reply to each person that they have not answered, and what they would say. */
  readonly #unanswered = new Map<Person, { tweet: Tweet; answer: string | null }>()
  readonly #comments = new Map<Tweet, Set<string>>()

  constructor(world: World) {
    this.#world = world
  }

  speak(author: Person, atMs: number): Tweet {
    const { random } = this.#world
    const reply = random.chance(REPLY_SHARE) ? this.#reply(author, atMs) : undefined
    const tweet = reply ?? this.#begin(author, atMs)
    if (tweet.repliesTo === null) this.#lastRoot.set(author, tweet)
    else tweet.repliesTo.replyCount++
    author.tweetCount++
    return tweet
  }

  #begin(author: Person, atMs: number): Tweet {
    const { random, library } = this.#world
    const repertoire = library.repertoire(author.language, pickTopic(author, random))
    return this.#tweet(author, atMs, null, repertoire, null)
  }

  #reply(author: Person, atMs: number): Tweet | undefined {
    if (this.#world.random.chance(ANSWER_SHARE)) {
      const answer = this.#answer(author, atMs)
      if (answer !== undefined) return answer
    }
    return this.#comment(author, atMs)
  }

  /** To whoever replied last to this person. */
  #answer(author: Person, atMs: number): Tweet | undefined {
    const { random, library } = this.#world
    const waiting = this.#unanswered.get(author)
    if (waiting === undefined || !isRecent(waiting.tweet, atMs) || !this.#maySee(author, waiting.tweet))
      return undefined
    this.#unanswered.delete(author)
    const { repertoire, author: other } = waiting.tweet
    if (waiting.answer === null) {
      const thanks = random.pick(library.phrases(repertoire.language).thanks)
      return this.#tweet(author, atMs, waiting.tweet, repertoire, thanks)
    }
    const answer = this.#tweet(author, atMs, waiting.tweet, repertoire, waiting.answer)
    this.#unanswered.set(other, { tweet: answer, answer: null })
    return answer
  }

  /** On the freshest tweet among those of a few people that this person follows. */
  #comment(author: Person, atMs: number): Tweet | undefined {
    const { random, library } = this.#world
    if (author.following.length === 0) return undefined
    const [root] = Array.from({ length: FRESHEST_OF }, () =>
      this.#lastRoot.get(random.pick(author.following)),
    )
      .filter((tweet) => tweet !== undefined)
      .filter((tweet) => isRecent(tweet, atMs))
      .sort((a, b) => b.atMs - a.atMs)
    if (root === undefined) return undefined
    const language = author.language === root.repertoire.language ? author.language : 'en'
    const topic = random.chance(TOPICAL_COMMENT_SHARE) ? root.repertoire.topic : EVERYDAY
    const repertoire = library.repertoire(language, topic)
    const { comment, answer } = this.#newExchange(root, repertoire)
    const tweet = this.#tweet(author, atMs, root, repertoire, comment)
    this.#unanswered.set(root.author, { tweet, answer })
    return tweet
  }

  /** One that nobody has begun under this tweet, if there is any. */
  #newExchange(root: Tweet, { exchanges }: Repertoire): Exchange {
    const said = this.#comments.get(root) ?? new Set()
    this.#comments.set(root, said)
    const pick = () => this.#world.random.pick(exchanges)
    let exchange = pick()
    for (let tries = 0; tries < MAX_COMMENT_TRIES && said.has(exchange.comment); tries++) exchange = pick()
    said.add(exchange.comment)
    return exchange
  }

  #maySee(viewer: Person, { author }: Tweet): boolean {
    return !author.isPrivate || this.#world.graph.isFollowing(viewer, author)
  }

  #tweet(
    author: Person,
    atMs: number,
    repliesTo: Tweet | null,
    repertoire: Repertoire,
    words: string | null,
  ): Tweet {
    const id = this.#world.ids.tweetId(atMs, author.id)
    const counts = { likeCount: 0, retweetCount: 0, replyCount: 0 }
    const conversationId = repliesTo?.conversationId ?? id
    return { id, author, atMs: timeOf(id), repliesTo, conversationId, repertoire, words, ...counts }
  }
}

function isRecent(tweet: Tweet, atMs: number): boolean {
  const gap = atMs - tweet.atMs
  return gap >= MIN_GAP_MS && gap <= MAX_GAP_MS
}

function pickTopic(author: Person, random: Random): string {
  const where = random.unit()
  if (where < EVERYDAY_SHARE) return EVERYDAY
  return where < EVERYDAY_SHARE + MAIN_INTEREST_SHARE
    ? at(author.interests, 0)
    : random.pick(author.interests)
}
