import type { UserCard } from './http/users.ts'

export interface Counts {
  likes: number
  retweets: number
  replies: number
  quotes: number
  bookmarks: number
}

export const NO_COUNTS: Counts = { likes: 0, retweets: 0, replies: 0, quotes: 0, bookmarks: 0 }

/** Bits of what the reader did to a tweet. */
export const FLAG_LIKED = 1
export const FLAG_RETWEETED = 2
export const FLAG_BOOKMARKED = 4

/**
 * A Tweet's wire JSON: its serialized card (never parsed again on the way) joined with what changes often.
 * `cardJson` is a non-empty JSON object.
 */
export function joinTweetJson(
  cardJson: string,
  counts: Counts,
  flags: number,
  retweetedBy: UserCard | null = null,
): string {
  const { likes, retweets, replies, quotes, bookmarks } = counts
  const by = retweetedBy === null ? '' : `,"retweeted_by":${JSON.stringify(retweetedBy)}`
  return (
    `${cardJson.slice(0, -1)},"like_count":${likes},"retweet_count":${retweets},"reply_count":${replies}` +
    `,"quote_count":${quotes},"bookmark_count":${bookmarks}` +
    `,"is_liked":${(flags & FLAG_LIKED) !== 0},"is_retweeted":${(flags & FLAG_RETWEETED) !== 0}` +
    `,"is_bookmarked":${(flags & FLAG_BOOKMARKED) !== 0}${by}}`
  )
}
