import type { PushPayload } from '../contracts/push.ts'
import type { PushedMessage, PushedNotification, PushNews } from '../db/statements/pushes.ts'
import { excerptOf } from '../domain/excerpt.ts'
import { summaryOf } from '../domain/notification-summary.ts'

/**
 * A push service takes 4,096 bytes, of which the encryption leaves 3,993. With both of these, and names and ids beside
 * them, a payload stays below 3,000.
 */
const NAME = { graphemes: 50, bytes: 400 }
const BODY = { graphemes: 200, bytes: 2_000 }

/** A push as a browser shows it, in English. */
export function presentPush(news: PushNews): PushPayload {
  return news.of === 'message' ? presentMessage(news.message) : presentNotification(news.notification)
}

function presentMessage({ id, sender, content, unread_count }: PushedMessage): PushPayload {
  return {
    id,
    type: 'message',
    title: excerptOf(sender.display_name, NAME),
    body: content === '' ? 'Sent an attachment' : excerptOf(content, BODY),
    url: `/messages/${sender.id}`,
    unread_count,
  }
}

function presentNotification(notification: PushedNotification): PushPayload {
  const { id, type, actor, tweet, is_own, unread_count } = notification
  return {
    id,
    type,
    title: summaryOf(type, [excerptOf(actor.display_name, NAME)], 1, is_own),
    body: tweet === null ? `@${actor.username}` : excerptOf(tweet.content, BODY),
    url:
      type === 'follow_request'
        ? '/follow-requests'
        : tweet === null
          ? `/@${actor.username}`
          : `/tweets/${tweet.id}`,
    unread_count,
  }
}
