import type { Telling } from '../contracts/timeline.ts'
import type { NotificationKey, Told } from '../db/statements/write-notifications.ts'
import { presentNotification } from '../views/present-notification.ts'
import { presentTweet } from '../views/present-tweet.ts'

/** What of a recipient's notifications their timeline is told; nothing while it is cold. */
export function tellingsOf(told: Told, nowMs: number): Telling[] {
  const { user_id, is_warm, unread, withdrawn } = told
  if (!is_warm) return []
  const reader = { viewerId: user_id, nowMs }
  const tweets = new Map(
    told.tweets.map(({ tweet, flags }) => [tweet.id, presentTweet(tweet, flags, reader)]),
  )
  const tellings = told.notifications.flatMap((record): Telling[] => {
    const { id, type, tweet_id: tweetId } = record
    const tweet = tweetId === null ? null : (tweets.get(tweetId) ?? null)
    // It can no longer be seen: what withdraws it is on its way.
    if (tweetId !== null && tweet === null) return []
    const json = JSON.stringify(presentNotification(record, tweet))
    return [{ type: 'notification', notification: { id, type, tweetId, json }, unread }]
  })
  if (withdrawn.length > 0) tellings.push({ type: 'notifications_withdrawn', ids: withdrawn, unread })
  return tellings
}

export function keyOf({ user_id, type, actor_id, tweet_id }: NotificationKey): string {
  return `${user_id} ${type} ${actor_id} ${tweet_id}`
}
