import { z } from 'zod'
import type { EntryId, TweetId, UserId } from '../domain/ids.ts'
import type { UserCard } from './http/users.ts'
import type { PackedPage } from './packed-page.ts'
import type { Card } from './tweet-json.ts'

/** What a timeline object keeps; older entries are read from Postgres. */
export const KEPT_ENTRIES = 800
/** The newest of them whose cards it keeps too. */
export const KEPT_CARDS = 200
/** Sockets of one user; the oldest goes when one more comes. */
export const MAX_SOCKETS = 10

/** One line of a timeline: a tweet by its author, or a retweet of it (then the ids differ). */
export interface Entry {
  id: EntryId
  tweetId: TweetId
  authorId: UserId
  retweeterId: UserId | null
}

/**
 * What is told to a timeline. One list, so that operations which arrive during a build are kept in one log
 * and replayed in their order. All may arrive late, twice, and in any order.
 */
export type TimelineOp =
  /** `retweeter` with a retweet; `acted` what the owner had done before to a tweet that is shown again by this entry. */
  | { type: 'deliver'; entry: Entry; card: Card; retweeter: UserCard | null; acted: TweetFlags | null }
  /** A tweet was deleted, with every entry that shows it; or (`of: 'retweet'`) a retweet undone, with its entry alone. */
  | { type: 'retract'; of: 'tweet'; id: TweetId }
  | { type: 'retract'; of: 'retweet'; id: EntryId }
  | { type: 'revise'; card: Card }
  | { type: 'flags'; acted: TweetFlags }
  | { type: 'follow'; userId: UserId; version: number }
  | { type: 'unfollow'; userId: UserId; version: number }
  /** Somebody is not to be seen, for this reason, until then (Unix ms; null for one that does not end). */
  | { type: 'drop'; userId: UserId; reason: DropReason; untilMs: number | null; version: number }
  /** No longer for this reason; others may hold. */
  | { type: 'undrop'; userId: UserId; reason: DropReason; version: number }
  /** Whether a followee's retweets are to be seen. */
  | { type: 'show_retweets'; userId: UserId; shown: boolean; version: number }
  /** What the owner's own card shows has changed. */
  | { type: 'own_card_changed'; atMs: number }
  /** What the owner does not want to see. */
  | ({ type: 'preferences' } & ReaderPreferences)
  | Telling

/** The owner blocks somebody, is blocked by them, or has muted them. */
export type DropReason = 'block' | 'blocked_by' | 'mute'

/**
 * What is told to the owner's sockets and is kept only for those that resume: the truth is in Postgres. Each is told
 * once, by what it is about.
 */
export type Telling =
  | { type: 'notification'; notification: LiveNotification; unread: Unread }
  | { type: 'notifications_withdrawn'; ids: number[]; unread: Unread }
  /** One was read (`id`), or all as far as one (`upToId`). */
  | { type: 'notifications_read'; id: number | null; upToId: number | null; unread: Unread }
  /** `json` is the Message, serialized. */
  | { type: 'message'; id: number; json: string }
  /** The reader has read what the other one sent, up to this message: told to both. */
  | { type: 'messages_read'; readerId: UserId; otherId: UserId; upToId: number }

export interface LiveNotification {
  id: number
  /** Frames of one type on one tweet are coalesced. */
  type: string
  tweetId: TweetId | null
  /** The Notification, serialized. */
  json: string
}

/** How many notifications are unread; of two, the one with the newer version holds. */
export interface Unread {
  count: number
  version: number
}

export interface MutedWord {
  phrase: string
  /** Unix ms; null for one that stays. */
  expiresAtMs: number | null
}

/** All muted words of somebody; of two lists, the one with the newer version holds. */
export interface MutedWords {
  words: readonly MutedWord[]
  /** The database's clock in microseconds when this was true. */
  version: number
}

/** What somebody does not want to see on timelines; of two, the one with the newer version holds. */
export interface ReaderPreferences extends MutedWords {
  hidesSensitive: boolean
}

/** What the owner did to a tweet, as bits; of two, the one with the newer version holds. */
export interface TweetFlags {
  tweetId: TweetId
  flags: number
  /** The database's clock in microseconds when this was true. */
  version: number
}

/** `unavailable`: the database is, for now. `user_not_found`: there is nobody to build a timeline for. */
export interface Refused {
  ok: false
  code: 'unavailable' | 'user_not_found'
}

export type ApplyResult =
  /** `cold`: nobody reads this timeline, nothing was kept, nothing is owed. */
  /** `sockets`: how many are open; absent for none. */
  { ok: true; state: 'warm' | 'building' | 'cold'; sockets?: number } | Refused

export interface PageRequest {
  limit: number
  /** Entries older than this one; null for the newest. */
  before: number | null
  /**
   * Where this scroll began: its newest entry. Newer ones are as if they were not there, so that a tweet which is
   * retweeted while somebody scrolls neither vanishes from below nor comes twice. Null for a scroll that begins.
   */
  top: EntryId | null
  /** After skipping this many. */
  offset: number
  /** Instead of `before`: the oldest entries newer than this id. */
  after?: number
  /** Whether entries say how the owner has dealt with their authors (`PageEntry.affinity`). */
  wantsAffinity?: boolean
  /** Entries of the owner's pulled authors to merge in. */
  overlay?: Overlay
  /** Which authors are pulled, where the asker knows; `set` when the object has said that it knows another set. */
  pullSet?: { hash: string; asOfMs: number; set?: PullSet }
}

/** Which authors are not delivered but read together with the timeline. */
export interface PullSet {
  authors: UserId[]
  /** Those who are delivered again, and since when. */
  left: { id: UserId; atMs: number }[]
}

/**
 * Entries of pulled authors. They stand for these authors alone: what the object keeps of them itself is not shown.
 */
export interface Overlay {
  /** `OVERLAY_COLUMNS` numbers for each entry, newest first; 0 for null. */
  rows: readonly number[]
  authors: UserId[]
  /** Every entry of theirs from this id on was known; older ones are in Postgres. 0 when all were. */
  floor: number
  /** `rows` hold every one of them as far as this id, in the direction of the page. */
  reaches: number
}

/** Where the columns of an overlay's row are. */
export const OVERLAY = {
  id: 0,
  tweetId: 1,
  authorId: 2,
  retweeterId: 3,
  replyToUserId: 4,
  quotedId: 5,
  quotedAuthorId: 6,
} as const
export const OVERLAY_COLUMNS = 7

export interface PageEntry extends Entry {
  card: Card | null
  retweeter: UserCard | null
  /** What the owner did to the tweet, and to the one it quotes. */
  flags: number
  quoteFlags: number
  /** The owner follows the author, or is the author: may read them even when they are private. */
  ofFollowee: boolean
  /** The owner and the quoted author do not see each other. */
  hidesQuote: boolean
  /** Where it was asked for: on how many kept tweets of the author the owner acted. */
  affinity: number
}

export interface TimelinePage {
  /** Newest first, whatever the direction. */
  entries: PageEntry[]
  /** The scroll's beginning: the request's `top`, or the newest entry; 0 when there is none. */
  top: number
  /**
   * How far the page has come: all that the timeline shows between where it was asked from and this id, inclusive, is
   * among `entries`. Downwards 0 at the end of history; upwards `top` at the beginning of the scroll.
   */
  reached: number
  /** The object can show every entry from this id on; older ones are in Postgres. 0 when it holds them all. */
  floor: number
  /** How many tweets the object shows: an offset beyond them goes on in Postgres. */
  kept: number
  /** Which of the followees are pulled authors, as of which set; the retweets of those who are `silent` are not shown. */
  pulled: { hash: string; authors: UserId[]; silent: UserId[] }
  /** When the owner changed what their card shows, lately: what was cached of it before is outdated. */
  ownCardChangedAtMs: number
  /** What the owner does not want to see, which the page shows all the same: words, null for none, and what is sensitive. */
  mutedWords: MutedWords | null
  hidesSensitive: boolean
}

/** `pull_set_outdated`: the asker knows a newer set of pulled authors and is to say which. */
export type PageResult = { ok: true; page: PackedPage } | Refused | { ok: false; code: 'pull_set_outdated' }

/** How far somebody has read their home timeline. */
export interface HomeMarker {
  lastReadId: number
  updatedAtMs: number
}

export type MarkerResult = { ok: true; marker: HomeMarker | null } | Refused

export interface EndSessions {
  /** Only this session's sockets; null for all. */
  sessionId: string | null
  /** But not this one's. */
  exceptSessionId: string | null
}

/** RPC of a timeline object. Everything but the socket upgrade, which is a fetch. */
export interface TimelineRpc {
  apply(ops: TimelineOp[]): Promise<ApplyResult>
  page(request: PageRequest): Promise<PageResult>
  marker(): Promise<MarkerResult>
  /** Moves the marker, never back: answers the one that holds. */
  moveMarker(lastReadId: number): Promise<MarkerResult>
  /** Gives back cards that a page lacked or had outdated. */
  keepCards(cards: Card[]): Promise<void>
  endSessions(which: EndSessions): Promise<void>
  /** Forgets all there is, for good: the owner's account was erased. */
  erase(): Promise<void>
  fetch(request: Request): Promise<Response>
}

/** Frames that the client sends: only a ping, answered without waking the object. */
export const PING = 'ping'
export const PONG = 'pong'

export const CLOSE_SIGNED_OUT = 4001
export const CLOSE_TOO_MANY_SOCKETS = 4008

export const frame = z.object({
  type: z.enum([
    'ready',
    'tweet',
    'tweet_deleted',
    'tweet_edited',
    'notification',
    'notification_withdrawn',
    'notifications_read',
    'message',
    'message_read',
    'marker',
    'reset',
  ]),
  seq: z.string(),
  data: z.unknown(),
})
export type FrameType = z.infer<typeof frame>['type']

/** What the Worker tells the object of a socket it has authenticated; kept in the socket's attachment. */
export const socketTicket = z.object({
  userId: z.number().int(),
  sessionId: z.string(),
  since: z.string().nullable(),
})
export type SocketTicket = z.infer<typeof socketTicket>
export const SOCKET_TICKET_HEADER = 'x-warbler-socket'
