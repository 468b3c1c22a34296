/**
 * Ids are 53-bit numbers that sort by time and know their shard (ADR 0001):
 *
 *     41 bits  milliseconds since 2024-01-01T00:00:00Z   (until 2093)
 *     12 bits  low part: 10 bits of the owner's shard, 2 random bits
 *
 * So `order by id desc` is time order, a time window is an id range, a keyset cursor is an id, and JSON
 * and JavaScript carry an id as a plain number.
 */

export type UserId = number & { readonly __brand: 'UserId' }
export type TweetId = number & { readonly __brand: 'TweetId' }
/** An entry of a timeline: a tweet's id, or a retweet's (both are made of one id space). */
export type EntryId = number & { readonly __brand: 'EntryId' }
/** Of a direct message: a number of a sequence, so it says nothing of time or shard. */
export type MessageId = number & { readonly __brand: 'MessageId' }
/** Of a list of people: a number of a sequence, too. */
export type ListId = number & { readonly __brand: 'ListId' }

export const ID_EPOCH_MS = Date.UTC(2024, 0, 1)
export const SHARD_COUNT = 1024
const LOW_PART = 4096
const RANDOM_PER_SHARD = LOW_PART / SHARD_COUNT
const MAX_ELAPSED_MS = 2 ** 41 - 1
export const MAX_ID = Number.MAX_SAFE_INTEGER

/** A source of uniformly distributed numbers in [0, 1), as `Math.random`. */
export type Random = () => number

function elapsedMs(timeMs: number): number {
  const elapsed = Math.floor(timeMs) - ID_EPOCH_MS
  if (!(elapsed >= 0 && elapsed <= MAX_ELAPSED_MS)) throw new RangeError(`No id has the time ${timeMs}`)
  return elapsed
}

/** A new user's id at `timeMs` (Unix milliseconds), in a random shard. */
export function newUserId(timeMs: number, random: Random): UserId {
  return (elapsedMs(timeMs) * LOW_PART + Math.floor(random() * LOW_PART)) as UserId
}

/**
 * A new tweet's or retweet's id at `timeMs` (Unix milliseconds), in its author's shard. Two made in one
 * millisecond for one shard collide with probability 1/4: whoever inserts it must be ready to try again.
 */
export function newTweetId(timeMs: number, author: UserId, random: Random): TweetId {
  const low = shardOf(author) * RANDOM_PER_SHARD + Math.floor(random() * RANDOM_PER_SHARD)
  return (elapsedMs(timeMs) * LOW_PART + low) as TweetId
}

/** The shard (0 to 1023) that an id's owner lives in. */
export function shardOf(id: UserId | TweetId | EntryId): number {
  return Math.floor((id % LOW_PART) / RANDOM_PER_SHARD)
}

/** When an id was made, in Unix milliseconds. */
export function timeOf(id: UserId | TweetId | EntryId): number {
  return Math.floor(id / LOW_PART) + ID_EPOCH_MS
}

/** The smallest id of a moment: ids `>= idFloor(from)` and `< idFloor(to)` are those made in [from, to). */
export function idFloor(timeMs: number): number {
  if (timeMs <= ID_EPOCH_MS) return 0
  return elapsedMs(Math.min(timeMs, ID_EPOCH_MS + MAX_ELAPSED_MS)) * LOW_PART
}

/** Whether a number from outside can be an id at all. */
export function isId(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}
