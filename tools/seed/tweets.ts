import type { TweetId } from '../../src/domain/ids.ts'
import { tweetMoment } from './calendar.ts'
import { Conversations, type World } from './conversations.ts'
import { logNormal, weightedPicker, zipfWeight } from './distributions.ts'
import type { Repertoire } from './library.ts'
import type { Person } from './people.ts'
import type { Random } from './random.ts'

export interface Tweet {
  id: TweetId
  author: Person
  atMs: number
  repliesTo: Tweet | null
  /** The id of the tweet that began the conversation: its own unless it is a reply. */
  conversationId: TweetId
  repertoire: Repertoire
  /** What it says; null for a sentence made of parts. */
  words: string | null
  likeCount: number
  retweetCount: number
  replyCount: number
}

export interface TweetPlan {
  count: number
  /** 1 spreads the tweets evenly over the weeks, more draws them towards now. */
  recency: number
}

// Zipf and Mandelbrot's law: in a community of 10,000 the busiest writes about 0.5 % of all tweets, and everybody some.
const AUTHOR_EXPONENT = 0.9
const AUTHOR_SHIFT = 20
/** Popular people tend to write more; this is how loosely (a deviation of the logarithm). */
const BUSYNESS_SIGMA = 0.7

const LINE_SHARE = 0.25

/** Writes the tweets in the order of time; the tweets of the last hours are whole lines of the library. */
export function writeTweets(people: readonly Person[], { count, recency }: TweetPlan, world: World): Tweet[] {
  const { random, calendar } = world
  const pickAuthor = weightedPicker(byBusyness(people, random), zipfWeight(AUTHOR_EXPONENT, AUTHOR_SHIFT))
  const slots = Array.from({ length: count }, () => {
    const author = pickAuthor(random)
    const { utcOffsetHours } = author
    return { author, atMs: tweetMoment(random, calendar, { utcOffsetHours, recency }) }
  }).sort((a, b) => a.atMs - b.atMs)
  const conversations = new Conversations(world)
  const tweets = slots.map(({ author, atMs }) => conversations.speak(author, atMs))
  giveLines(tweets, random)
  return tweets
}

function byBusyness(people: readonly Person[], random: Random): Person[] {
  return people
    .map((person) => ({ person, busyness: logNormal(random, person.followers.length + 1, BUSYNESS_SIGMA) }))
    .sort((a, b) => b.busyness - a.busyness)
    .map(({ person }) => person)
}

/** Each whole line is said once by the newest tweets of its topic, and now and then by older ones. */
function giveLines(tweets: readonly Tweet[], random: Random) {
  const unsaid = new Map<Repertoire, string[]>()
  for (const tweet of tweets.toReversed()) {
    if (tweet.repliesTo !== null) continue
    const { repertoire } = tweet
    const lines = unsaid.get(repertoire) ?? shuffled(repertoire.lines, random)
    unsaid.set(repertoire, lines)
    tweet.words = lines.pop() ?? (random.chance(LINE_SHARE) ? random.pick(repertoire.lines) : null)
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, key: random.unit() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
