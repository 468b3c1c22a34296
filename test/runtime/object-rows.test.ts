import { describe, expect, it } from 'vitest'
import { KEPT_CARDS, KEPT_ENTRIES, type PullSet, type TimelineOp } from '../../src/contracts/timeline.ts'
import type { EntryId, TweetId, UserId } from '../../src/domain/ids.ts'
import { TimelineStore } from '../../src/durable-objects/timeline/store.ts'
import {
  ANN,
  BOB,
  cardOf,
  deliver,
  inStorage,
  NOW_MS,
  OWNER,
  pulledEntries,
  range,
  warmed,
} from './stores.ts'
import { message, messagesRead, notify, read, unread, withdraw } from './tellings.ts'

/**
 * What a timeline object is billed for, by operation: the capacity model (docs/capacity.md) is built on these figures, so
 * one that changes here changes the bill.
 */
const FOLLOWEES = 200
/** Entries that are delivered between two trims, and the trim with them. */
const TRIM_CYCLE = 51
const OLDEST = 1_000_000
/** Each entry and each followee once, the newest entries once more for their cards, and what says how to read them. */
const WAKE_READS_MAX = KEPT_ENTRIES + KEPT_CARDS + FOLLOWEES + 14
interface Rows {
  read: number
  written: number
}

interface Metered {
  storage: DurableObjectStorage
  /** The rows that `work` read and wrote. */
  rowsOf(work: () => unknown): Rows
}

/** The storage with a meter on its statements: a cursor knows its rows once it has been read to the end. */
function metered(storage: DurableObjectStorage): Metered {
  let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []
  const sql = new Proxy(storage.sql, {
    get(target, name) {
      if (name !== 'exec') return Reflect.get(target, name)
      return (...statement: Parameters<SqlStorage['exec']>) => {
        const cursor = target.exec(...statement)
        cursors.push(cursor)
        return cursor
      }
    },
  })
  return {
    storage: new Proxy(storage, {
      get(target, name) {
        const value: unknown = name === 'sql' ? sql : Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    }),
    rowsOf(work) {
      cursors = []
      work()
      return {
        read: cursors.reduce((rows, { rowsRead }) => rows + rowsRead, 0),
        written: cursors.reduce((rows, { rowsWritten }) => rows + rowsWritten, 0),
      }
    },
  }
}

const followees = range(1, FOLLOWEES).map((n) => (n + 10) as UserId)
const pulled = { ...pulledEntries(range(OLDEST, OLDEST + KEPT_ENTRIES - 1).reverse()), followees }

/** Runs with a timeline that keeps as much as it may, of a reader of 200 people. */
const withFullStore = (run: (store: TimelineStore, meter: Metered) => void) =>
  inStorage(({ storage }) => {
    const meter = metered(storage)
    run(warmed(new TimelineStore(meter.storage, OWNER), pulled), meter)
  })

const apply = (store: TimelineStore, op: TimelineOp) => () => store.apply(op, NOW_MS)
const takeSet = (store: TimelineStore, authors: UserId[], hash: string) => () =>
  store.takePullSet({ authors, left: [] } satisfies PullSet, { hash, asOfMs: NOW_MS + 1 })
const newer = (n: number) => OLDEST + KEPT_ENTRIES + n

function deliverOfSize(id: number, bytes: number): TimelineOp {
  const entry = { id: id as EntryId, tweetId: id as TweetId, authorId: ANN, retweeterId: null }
  const card = { ...cardOf(id), json: JSON.stringify({ text: 'x'.repeat(bytes) }) }
  return { type: 'deliver', entry, card, retweeter: null, acted: null }
}

describe('rows of a timeline object', () => {
  it('written by a delivery are one, and one more for the entry that it drives out', () =>
    withFullStore((store, { rowsOf }) => {
      expect(rowsOf(apply(store, deliver(newer(0)))).written).toBe(1)
      const cycle = range(1, TRIM_CYCLE).map((n) => rowsOf(apply(store, deliver(newer(n)))).written)
      expect(cycle.reduce((sum, written) => sum + written, 0)).toBeLessThanOrEqual(2 * TRIM_CYCLE + 2)
    }))

  it('written by a repeated delivery are none', () =>
    withFullStore((store, { rowsOf }) => {
      store.apply(deliver(newer(0)), NOW_MS)
      expect(rowsOf(apply(store, deliver(newer(0)))).written).toBe(0)
    }))

  it('read to wake are those of all that it keeps, whatever it is woken for', () =>
    withFullStore((_store, { storage, rowsOf }) => {
      const { read, written } = rowsOf(() => new TimelineStore(storage, OWNER))
      expect(written).toBe(0)
      expect(read).toBeGreaterThanOrEqual(KEPT_ENTRIES + FOLLOWEES)
      expect(read).toBeLessThan(WAKE_READS_MAX)
    }))

  it('read and written by a page of a warm timeline are none', () =>
    withFullStore((store, { rowsOf }) => {
      for (let n = 0; n < 20; n++) store.apply(deliver(newer(n)), NOW_MS)
      const page = { before: null, top: null, offset: 0, limit: 20 }
      expect(rowsOf(() => store.page(page))).toEqual({ read: 0, written: 0 })
    }))

  it('written by a like of the owner are one; by a first read of the day one', () =>
    withFullStore((store, { rowsOf }) => {
      const acted = { tweetId: OLDEST as TweetId, flags: 1, version: 1 }
      expect(rowsOf(apply(store, { type: 'flags', acted })).written).toBe(1)
      expect(rowsOf(() => store.noteRead(NOW_MS)).written).toBe(1)
    }))

  it('written by a follow are one, and one fact where a set of pulled authors is known', () =>
    withFullStore((store, { rowsOf }) => {
      const follow = (userId: number) =>
        apply(store, { type: 'follow', userId: userId as UserId, version: 11 })
      takeSet(store, [], '')()
      expect(rowsOf(follow(900)).written).toBe(1)
      takeSet(store, [ANN], 'a set')()
      expect(rowsOf(follow(901)).written).toBe(2)
    }))

  it('written by a set of pulled authors are one fact, by a move of the marker one and the state', () =>
    withFullStore((store, { rowsOf }) => {
      expect(rowsOf(takeSet(store, [ANN], 'a set')).written).toBe(1)
      expect(rowsOf(takeSet(store, [ANN, BOB], 'another')).written).toBe(1)
      expect(rowsOf(() => store.moveMarker(OLDEST, NOW_MS)).written).toBe(2)
      expect(rowsOf(() => store.moveMarker(newer(1), NOW_MS)).written).toBe(2)
    }))

  it('written by what is told live are one each, and one more for what it drives out', () =>
    withFullStore((store, { rowsOf }) => {
      const ops = [
        notify(1),
        message(1),
        messagesRead(1, 2, 1),
        read(1, unread(0, 2)),
        withdraw(range(1, 100), unread(0, 3)),
      ]
      expect(ops.map((op) => rowsOf(apply(store, op)).written)).toEqual(ops.map(() => 1))
      expect(ops.map((op) => rowsOf(apply(store, op)).written)).toEqual(ops.map(() => 0))
      for (const id of range(101, 346)) store.apply(notify(id), NOW_MS)
      const cycle = range(347, 346 + TRIM_CYCLE).map((id) => rowsOf(apply(store, notify(id))).written)
      expect(cycle.reduce((sum, written) => sum + written, 0)).toBeLessThanOrEqual(2 * TRIM_CYCLE + 2)
    }))

  it('read to wake are one more for each telling that is kept, of which there are 250 at most', () =>
    withFullStore((store, { storage, rowsOf }) => {
      for (const id of range(1, 450)) store.apply(notify(id), NOW_MS)
      const { read } = rowsOf(() => new TimelineStore(storage, OWNER))
      expect(read).toBeGreaterThanOrEqual(KEPT_ENTRIES + FOLLOWEES + 200)
      expect(read).toBeLessThan(WAKE_READS_MAX + 250)
    }))

  it('written by a cold build are an entry and a followee each', () =>
    inStorage(({ storage }) => {
      const { storage: counted, rowsOf } = metered(storage)
      const store = new TimelineStore(counted, OWNER)
      const { written } = rowsOf(() => warmed(store, pulled))
      expect(written - KEPT_ENTRIES - FOLLOWEES).toBeLessThan(10)
    }))

  it('of a full timeline, with cards of 700 bytes, take less than a megabyte', () =>
    withFullStore((store, { storage }) => {
      for (let n = 0; n < KEPT_ENTRIES + TRIM_CYCLE; n++) store.apply(deliverOfSize(newer(n), 700), NOW_MS)
      expect(storage.sql.databaseSize).toBeLessThan(1_000_000)
    }))
})
