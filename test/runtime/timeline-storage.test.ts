import { evictDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { KEPT_CARDS, type TimelineOp } from '../../src/contracts/timeline.ts'
import { newUserId } from '../../src/domain/ids.ts'
import { MIGRATIONS, migrate } from '../../src/durable-objects/timeline/migrations.ts'
import {
  ANN,
  applyAll,
  BUILT_VERSION,
  cardOf,
  deliver,
  inStorage,
  NOW_MS,
  pulledEntry,
  range,
  retract,
  viewOf,
  warmed,
  warmObject,
  withStore,
} from './stores.ts'

const unfollow = (userId: typeof ANN, version: number): TimelineOp => ({ type: 'unfollow', userId, version })

describe('cards', () => {
  const all = range(1, 400)
  const delivered = all.map((id) => deliver(id))
  const cardIdsIn = (store: Parameters<typeof viewOf>[0]) =>
    viewOf(store).page.entries.map(({ card }) => card?.tweetId)

  it('are served of the newest from memory and of the others from storage', () =>
    withStore((store, { storage, reopen }) => {
      applyAll(store, [...delivered.slice(200), ...delivered.slice(0, 200)])
      expect(cardIdsIn(store)).toEqual(all.toReversed())
      // What is no longer in storage was never only there.
      const again = reopen()
      for (const each of [store, again]) {
        storage.sql.exec('update entries set card = null, revision = null')
        const inMemory = cardIdsIn(each).filter((id) => id !== undefined)
        expect(inMemory).toEqual(range(201, 400).reverse())
      }
      expect(KEPT_CARDS).toBe(200)
    }))

  it('are all still there when entries move up among the newest, or arrive late among the oldest', () =>
    withStore((store, { reopen }) => {
      applyAll(store, delivered.toReversed())
      applyAll(
        store,
        range(301, 400).map((id) => retract(id)),
      )
      for (const each of [store, reopen()]) expect(cardIdsIn(each)).toEqual(range(1, 300).reverse())
    }))

  it('travel in the frames of late arrivals and of long batches', () =>
    withStore((store) => {
      const effects = [...applyAll(store, delivered.slice(100)), ...applyAll(store, delivered.slice(0, 100))]
      const shown = effects.map((effect) => (effect?.type === 'shown' ? effect.entry.card?.tweetId : null))
      expect(shown).toEqual([...range(101, 400), ...range(1, 100)])
    }))

  it('that a page lacked are kept', () =>
    withStore(
      (store, { reopen }) => {
        const entries = () => viewOf(store).page.entries
        expect(entries()[0]?.card).toBeNull()
        store.keepCards([cardOf(3, '2.1'), cardOf(999)])
        expect(entries().map(({ card }) => card?.revision)).toEqual(['2.1', undefined])
        expect(viewOf(reopen())).toEqual(viewOf(store))
      },
      { entries: [pulledEntry(3), pulledEntry(2)] },
    ))
})

describe('builds', () => {
  it('are given up when too much arrives meanwhile', () =>
    inStorage(({ reopen }) => {
      const store = reopen()
      store.beginBuild()
      store.log(range(1, 2000).map((id) => deliver(id)))
      expect(store.phase).toBe('building')
      store.log([deliver(2001)])
      expect(store.phase).toBe('cold')
      const pulled = { entries: [], acted: [], version: 0, followees: [], graph_version: 0, dropped: [] }
      expect(store.finishBuild(pulled, { databaseEpoch: 1, nowMs: NOW_MS })).toBe(false)
    }))

  it('forget what an earlier build left, its log included', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [deliver(1), retract(2)])
      store.beginBuild()
      store.log([deliver(3)])
      const evicted = reopen()
      expect(evicted.phase).toBe('building')
      warmed(evicted)
      expect(viewOf(evicted)).toMatchObject({ page: { entries: [], floor: 0 }, seq: 0, shown: [] })
    }))
})

describe('migrations', () => {
  const columns = (storage: DurableObjectStorage) =>
    storage.sql
      .exec<{ name: string }>(`select name from pragma_table_info('later')`)
      .toArray()
      .map(({ name }) => name)

  it('run once, those that are new, in order', () =>
    inStorage(({ storage }) => {
      const first = 'create table later (a integer)'
      const second = 'alter table later add column b integer'
      migrate(storage, [first])
      migrate(storage, [first])
      expect(columns(storage)).toEqual(['a'])
      migrate(storage, [first, second])
      migrate(storage, [first, second])
      expect(columns(storage)).toEqual(['a', 'b'])
    }))

  it('leave nothing of a step that fails', () =>
    inStorage(({ storage }) => {
      expect(() => migrate(storage, ['create table later (a integer); nonsense'])).toThrow()
      expect(columns(storage)).toEqual([])
      migrate(storage, ['create table later (a integer)'])
      expect(columns(storage)).toEqual(['a'])
    }))

  it('that have landed are never edited: a new one goes to the end', async () => {
    const digests = await Promise.all(MIGRATIONS.map(digestOf))
    expect(digests).toEqual(['cf47c7dd8b624f2b'])
  })
})

describe('an object', () => {
  it('shows the same after each eviction', async () => {
    const [owner, author] = [newUserId(Date.now(), Math.random), ANN]
    const stub = env.TIMELINES.getByName(String(owner))
    await warmObject(stub, owner, { dropped: [] })
    const page = () => stub.page({ limit: 10, before: null, top: null, offset: 0 })
    const steps: [TimelineOp, number[]][] = [
      [deliver(2, author), [2]],
      [deliver(1, author), [2, 1]],
      [deliver(2, author), [2, 1]],
      [retract(2), [1]],
      [deliver(2, author), [1]],
      [unfollow(author, BUILT_VERSION + 1), []],
      [deliver(3, author), []],
    ]
    for (const [op, expected] of steps) {
      await stub.apply([op])
      const before = await page()
      await evictDurableObject(stub)
      const after = await page()
      expect(after).toEqual(before)
      expect(after.ok && after.page.entries.map(({ id }) => id)).toEqual(expected)
    }
  })
})

async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest, 0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
