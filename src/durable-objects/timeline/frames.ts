import type { FrameType, Telling } from '../../contracts/timeline.ts'
import { joinTweetJson } from '../../contracts/tweet-json.ts'
import type { KeptEntry } from './entry-list.ts'
import type { Shown } from './shown.ts'
import type { TimelineStore } from './store.ts'

/** Of a frame: the seq from which a client that has it resumes, and for how many notifications it stands. */
export interface FramePlace {
  seq: number
  coalesced: number
}

/** The text of what is shown; null when there is nothing to say of it. Counts of unread notifications are the newest. */
export function frameOf(shown: Shown, place: FramePlace, store: TimelineStore): string | null {
  const { seq } = place
  switch (shown.type) {
    case 'taken_back':
      return frame('tweet_deleted', store, seq, { id: shown.tweetId })
    case 'marker': {
      const { lastReadId, updatedAtMs } = shown.marker
      const data = { last_read_id: lastReadId, updated_at: new Date(updatedAtMs).toISOString() }
      return frame('marker', store, seq, data)
    }
    case 'shown':
    case 'revised': {
      // An edit may have brought in what is unwanted: the tweet is on the screen by then.
      if (store.isUnwanted(shown.entry, Date.now())) {
        return shown.type === 'shown' ? null : frame('tweet_deleted', store, seq, { id: shown.entry.tweetId })
      }
      const tweet = tweetJson(shown.entry, store)
      return tweet === null
        ? null
        : joinFrame(shown.type === 'shown' ? 'tweet' : 'tweet_edited', store, seq, tweet)
    }
    case 'count':
      return frame('notifications_read', store, seq, { id: null, up_to_id: null, ...unreadIn(store) })
    case 'told':
      return frameOfTelling(shown.telling, place, store)
  }
}

function frameOfTelling(telling: Telling, { seq, coalesced }: FramePlace, store: TimelineStore): string {
  switch (telling.type) {
    case 'notification': {
      const added = coalesced > 1 ? { ...unreadIn(store), coalesced } : unreadIn(store)
      return joinFrame('notification', store, seq, withFields(telling.notification.json, added))
    }
    case 'notifications_withdrawn':
      return frame('notification_withdrawn', store, seq, { ids: telling.ids, ...unreadIn(store) })
    case 'notifications_read': {
      const { id, upToId } = telling
      return frame('notifications_read', store, seq, { id, up_to_id: upToId, ...unreadIn(store) })
    }
    case 'message':
      return joinFrame('message', store, seq, telling.json)
    case 'messages_read': {
      const { readerId, otherId, upToId } = telling
      return frame('message_read', store, seq, { reader_id: readerId, other_id: otherId, up_to_id: upToId })
    }
  }
}

export function frame(type: FrameType, store: TimelineStore, seq: number, data: object): string {
  return joinFrame(type, store, seq, JSON.stringify(data))
}

function joinFrame(type: FrameType, { epoch }: TimelineStore, seq: number, json: string): string {
  return `{"type":"${type}","seq":"${epoch}.${seq}","data":${json}}`
}

function unreadIn({ unreadCount }: TimelineStore) {
  return { unread_count: unreadCount }
}

/** A serialized object, which is not empty, with more fields. */
function withFields(json: string, fields: object): string {
  return `${json.slice(0, -1)},${JSON.stringify(fields).slice(1)}`
}

function tweetJson(entry: KeptEntry, store: TimelineStore): string | null {
  const { card, tweetId, retweeter } = entry
  if (card === null) return null
  const { flags, quoteFlags, hidesQuote } = store.readingOf(entry)
  return joinTweetJson(card, {
    nowMs: Date.now(),
    countsOf: () => null,
    flagsOf: (id) => (id === tweetId ? flags : quoteFlags),
    hides: () => hidesQuote,
    retweetedBy: retweeter,
  })
}
