/** What somebody is notified of. */
export const NOTIFICATION_TYPES = [
  'like',
  'retweet',
  'quote',
  'reply',
  'mention',
  'follow',
  'follow_request',
  'poll',
  'tweet',
] as const
export type NotificationType = (typeof NOTIFICATION_TYPES)[number]

/** Whose actions of a type one is notified of. */
export const AUDIENCES = ['everyone', 'following', 'nobody'] as const
export type Audience = (typeof AUDIENCES)[number]

/** What is known of somebody who may be notified, and of the actor and the tweet that it is about. */
export interface NotificationFacts {
  type: NotificationType
  isSelf: boolean
  /** Neither is deactivated or suspended. */
  arePresent: boolean
  /** One of the two blocks the other. */
  isBlocked: boolean
  hasMutedActor: boolean
  followsActor: boolean
  /** True where there is no tweet. */
  maySeeTweet: boolean
  hasMutedConversation: boolean
  /** What the actor wrote holds one of the recipient's muted words. */
  holdsMutedWords: boolean
  preference: Audience
}

/** The one place that decides whether somebody is notified. That their poll has ended one is told even of one's own. */
export function isNotified(facts: NotificationFacts): boolean {
  if (facts.isSelf) return facts.type === 'poll' && facts.arePresent && facts.preference !== 'nobody'
  if (!facts.arePresent || facts.isBlocked || facts.hasMutedActor) return false
  if (!facts.maySeeTweet || facts.hasMutedConversation || facts.holdsMutedWords) return false
  return facts.preference === 'everyone' || (facts.preference === 'following' && facts.followsActor)
}
