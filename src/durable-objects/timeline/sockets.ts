import {
  CLOSE_SIGNED_OUT,
  CLOSE_TOO_MANY_SOCKETS,
  type EndSessions,
  type FrameType,
  MAX_SOCKETS,
  PING,
  PONG,
  type SocketTicket,
} from '../../contracts/timeline.ts'
import { joinTweetJson } from '../../contracts/tweet-json.ts'
import type { KeptEntry } from './entry-list.ts'
import type { Shown, TimelineStore } from './store.ts'

/** What a socket must remember while the object sleeps. */
interface Attachment {
  sessionId: string
  openedAtMs: number
  /** Breaks ties of sockets that opened in one millisecond. */
  order: number
}

const OPEN = WebSocket.READY_STATE_OPEN

/** The sockets of one timeline: hibernatable, so nothing about them is kept in memory. */
export class TimelineSockets {
  readonly #context: DurableObjectState

  constructor(context: DurableObjectState) {
    this.#context = context
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG))
  }

  get isEmpty(): boolean {
    return this.#context.getWebSockets().length === 0
  }

  /** Accepts a socket, brings it up to date, and closes the oldest beyond the limit. */
  accept(socket: WebSocket, ticket: SocketTicket, store: TimelineStore, nowMs: number): void {
    const open = this.#openOldestFirst()
    const order = (open.at(-1)?.attachment.order ?? 0) + 1
    this.#context.acceptWebSocket(socket, [ticket.sessionId])
    socket.serializeAttachment({ sessionId: ticket.sessionId, openedAtMs: nowMs, order } satisfies Attachment)
    for (const { socket: oldest } of open.slice(0, Math.max(0, open.length + 1 - MAX_SOCKETS))) {
      close(oldest, CLOSE_TOO_MANY_SOCKETS, 'too many sockets')
    }
    this.#resume(socket, ticket.since, store)
  }

  /** Shows what happened to every open socket, in its order. */
  show(shown: readonly Shown[], store: TimelineStore): void {
    if (shown.length === 0) return
    const frames = shown.flatMap((one) => frameOf(one, store) ?? [])
    for (const socket of this.#context.getWebSockets()) {
      for (const frame of frames) send(socket, frame)
    }
  }

  /** The timeline was built anew: what clients know of it no longer holds. */
  reset(store: TimelineStore): void {
    for (const socket of this.#context.getWebSockets()) {
      send(socket, frame('reset', store.epoch, store.seq, {}))
      send(socket, frame('ready', store.epoch, store.seq, {}))
    }
  }

  end({ sessionId, exceptSessionId }: EndSessions): void {
    const ended = sessionId === null ? this.#context.getWebSockets() : this.#context.getWebSockets(sessionId)
    for (const socket of ended) {
      if (attachmentOf(socket).sessionId !== exceptSessionId) close(socket, CLOSE_SIGNED_OUT, 'signed out')
    }
  }

  #resume(socket: WebSocket, since: string | null, store: TimelineStore): void {
    if (since !== null) {
      const missed = missedSince(since, store)
      if (missed === null) send(socket, frame('reset', store.epoch, store.seq, {}))
      else for (const one of missed.flatMap((shown) => frameOf(shown, store) ?? [])) send(socket, one)
    }
    send(socket, frame('ready', store.epoch, store.seq, {}))
  }

  #openOldestFirst(): { socket: WebSocket; attachment: Attachment }[] {
    return this.#context
      .getWebSockets()
      .filter((socket) => socket.readyState === OPEN)
      .map((socket) => ({ socket, attachment: attachmentOf(socket) }))
      .sort((a, b) => a.attachment.order - b.attachment.order)
  }
}

function missedSince(since: string, store: TimelineStore) {
  const match = /^(\d{1,16})\.(\d{1,16})$/.exec(since)
  if (match === null || Number(match[1]) !== store.epoch) return null
  return store.shownSince(Number(match[2]))
}

function frameOf(shown: Shown, store: TimelineStore): string | null {
  const { epoch } = store
  if (shown.type === 'taken_back') return frame('tweet_deleted', epoch, shown.seq, { id: shown.tweetId })
  if (shown.type === 'marker') {
    const { lastReadId, updatedAtMs } = shown.marker
    const data = { last_read_id: lastReadId, updated_at: new Date(updatedAtMs).toISOString() }
    return frame('marker', epoch, shown.seq, data)
  }
  if (store.isMuted(shown.entry, Date.now())) {
    // An edit may have brought in what is muted: the tweet is on the screen by then.
    return shown.type === 'shown'
      ? null
      : frame('tweet_deleted', epoch, shown.seq, { id: shown.entry.tweetId })
  }
  const tweet = tweetJson(shown.entry, store)
  const type: FrameType = shown.type === 'shown' ? 'tweet' : 'tweet_edited'
  return tweet === null ? null : `{"type":"${type}","seq":"${epoch}.${shown.seq}","data":${tweet}}`
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

function frame(type: FrameType, epoch: number, seq: number, data: object): string {
  return JSON.stringify({ type, seq: `${epoch}.${seq}`, data })
}

function attachmentOf(socket: WebSocket): Attachment {
  return socket.deserializeAttachment() as Attachment
}

/** A socket that closes meanwhile takes no more frames: its client resumes. */
function send(socket: WebSocket, text: string): void {
  if (socket.readyState === OPEN) socket.send(text)
}

function close(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState === OPEN) socket.close(code, reason)
}
