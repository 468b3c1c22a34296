import type { Notification } from '../contracts/http/notifications.ts'
import type { Tweet } from '../contracts/http/tweets.ts'
import type { NotificationRecord } from '../db/statements/write-notifications.ts'
import { presentUserCard } from './present-profile.ts'

/** Row to wire. */
export function presentNotification(
  { id, type, actor, is_read, created_at }: Omit<NotificationRecord, 'tweet_id' | 'is_news'>,
  tweet: Tweet | null,
): Notification {
  return {
    id,
    type,
    actor: presentUserCard(actor),
    ...(tweet === null ? {} : { tweet }),
    is_read,
    created_at: new Date(created_at).toISOString(),
  }
}
