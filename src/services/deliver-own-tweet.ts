import type { TimelineOp } from '../contracts/timeline.ts'
import type { TweetRecord } from '../db/statements/tweet-columns.ts'
import type { EntryId, TweetId, UserId } from '../domain/ids.ts'
import { serializeCard } from '../views/present-tweet.ts'

/** Puts one's own new tweet on one's own home. */
export function deliveryOf(card: TweetRecord): TimelineOp {
  const entry = {
    id: card.id as EntryId,
    tweetId: card.id as TweetId,
    authorId: card.user.id as UserId,
    retweeterId: null,
  }
  return { type: 'deliver', entry, card: serializeCard(card), retweeter: null, acted: null }
}
