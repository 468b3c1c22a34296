import { tweetMoment } from './calendar.ts'
import { Conversations, type World } from './conversations.ts'
import { logNormal, weightedPicker, zipfWeight } from './distributions.ts'
import type { Person } from './people.ts'
import type { Random } from './random.ts'
import type { Tweet } from './tweet.ts'
import { giveWords } from './words.ts'

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

/** All tweets in the order of time, with their words. */
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
  giveWords(tweets, world.library, random)
  return tweets
}

function byBusyness(people: readonly Person[], random: Random): Person[] {
  return people
    .map((person) => ({ person, busyness: logNormal(random, person.followers.length + 1, BUSYNESS_SIGMA) }))
    .sort((a, b) => b.busyness - a.busyness)
    .map(({ person }) => person)
}
