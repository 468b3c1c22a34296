import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KEPT_ENTRIES, type TimelineOp } from '../../src/contracts/timeline.ts'
import type { PulledTimeline } from '../../src/db/statements/home-timeline.ts'
import type { UserId } from '../../src/domain/ids.ts'
import type { Backfill } from '../../src/durable-objects/timeline/followees.ts'
import type { TimelineStore } from '../../src/durable-objects/timeline/store.ts'
import {
  ANN,
  BOB,
  deliver,
  EVE,
  idsIn,
  inStorage,
  NOW_MS,
  type OpenStore,
  pulledEntries,
  pulledEntry,
  retract,
} from './stores.ts'

const AUTHORS: readonly UserId[] = [ANN, BOB, EVE]
const RUNS = 400

/** An outbox row. Its plan, made when a consumer takes it, tells what it means for the owner's timeline. */
interface Message {
  plan(): TimelineOp | null
  isDone: boolean
}

/** A call of a consumer, on its way. */
interface Call {
  op: TimelineOp
  isDone: boolean
}

/**
 * One timeline and all that happens around it, step by step: commits to the database, plans of consumers, calls that
 * arrive late, twice or in another order, reads that take their time, evictions, and builds.
 */
class Simulation {
  readonly #open: OpenStore
  #store: TimelineStore
  // The database.
  readonly #tweets = new Map<number, { author: UserId; deleted: boolean }>()
  readonly #following = new Set<UserId>()
  #version = 0
  #warm = false
  // On their way.
  readonly #messages: Message[] = []
  #calls: Call[] = []
  #reads: { owed: Backfill; found: number[] }[] = []
  #stage: 'none' | 'logging' | 'committed' | 'pulled' = 'none'
  #pulled: PulledTimeline | null = null

  constructor(open: OpenStore) {
    this.#open = open
    this.#store = open.reopen()
    this.#store.goCold()
  }

  post(n: number): void {
    const author = AUTHORS[n % AUTHORS.length] ?? ANN
    const id = (n + 1) * 1000 + this.#tweets.size
    this.#tweets.set(id, { author, deleted: false })
    this.#owe(() => (this.#following.has(author) && this.#isThere(id) ? deliver(id, author) : null))
  }

  remove(n: number): void {
    const [id, tweet] = pick([...this.#tweets], n) ?? []
    if (id === undefined || tweet === undefined || tweet.deleted) return
    tweet.deleted = true
    this.#owe(() => retract(id))
  }

  follow(n: number): void {
    const userId = AUTHORS[n % AUTHORS.length] ?? ANN
    const following = !this.#following.delete(userId)
    if (following) this.#following.add(userId)
    this.#version += 1
    const op: TimelineOp = { type: following ? 'follow' : 'unfollow', userId, version: this.#version }
    this.#owe(() => op)
    // The actor's own request tells the timeline, too, unless that fails.
    if (n % 2 === 0) this.#arrive(op)
  }

  /** A consumer takes a message, perhaps once more: it calls only timelines that are warm. */
  plan(n: number): void {
    const message = pick(this.#messages, n)
    if (message !== undefined) this.#take(message)
  }

  /** A call arrives, perhaps once more. */
  call(n: number): void {
    const call = pick(this.#calls, n)
    if (call !== undefined) this.#complete(call)
  }

  /** A backfill that was read some time ago comes back. */
  read(n: number): void {
    const done = pick(this.#reads, n)
    if (done === undefined) return
    this.#reads = this.#reads.filter((other) => other !== done)
    this.#store.backfill(done.owed, pulledEntries(done.found, done.owed.userId), KEPT_ENTRIES)
  }

  /** The next step of a build; from a warm timeline the first of another. */
  build(): void {
    switch (this.#stage) {
      case 'none':
        this.#store.beginBuild()
        // No call outlasts a build. If one did, freshening would take a deleted tweet off the page.
        this.#calls = this.#calls.filter(({ op }) => op.type !== 'deliver' || this.#isThere(op.entry.id))
        this.#reads = []
        this.#stage = 'logging'
        return
      case 'logging':
        this.#warm = true
        this.#stage = 'committed'
        return
      case 'committed':
        this.#pulled = this.#pull()
        this.#stage = 'pulled'
        return
      case 'pulled':
        if (this.#pulled !== null) this.#store.finishBuild(this.#pulled, { databaseEpoch: 1, nowMs: NOW_MS })
        for (const owed of this.#store.unfilled()) this.#startRead(owed)
        this.#stage = 'none'
    }
  }

  /** What was in memory is gone: reads and a build under way, too. */
  evict(): void {
    this.#store = this.#open.reopen()
    this.#reads = []
    this.#stage = 'none'
  }

  /** What is owed and not done yet is done, the newest first, and somebody reads. */
  settle(): void {
    for (const message of this.#messages.toReversed()) if (!message.isDone) this.#take(message)
    for (const call of this.#calls.toReversed()) if (!call.isDone) this.#complete(call)
    while (this.#store.phase !== 'warm' || this.#stage !== 'none') this.build()
    for (const owed of this.#store.unfilled()) this.#startRead(owed)
    while (this.#reads.length > 0) this.read(0)
  }

  get kept(): number[] {
    return idsIn(this.#store)
  }

  get expected(): number[] {
    return [...this.#following].flatMap((author) => this.#tweetsOf(author)).sort((a, b) => b - a)
  }

  #owe(plan: Message['plan']): void {
    this.#messages.push({ plan, isDone: false })
  }

  #take(message: Message): void {
    const op = this.#warm ? message.plan() : null
    if (op !== null) this.#calls.push({ op, isDone: false })
    message.isDone = true
  }

  #complete(call: Call): void {
    call.isDone = true
    this.#arrive(call.op)
  }

  #arrive(op: TimelineOp): void {
    if (this.#store.phase === 'building') this.#store.log([op])
    if (this.#store.phase !== 'warm') return
    const effect = this.#store.apply(op, NOW_MS)
    if (effect?.type === 'backfill') this.#startRead(effect)
  }

  #startRead(owed: Backfill): void {
    this.#reads.push({ owed, found: this.#tweetsOf(owed.userId) })
  }

  #pull(): PulledTimeline {
    return {
      entries: [...this.#following]
        .flatMap((author) => this.#tweetsOf(author).map((id) => pulledEntry(id, author)))
        .sort((a, b) => b.id - a.id),
      followees: [...this.#following],
      graph_version: this.#version,
      silent: [],
      dropped: [],
      acted: [],
      version: 0,
      marker: null,
      muted_words: [],
      hides_sensitive: true,
    }
  }

  #tweetsOf(author: UserId): number[] {
    return [...this.#tweets]
      .flatMap(([id, tweet]) => (tweet.author === author && !tweet.deleted ? [id] : []))
      .sort((a, b) => b - a)
  }

  #isThere(id: number): boolean {
    return this.#tweets.get(id)?.deleted === false
  }
}

function pick<Item>(items: readonly Item[], n: number): Item | undefined {
  return items[n % Math.max(1, items.length)]
}

const STEPS = ['post', 'remove', 'follow', 'plan', 'call', 'read', 'build', 'evict'] as const

const step = (weights: Partial<Record<(typeof STEPS)[number], number>>) =>
  fc.tuple(
    fc.oneof(...STEPS.map((name) => ({ weight: weights[name] ?? 0, arbitrary: fc.constant(name) }))),
    fc.nat(50),
  )

function run(open: OpenStore, steps: readonly (readonly [(typeof STEPS)[number], number])[], warm: boolean) {
  const simulation = new Simulation(open)
  if (warm) for (let stage = 0; stage < 4; stage++) simulation.build()
  for (const [name, n] of steps) simulation[name](n)
  simulation.settle()
  return simulation
}

describe('a timeline', () => {
  it('shows each followed author’s tweets exactly once, whatever comes late, twice or in another order', () =>
    inStorage((open) => {
      const steps = fc.array(step({ post: 4, remove: 2, follow: 4, plan: 6, call: 8, read: 4, evict: 1 }), {
        maxLength: 80,
        size: 'max',
      })
      fc.assert(
        fc.property(steps, (taken) => {
          const { kept, expected } = run(open, taken, true)
          expect(kept).toEqual(expected)
        }),
        { numRuns: RUNS },
      )
    }))

  it('loses nothing that happens while it is built, however often that starts anew', () =>
    inStorage((open) => {
      const steps = fc.array(
        step({ post: 4, remove: 2, follow: 3, plan: 8, call: 8, read: 3, build: 8, evict: 1 }),
        { maxLength: 100, size: 'max' },
      )
      fc.assert(
        fc.property(steps, (taken) => {
          const { kept, expected } = run(open, taken, false)
          expect(kept).toEqual(expected)
        }),
        { numRuns: RUNS },
      )
    }))
})
