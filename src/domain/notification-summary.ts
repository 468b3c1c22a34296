import type { NotificationType } from './notifications.ts'

/** Of more than so many, the others are counted. */
const NAMED = 2

const DID: Record<Exclude<NotificationType, 'poll'>, string> = {
  like: 'liked your tweet',
  retweet: 'retweeted your tweet',
  quote: 'quoted your tweet',
  reply: 'replied to your tweet',
  mention: 'mentioned you',
  follow: 'followed you',
  follow_request: 'asked to follow you',
  tweet: 'tweeted',
}

/**
 * What happened, in a sentence: "Ada, Grace and 40 others liked your tweet". `names` are the newest actors as far as they
 * are known, newest first; `total` is how many there are.
 */
export function summaryOf(
  type: NotificationType,
  names: readonly string[],
  total: number,
  isOwnTweet: boolean,
): string {
  if (type === 'poll') return isOwnTweet ? 'Your poll has ended' : 'A poll that you voted in has ended'
  return `${people(names, total)} ${DID[type]}`
}

function people(names: readonly string[], total: number): string {
  const named = names.slice(0, NAMED)
  const others = Math.max(0, total - named.length)
  if (named.length === 0) return total === 1 ? 'Somebody' : `${total} people`
  if (others === 0) return named.join(' and ')
  return `${named.join(', ')} and ${others} ${others === 1 ? 'other' : 'others'}`
}
