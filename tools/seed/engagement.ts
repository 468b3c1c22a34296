import { type TweetId, timeOf } from '../../src/domain/ids.ts'
import { HOUR_MS } from './calendar.ts'
import type { World } from './conversations.ts'
import { exponential, pareto, roundAtRandom, sample } from './distributions.ts'
import type { Person } from './people.ts'
import type { Tweet } from './tweet.ts'

export interface Like {
  person: Person
  tweet: Tweet
  atMs: number
}

export interface Retweet {
  id: TweetId
  person: Person
  tweet: Tweet
  atMs: number
}

const LIKES_PER_TWEET = 3
const RETWEETS_PER_LIKE = 0.15
/** How much more some tweets please than others; a smaller shape is a heavier tail. */
const APPEAL_SHAPE = 1.3
/** A larger audience likes more, but not in proportion. */
const AUDIENCE_EXPONENT = 0.8
const REPLY_FACTOR = 0.2
/** Not even the best tweet pleases all followers. */
const MAX_AUDIENCE_SHARE = 0.6
const MEAN_DELAY_MS = 1.5 * HOUR_MS

/**
 * Likes and retweets by followers: the more the larger an author's audience and, by a power law, the more a tweet
 * appeals. What would happen after now has not happened. Nobody retweets a private account.
 */
export function engage(
  tweets: readonly Tweet[],
  { random, calendar, ids }: World,
): { likes: Like[]; retweets: Retweet[] } {
  const pulls = tweets.map((tweet) => pullOf(tweet) * pareto(random, APPEAL_SHAPE))
  const total = pulls.reduce((sum, pull) => sum + pull, 0)
  const likes: Like[] = []
  const retweets: Retweet[] = []
  for (const [index, tweet] of tweets.entries()) {
    const { followers, isPrivate } = tweet.author
    if (followers.length === 0) continue
    const most = Math.floor(followers.length * MAX_AUDIENCE_SHARE)
    const expected = Math.min((LIKES_PER_TWEET * tweets.length * (pulls[index] ?? 0)) / total, most)
    const moment = () => Math.floor(tweet.atMs + exponential(random, MEAN_DELAY_MS)) + 1
    for (const person of sample(random, followers, roundAtRandom(random, expected))) {
      const atMs = moment()
      if (atMs <= calendar.nowMs) likes.push({ person, tweet, atMs })
    }
    if (isPrivate || tweet.repliesTo !== null) continue
    for (const person of sample(random, followers, roundAtRandom(random, expected * RETWEETS_PER_LIKE))) {
      const atMs = moment()
      if (atMs > calendar.nowMs) continue
      const id = ids.tweetId(atMs, person.id)
      retweets.push({ id, person, tweet, atMs: timeOf(id) })
    }
  }
  for (const { tweet } of likes) tweet.likeCount++
  for (const { tweet } of retweets) tweet.retweetCount++
  return { likes, retweets }
}

function pullOf({ author, repliesTo }: Tweet): number {
  return author.followers.length ** AUDIENCE_EXPONENT * (repliesTo === null ? 1 : REPLY_FACTOR)
}
