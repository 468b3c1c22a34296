import type { TweetId } from './ids.ts'

/** The order of a whole window fits into a cursor with tags of this length. */
export const TAG_BYTES = 5

/**
 * What stands for a tweet in a cursor: alike only for tweets of one shard that are a multiple of three days apart to the
 * millisecond. For the tweet and not its entry: one whose retweet is undone stands in the order still.
 */
export function tagOf({ tweetId }: { tweetId: TweetId }): number {
  return tweetId % 2 ** (8 * TAG_BYTES)
}

/** Those whose tags are in an order, in that order, each once. */
export function inOrder<Item extends { tweetId: TweetId }>(
  order: readonly number[],
  items: readonly Item[],
): Item[] {
  const byTag = new Map(items.map((item) => [tagOf(item), item]))
  return [...new Set(order)].flatMap((tag) => byTag.get(tag) ?? [])
}
