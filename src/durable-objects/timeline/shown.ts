import type { HomeMarker, Telling } from '../../contracts/timeline.ts'
import type { TweetId } from '../../domain/ids.ts'
import type { KeptEntry } from './entry-list.ts'
import type { Backfill } from './followees.ts'

/** What open sockets are shown of one operation. */
export type Shown =
  | { type: 'shown'; seq: number; entry: KeptEntry }
  | { type: 'taken_back'; seq: number; tweetId: TweetId }
  | { type: 'revised'; seq: number; entry: KeptEntry }
  | { type: 'marker'; seq: number; marker: HomeMarker }
  | ShownTelling
  /** How many notifications are unread, and nothing else. */
  | { type: 'count'; seq: number }

export interface ShownTelling<Told extends Telling = Telling> {
  type: 'told'
  seq: number
  telling: Told
}
export type ShownNotification = ShownTelling<Extract<Telling, { type: 'notification' }>>

/** What became of one operation. */
export type Effect = Shown | Backfill | null

export function isNotification(shown: Shown): shown is ShownNotification {
  return shown.type === 'told' && shown.telling.type === 'notification'
}

/** Of what is told once for several that are of one kind: notifications of one type, on one tweet where there is one. */
export function kindOf(shown: Shown): string | null {
  if (!isNotification(shown)) return shown.type === 'count' ? 'count' : null
  const { type, tweetId } = shown.telling.notification
  return `${type}:${tweetId ?? ''}`
}
