import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TimelineOp, Unread } from '../../src/contracts/timeline.ts'
import type { Shown } from '../../src/durable-objects/timeline/shown.ts'
import type { TimelineStore } from '../../src/durable-objects/timeline/store.ts'
import { inStorage, NOW_MS, type OpenStore, warmed } from './stores.ts'
import { message, messagesRead, notify, read, readUpTo, withdraw } from './tellings.ts'

const RUNS = 1000
const [READER, SENDER] = [1, 2]

/** The truth: notifications by id, each change of which is a version; and what is told of it, by each consumer in its time. */
class Inbox {
  readonly notifications = new Map<number, { isThere: boolean; isRead: boolean; timesTold: number }>()
  messages = 0
  messagesReadUpTo = 0
  #readUpTo = 0
  #version = 0

  get unread(): Unread {
    const all = [...this.notifications]
    const unread = all.filter(([id, { isThere, isRead }]) => isThere && !isRead && id > this.#readUpTo)
    return { count: unread.length, version: this.#version }
  }

  get there(): number[] {
    return [...this.notifications].flatMap(([id, { isThere }]) => (isThere ? [id] : []))
  }

  /** A new one, or what was withdrawn is done again. */
  notify(n: number): TimelineOp {
    const withdrawn = [...this.notifications].filter(([, { isThere }]) => !isThere)
    const again = n % 3 === 0 ? pick(withdrawn, n)?.[0] : undefined
    const id = again ?? this.notifications.size + 1
    const timesTold = (this.notifications.get(id)?.timesTold ?? 0) + 1
    this.notifications.set(id, { isThere: true, isRead: false, timesTold })
    this.#version += 1
    return notify(id, this.unread, { tweet: n % 2 })
  }

  withdraw(n: number): TimelineOp | null {
    const ids = this.there.filter((id) => (id + n) % 4 === 0)
    for (const id of ids) Object.assign(this.notifications.get(id) ?? {}, { isThere: false })
    this.#version += 1
    return ids.length === 0 ? null : withdraw(ids, this.unread)
  }

  read(n: number): TimelineOp | null {
    const id = pick(this.there, n)
    if (id === undefined) return null
    Object.assign(this.notifications.get(id) ?? {}, { isRead: true })
    this.#version += 1
    return read(id, this.unread)
  }

  readAll(n: number): TimelineOp {
    this.#readUpTo = Math.max(this.#readUpTo, n % (this.notifications.size + 1))
    this.#version += 1
    return readUpTo(this.#readUpTo, this.unread)
  }

  /** A consumer takes an old message once more, and reads what holds now. */
  tellAgain(n: number): TimelineOp | null {
    const [id, state] = pick([...this.notifications], n) ?? []
    if (id === undefined || state === undefined) return null
    if (n % 2 === 0) this.#version += 1
    return state.isThere ? notify(id, this.unread) : withdraw([id], this.unread)
  }

  message(): TimelineOp {
    this.messages += 1
    return message(this.messages)
  }

  readMessages(n: number): TimelineOp | null {
    const upToId = n % (this.messages + 1)
    if (upToId === 0) return null
    this.messagesReadUpTo = Math.max(this.messagesReadUpTo, upToId)
    return messagesRead(READER, SENDER, upToId)
  }
}

/** What stands on a screen. */
class Screen {
  readonly shown = new Map<number, number>()
  readonly messages: number[] = []
  messagesReadUpTo = 0
  count = 0
  seq = 0
  #standing = new Set<number>()

  get notifications(): number[] {
    return [...this.#standing].sort((a, b) => a - b)
  }

  show(shown: Shown, unreadCount: number): void {
    expect(shown.seq).toBeGreaterThan(this.seq)
    this.seq = shown.seq
    if (shown.type === 'count') this.count = unreadCount
    if (shown.type !== 'told') return
    const { telling } = shown
    if ('unread' in telling) this.count = unreadCount
    switch (telling.type) {
      case 'notification': {
        const { id } = telling.notification
        expect(JSON.parse(telling.notification.json)).toMatchObject({ id })
        this.shown.set(id, (this.shown.get(id) ?? 0) + 1)
        this.#standing.add(id)
        return
      }
      case 'notifications_withdrawn':
        for (const id of telling.ids) this.#standing.delete(id)
        return
      case 'message':
        this.messages.push(telling.id)
        return
      case 'messages_read':
        this.messagesReadUpTo = Math.max(this.messagesReadUpTo, telling.upToId)
    }
  }
}

class Simulation {
  readonly inbox = new Inbox()
  readonly screen = new Screen()
  readonly #open: OpenStore
  readonly #onTheirWay: { op: TimelineOp; isDone: boolean }[] = []
  #store: TimelineStore
  #isConnected = true

  constructor(open: OpenStore) {
    this.#open = open
    this.#store = warmed(open.reopen())
  }

  change(
    name: 'notify' | 'withdraw' | 'read' | 'readAll' | 'tellAgain' | 'message' | 'readMessages',
    n: number,
  ) {
    const op = this.inbox[name](n)
    if (op !== null) this.#onTheirWay.push({ op, isDone: false })
  }

  /** Something that was told arrives, perhaps once more. */
  arrive(n: number): void {
    const told = pick(this.#onTheirWay, n)
    if (told !== undefined) this.#complete(told)
  }

  evict(): void {
    this.#store = this.#open.reopen()
  }

  /** The connection breaks, or the client resumes. */
  reconnect(): void {
    this.#isConnected = !this.#isConnected
    if (!this.#isConnected) return
    const missed = this.#store.shownSince(this.screen.seq)
    expect(missed).not.toBeNull()
    for (const shown of missed ?? []) this.screen.show(shown, this.#store.unreadCount)
  }

  /** What has not arrived yet does, the newest first. */
  settle(): void {
    for (const told of this.#onTheirWay.toReversed()) if (!told.isDone) this.#complete(told)
    if (!this.#isConnected) this.reconnect()
  }

  #complete(told: { op: TimelineOp; isDone: boolean }): void {
    told.isDone = true
    const effect = this.#store.apply(told.op, NOW_MS)
    if (effect === null || effect.type === 'backfill' || !this.#isConnected) return
    this.screen.show(effect, this.#store.unreadCount)
  }
}

function pick<Item>(items: readonly Item[], n: number): Item | undefined {
  return items[n % Math.max(1, items.length)]
}

const CHANGES = ['notify', 'withdraw', 'read', 'readAll', 'tellAgain', 'message', 'readMessages'] as const
const weighted = {
  notify: 6,
  withdraw: 2,
  read: 2,
  readAll: 1,
  tellAgain: 4,
  message: 1,
  readMessages: 1,
  arrive: 16,
  evict: 1,
  reconnect: 1,
}

const steps = fc.array(
  fc.tuple(
    fc.oneof(
      ...[...CHANGES, 'arrive' as const, 'evict' as const, 'reconnect' as const].map((name) => ({
        weight: weighted[name],
        arbitrary: fc.constant(name),
      })),
    ),
    fc.nat(50),
  ),
  { maxLength: 80, size: 'max' },
)

describe('a screen', () => {
  it('shows each notification that is not withdrawn once, and the right count, whatever comes late, twice or in another order', () =>
    inStorage((open) => {
      fc.assert(
        fc.property(steps, (taken) => {
          const simulation = new Simulation(open)
          for (const [name, n] of taken) {
            if (name === 'arrive' || name === 'evict' || name === 'reconnect') simulation[name](n)
            else simulation.change(name, n)
          }
          simulation.settle()
          const { inbox, screen } = simulation
          expect(screen.notifications).toEqual(inbox.there.toSorted((a, b) => a - b))
          for (const [id, times] of screen.shown) {
            expect(times).toBeLessThanOrEqual(inbox.notifications.get(id)?.timesTold ?? 0)
          }
          expect(screen.count).toBe(inbox.unread.count)
          expect(screen.messages.toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: inbox.messages }, (_, index) => index + 1),
          )
          expect(screen.messagesReadUpTo).toBe(inbox.messagesReadUpTo)
        }),
        { numRuns: RUNS },
      )
    }))
})
