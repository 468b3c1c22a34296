import { timeOf } from '../../src/domain/ids.ts'
import { type Calendar, HOUR_MS, SECOND_MS } from './calendar.ts'
import type { FollowGraph } from './follow-graph.ts'
import type { IdMaker } from './id-maker.ts'
import { EVERYDAY, type Library, type Repertoire } from './library.ts'
import type { Person } from './people.ts'
import { at, type Random } from './random.ts'
import { depthOf, type Tweet } from './tweet.ts'

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
const REPLY_SHARE = 0.26
const ANSWER_SHARE = 0.7
const FRESHEST_OF = 5
/** A comment, its answer and a word of thanks. */
const MAX_DEPTH = 3
const MIN_GAP_MS = 20 * SECOND_MS
const MAX_GAP_MS = 36 * HOUR_MS

/** Who spoke last, and what awaits an answer, while tweets are planned in the order of time. */
export class Conversations {
  readonly #world: World
  readonly #lastRoot = new Map<Person, Tweet>()
  /** The newest reply to each person that they have not answered. */
  readonly #unanswered = new Map<Person, Tweet>()

  constructor(world: World) {
    this.#world = world
  }

  /** What this person does at that moment: reply, if there is something recent to reply to, or begin. */
  speak(author: Person, atMs: number): Tweet {
    const { random, library } = this.#world
    author.tweetCount++
    const repliesTo = random.chance(REPLY_SHARE) ? this.#worthReplying(author, atMs) : undefined
    if (repliesTo !== undefined) {
      const reply = this.#tweet(author, atMs, repliesTo, repliesTo.repertoire)
      repliesTo.replyCount++
      if (depthOf(reply) < MAX_DEPTH) this.#unanswered.set(repliesTo.author, reply)
      return reply
    }
    const root = this.#tweet(
      author,
      atMs,
      null,
      library.repertoire(author.language, pickTopic(author, random)),
    )
    this.#lastRoot.set(author, root)
    return root
  }

  #worthReplying(author: Person, atMs: number): Tweet | undefined {
    const waiting = this.#unanswered.get(author)
    if (
      waiting !== undefined &&
      isRecent(waiting, atMs) &&
      this.#maySee(author, waiting) &&
      this.#world.random.chance(ANSWER_SHARE)
    ) {
      this.#unanswered.delete(author)
      return waiting
    }
    return this.#freshestSeen(author, atMs)
  }

  /** Among the last tweets of a few people whom this person follows. */
  #freshestSeen({ following }: Person, atMs: number): Tweet | undefined {
    if (following.length === 0) return undefined
    return Array.from({ length: FRESHEST_OF }, () => this.#lastRoot.get(this.#world.random.pick(following)))
      .filter((tweet) => tweet !== undefined)
      .filter((tweet) => isRecent(tweet, atMs))
      .toSorted((a, b) => b.atMs - a.atMs)[0]
  }

  #maySee(viewer: Person, { author }: Tweet): boolean {
    return !author.isPrivate || this.#world.graph.isFollowing(viewer, author)
  }

  #tweet(author: Person, atMs: number, repliesTo: Tweet | null, repertoire: Repertoire): Tweet {
    const id = this.#world.ids.tweetId(atMs, author.id)
    const conversationId = repliesTo?.conversationId ?? id
    const counts = { likeCount: 0, retweetCount: 0, replyCount: 0 }
    return { id, author, atMs: timeOf(id), repliesTo, conversationId, repertoire, words: '', ...counts }
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
