import { z } from 'zod'
import type { LiveNotification } from '../../contracts/timeline.ts'
import type { Card } from '../../contracts/tweet-json.ts'
import type { Named } from '../../db/statements/hidden.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import type { Shown } from './shown.ts'

/** What cannot be seen (any more) of all that was missed. */
export interface Hidden {
  tweets: ReadonlySet<number>
  people: ReadonlySet<number>
}

export const NOTHING_HIDDEN: Hidden = { tweets: new Set(), people: new Set() }

/** Of what is serialized, what says whom and which tweets it shows; what names nobody has nobody to hide. */
const quoted = z.looseObject({ id: z.number(), unavailable: z.boolean().optional() })
const toldNotification = z.looseObject({
  actor: z.looseObject({ id: z.number().optional() }),
  tweet: z.looseObject({ id: z.number(), quote_tweet: quoted.nullable() }).optional(),
})
const toldMessage = z.object({ sender_id: z.number().optional(), receiver_id: z.number().optional() })

/** Whose tweets and which people the frames of what was missed show, but for the owner of the timeline. */
export function namedIn(missed: readonly Shown[], owner: UserId): Named {
  const tweets = new Set<number>()
  const people = new Set<number>()
  for (const shown of missed) {
    const named = namedBy(shown)
    for (const id of named.tweets) tweets.add(id)
    for (const id of named.people) people.add(id)
  }
  people.delete(owner)
  return { tweets: [...tweets] as TweetId[], people: [...people] as UserId[] }
}

function namedBy(shown: Shown): { tweets: number[]; people: number[] } {
  if (shown.type === 'shown' || shown.type === 'revised') {
    const { tweetId, retweeterId, card } = shown.entry
    const quote = card?.quote?.body?.tweetId
    return {
      tweets: quote === undefined ? [tweetId] : [tweetId, quote],
      people: retweeterId === null ? [] : [retweeterId],
    }
  }
  if (shown.type !== 'told') return { tweets: [], people: [] }
  const { telling } = shown
  if (telling.type === 'message') {
    return { tweets: [], people: bothIn(telling.json) }
  }
  if (telling.type !== 'notification') return { tweets: [], people: [] }
  const { actor, tweet } = parsed(telling.notification)
  const quote = tweet?.quote_tweet ?? null
  return {
    tweets: [...(tweet === undefined ? [] : [tweet.id]), ...(isShown(quote) ? [quote.id] : [])],
    people: actor.id === undefined ? [] : [actor.id],
  }
}

/** What was missed as it can be shown now: without what is hidden, and with stubs of hidden tweets that are quoted. */
export function withoutHidden(missed: readonly Shown[], hidden: Hidden): Shown[] {
  if (hidden.tweets.size === 0 && hidden.people.size === 0) return [...missed]
  return missed.flatMap((shown) => asShownNow(shown, hidden) ?? [])
}

function asShownNow(shown: Shown, hidden: Hidden): Shown | null {
  if (shown.type === 'shown' || shown.type === 'revised') {
    const { entry } = shown
    if (hidden.tweets.has(entry.tweetId) || hidden.people.has(entry.retweeterId ?? 0)) return null
    return { ...shown, entry: { ...entry, card: withStub(entry.card, hidden) } }
  }
  if (shown.type !== 'told') return shown
  const { telling } = shown
  if (telling.type === 'message') {
    return bothIn(telling.json).some((id) => hidden.people.has(id)) ? null : shown
  }
  if (telling.type !== 'notification') return shown
  const notification = notificationNow(telling.notification, hidden)
  return notification === null ? null : { ...shown, telling: { ...telling, notification } }
}

function withStub(card: Card | null, { tweets }: Hidden): Card | null {
  const quote = card?.quote ?? null
  if (card === null || quote === null || !tweets.has(quote.tweetId)) return card
  return { ...card, quote: { tweetId: quote.tweetId, body: null } }
}

function notificationNow(notification: LiveNotification, hidden: Hidden): LiveNotification | null {
  const json = parsed(notification)
  const { actor, tweet } = json
  if (hidden.people.has(actor.id ?? 0) || hidden.tweets.has(tweet?.id ?? 0)) return null
  const quote = tweet?.quote_tweet ?? null
  if (!isShown(quote) || !hidden.tweets.has(quote.id)) return notification
  const quote_tweet = { id: quote.id, unavailable: true }
  return { ...notification, json: JSON.stringify({ ...json, tweet: { ...tweet, quote_tweet } }) }
}

/** Who wrote a message, and to whom. */
function bothIn(json: string): number[] {
  const { sender_id, receiver_id } = toldMessage.parse(JSON.parse(json))
  return [sender_id, receiver_id].filter((id) => id !== undefined)
}

function parsed({ json }: LiveNotification) {
  return toldNotification.parse(JSON.parse(json))
}

function isShown(quote: z.infer<typeof quoted> | null): quote is z.infer<typeof quoted> {
  return quote !== null && quote.unavailable !== true
}
