import {
  CLOSE_SIGNED_OUT,
  CLOSE_TOO_MANY_SOCKETS,
  type EndSessions,
  MAX_SOCKETS,
  PING,
  PONG,
  type SocketTicket,
} from '../../contracts/timeline.ts'
import { Coalescer } from './coalescer.ts'
import { frame, frameOf } from './frames.ts'
import { type Hidden, withoutHidden } from './judge-missed.ts'
import { coalesceMissed } from './missed.ts'
import { isNotification, kindOf, type Shown, type ShownNotification } from './shown.ts'
import type { TimelineStore } from './store.ts'

/** What a socket must remember while the object sleeps. */
interface Attachment {
  sessionId: string
  openedAtMs: number
  /** Breaks ties of sockets that opened in one millisecond. */
  order: number
}

const OPEN = WebSocket.READY_STATE_OPEN

/**
 * The sockets of one timeline: hibernatable, so nothing about them is kept in memory but notifications that wait for the
 * end of their second. An object that is lost with these has lost its sockets, too: whoever resumes gets them.
 */
export class TimelineSockets {
  readonly #context: DurableObjectState
  readonly #coalescer = new Coalescer<ShownNotification>()
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(context: DurableObjectState) {
    this.#context = context
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG))
  }

  get isEmpty(): boolean {
    return this.#context.getWebSockets().length === 0
  }

  get openCount(): number {
    return this.#open().length
  }

  /**
   * Accepts a socket, brings it up to date but for what is hidden, and closes the oldest beyond the limit. What has come
   * since `hidden` was read was judged as it came.
   */
  accept(
    socket: WebSocket,
    { ticket, hidden }: { ticket: SocketTicket; hidden: Hidden },
    store: TimelineStore,
    nowMs: number,
  ): void {
    const open = this.#openOldestFirst()
    if (open.length === 0) this.#forgetWaiting()
    const order = (open.at(-1)?.attachment.order ?? 0) + 1
    this.#context.acceptWebSocket(socket, [ticket.sessionId])
    socket.serializeAttachment({ sessionId: ticket.sessionId, openedAtMs: nowMs, order } satisfies Attachment)
    for (const { socket: oldest } of open.slice(0, Math.max(0, open.length + 1 - MAX_SOCKETS))) {
      close(oldest, CLOSE_TOO_MANY_SOCKETS, 'too many sockets')
    }
    this.#resume(socket, missedSince(ticket, store), hidden, store)
  }

  /** Shows what happened to every open socket, in its order; but notifications of one kind at most once a second. */
  show(shown: readonly Shown[], store: TimelineStore, nowMs: number): void {
    if (this.openCount === 0) return
    for (const one of shown) {
      this.#takeOut(one)
      if (this.#isShownNow(one, nowMs)) this.#send(one, { seq: one.seq, coalesced: 1 }, store)
    }
    this.#awaitDue(store, nowMs)
  }

  /** The timeline was built anew: what clients know of it no longer holds. */
  reset(store: TimelineStore): void {
    this.#forgetWaiting()
    for (const socket of this.#context.getWebSockets()) {
      send(socket, frame('reset', store, store.seq, {}))
      send(socket, frame('ready', store, store.seq, {}))
    }
  }

  end({ sessionId, exceptSessionId }: EndSessions): void {
    const ended = sessionId === null ? this.#context.getWebSockets() : this.#context.getWebSockets(sessionId)
    for (const socket of ended) {
      if (attachmentOf(socket).sessionId !== exceptSessionId) close(socket, CLOSE_SIGNED_OUT, 'signed out')
    }
  }

  /** What waits comes later, to this socket as to the others. */
  #resume(socket: WebSocket, missed: Shown[] | null, hidden: Hidden, store: TimelineStore): void {
    if (missed === null) {
      send(socket, frame('reset', store, this.#resumableAt(store.seq), {}))
    } else {
      const waiting = new Set([...this.#coalescer.waiting()].map(({ seq }) => seq))
      const due = withoutHidden(missed, hidden).filter(({ seq }) => !waiting.has(seq))
      for (const { shown, seq, coalesced } of coalesceMissed(due)) {
        const text = frameOf(shown, { seq: this.#resumableAt(seq), coalesced }, store)
        if (text !== null) send(socket, text)
      }
    }
    send(socket, frame('ready', store, this.#resumableAt(store.seq), {}))
  }

  #isShownNow(shown: Shown, nowMs: number): boolean {
    const kind = kindOf(shown)
    if (isNotification(shown) && kind !== null) return this.#coalescer.offer(kind, shown, nowMs)
    // What waits will say the count.
    return shown.type !== 'count' || this.#coalescer.oldestSeq === Number.POSITIVE_INFINITY
  }

  /** What is withdrawn while it waits is not shown first. */
  #takeOut(shown: Shown): void {
    if (shown.type !== 'told' || shown.telling.type !== 'notifications_withdrawn') return
    const ids = new Set(shown.telling.ids)
    this.#coalescer.drop(({ telling }) => ids.has(telling.notification.id))
  }

  #awaitDue(store: TimelineStore, nowMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    const dueInMs = this.#coalescer.dueInMs(nowMs)
    this.#timer = dueInMs === null ? null : setTimeout(() => this.#showDue(store, Date.now()), dueInMs)
  }

  /** Of each kind that is due the newest stands for all. */
  #showDue(store: TimelineStore, nowMs: number): void {
    for (const waited of this.#coalescer.due(nowMs)) {
      const newest = waited.at(-1)
      if (newest !== undefined) this.#send(newest, { seq: store.seq, coalesced: waited.length }, store)
    }
    this.#awaitDue(store, nowMs)
  }

  /** Nobody is there for what waits, or it is of an older build: whoever resumes finds it, or starts anew. */
  #forgetWaiting(): void {
    this.#coalescer.clear()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #send(shown: Shown, { seq, coalesced }: { seq: number; coalesced: number }, store: TimelineStore): void {
    const text = frameOf(shown, { seq: this.#resumableAt(seq), coalesced }, store)
    if (text === null) return
    for (const socket of this.#context.getWebSockets()) send(socket, text)
  }

  /** The seq that a frame says: a client that resumes from there also gets what waits now. */
  #resumableAt(seq: number): number {
    return Math.min(seq, this.#coalescer.oldestSeq - 1)
  }

  #open(): WebSocket[] {
    return this.#context.getWebSockets().filter((socket) => socket.readyState === OPEN)
  }

  #openOldestFirst(): { socket: WebSocket; attachment: Attachment }[] {
    return this.#open()
      .map((socket) => ({ socket, attachment: attachmentOf(socket) }))
      .sort((a, b) => a.attachment.order - b.attachment.order)
  }
}

/** What a socket that resumes has missed; null when that is no longer known. */
export function missedSince({ since }: SocketTicket, store: TimelineStore): Shown[] | null {
  if (since === null) return []
  const match = /^(\d{1,16})\.(\d{1,16})$/.exec(since)
  if (match === null || Number(match[1]) !== store.epoch) return null
  return store.shownSince(Number(match[2]))
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
