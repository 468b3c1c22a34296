import { newTweetId, newUserId, type TweetId, type UserId } from '../../src/domain/ids.ts'
import type { Random } from './random.ts'

/** A shard has this many ids in a millisecond; so many tries find a free one with near certainty. */
const TRIES_PER_MILLISECOND = 8

export interface IdMaker {
  userId(timeMs: number): UserId
  /** Also for retweets, which share the tweets' id space. */
  tweetId(timeMs: number, author: UserId): TweetId
}

/** Makes ids that differ from each other. Where a millisecond is full the id is of an earlier one. */
export function createIdMaker(random: Random): IdMaker {
  const taken = new Set<number>()
  const unique = <Id extends number>(make: (backMs: number) => Id): Id => {
    for (let tries = 0; ; tries++) {
      const id = make(Math.floor(tries / TRIES_PER_MILLISECOND))
      if (taken.has(id)) continue
      taken.add(id)
      return id
    }
  }
  return {
    userId: (timeMs) => unique((backMs) => newUserId(timeMs - backMs, random.unit)),
    tweetId: (timeMs, author) => unique((backMs) => newTweetId(timeMs - backMs, author, random.unit)),
  }
}
