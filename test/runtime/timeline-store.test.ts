import { describe, expect, it } from 'vitest'
import { KEPT_CARDS, KEPT_ENTRIES, type TimelineOp } from '../../src/contracts/timeline.ts'
import type { EntryId } from '../../src/domain/ids.ts'
import { MIGRATIONS, migrate } from '../../src/durable-objects/timeline/migrations.ts'
import {
  ANN,
  applyAll,
  BOB,
  BUILT_VERSION,
  cardOf,
  deliver,
  EVE,
  idsIn,
  inStorage,
  MAL,
  NOW_MS,
  OWNER,
  pulledEntries,
  pulledEntry,
  range,
  retract,
  viewOf,
  warmed,
  withStore,
} from './stores.ts'

const NEWEST_FIRST = [5, 4, 3, 2, 1]

const follow = (userId: typeof ANN, version: number): TimelineOp => ({ type: 'follow', userId, version })
const unfollow = (userId: typeof ANN, version: number): TimelineOp => ({ type: 'unfollow', userId, version })

describe('deliveries', () => {
  const orders = {
    'in order': [1, 2, 3, 4, 5],
    reversed: [5, 4, 3, 2, 1],
    shuffled: [3, 1, 5, 2, 4],
    twice: [1, 2, 1, 3, 4, 3, 5, 5, 2],
  }
  for (const [name, order] of Object.entries(orders)) {
    it(`end in the same timeline when they come ${name}`, () =>
      withStore((store, { reopen }) => {
        applyAll(
          store,
          order.map((id) => deliver(id)),
        )
        expect(idsIn(store)).toEqual(NEWEST_FIRST)
        expect(idsIn(reopen())).toEqual(NEWEST_FIRST)
        expect(store.seq).toBe(5)
      }))
  }

  it('are taken from oneself and from whom one follows, and from nobody else', () =>
    withStore((store) => {
      applyAll(store, [deliver(1, OWNER), deliver(2, ANN), deliver(3, EVE), deliver(4, MAL)])
      expect(idsIn(store)).toEqual([2, 1])
      expect(store.seq).toBe(2)
    }))

  it('stay away once the tweet is taken back, whichever comes first', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [retract(1), deliver(1), deliver(2), retract(2), deliver(2), retract(2)])
      expect(idsIn(store)).toEqual([])
      const again = reopen()
      applyAll(again, [deliver(1), deliver(2)])
      expect(idsIn(again)).toEqual([])
      expect(again.seq).toBe(3)
    }))
})

describe('the graph', () => {
  it('obeys the newest version: an unfollow that overtakes its older follow wins', () =>
    withStore((store) => {
      const effects = applyAll(store, [
        unfollow(EVE, BUILT_VERSION + 2),
        follow(EVE, BUILT_VERSION + 1),
        deliver(1, EVE),
      ])
      expect(effects).toEqual([null, null, null])
      expect(store.unfilled()).toEqual([])
    }))

  it('obeys nothing that the build has seen already', () =>
    withStore((store) => {
      applyAll(store, [deliver(1), unfollow(ANN, BUILT_VERSION), follow(EVE, BUILT_VERSION - 1)])
      expect(idsIn(store)).toEqual([1])
      expect(store.unfilled()).toEqual([])
    }))

  it('takes an unfollowed author’s entries away, and keeps the seq of their frames', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [deliver(1), deliver(2, BOB), deliver(3), unfollow(ANN, BUILT_VERSION + 1), deliver(4)])
      expect(idsIn(store)).toEqual([2])
      expect(reopen().seq).toBe(3)
    }))

  it('owes a backfill until it has come, over an eviction too', () =>
    withStore((store, { reopen }) => {
      const owed = { type: 'backfill', userId: EVE, version: BUILT_VERSION + 1 } as const
      expect(applyAll(store, [follow(EVE, BUILT_VERSION + 1)])).toEqual([owed])
      expect(applyAll(store, [follow(EVE, BUILT_VERSION + 1)])).toEqual([owed])
      const again = reopen()
      expect(again.unfilled()).toEqual([owed])
      again.backfill(owed, pulledEntries([9], EVE), KEPT_ENTRIES)
      expect(applyAll(again, [follow(EVE, BUILT_VERSION + 1)])).toEqual([null])
      expect(idsIn(again)).toEqual([9])
    }))

  it('does not take the backfill of an earlier follow for that of a later one', () =>
    withStore((store) => {
      const earlier = { type: 'backfill', userId: EVE, version: BUILT_VERSION + 1 } as const
      const later = { type: 'backfill', userId: EVE, version: BUILT_VERSION + 3 } as const
      applyAll(store, [
        follow(EVE, earlier.version),
        unfollow(EVE, BUILT_VERSION + 2),
        // Published after the earlier backfill was read, and delivered while the author was not followed.
        deliver(8, EVE),
        follow(EVE, later.version),
      ])
      store.backfill(earlier, pulledEntries([7], EVE), KEPT_ENTRIES)
      expect(store.unfilled()).toEqual([later])
      store.backfill(later, pulledEntries([8, 7], EVE), KEPT_ENTRIES)
      expect(idsIn(store)).toEqual([8, 7])
    }))
})

describe('what is kept', () => {
  it('is trimmed to 800 entries past 850, and nothing below the floor is taken in', () =>
    withStore((store, { reopen }) => {
      applyAll(
        store,
        range(1, 850).map((id) => deliver(id)),
      )
      expect(store.page({ before: null, top: null, offset: 0, limit: 1 })).toMatchObject({ floor: 0 })
      applyAll(store, [deliver(851)])
      for (const trimmed of [store, reopen()]) {
        expect(trimmed.page({ before: null, top: null, offset: 0, limit: 1 })).toMatchObject({ floor: 52 })
        expect(applyAll(trimmed, [deliver(51), deliver(52)])).toEqual([null, null])
        expect(idsIn(trimmed)).toEqual(range(52, 851).reverse())
      }
    }))

  it('reaches down to the oldest of a full pull, and to the beginning of a short one', () =>
    withStore((store) => {
      const full = range(101, 900).reverse()
      warmed(store, { entries: full.map((id) => pulledEntry(id)) })
      applyAll(store, [deliver(100)])
      expect(idsIn(store)).toEqual(full)
      warmed(store, { entries: [pulledEntry(101)] })
      applyAll(store, [deliver(100)])
      expect(idsIn(store)).toEqual([101, 100])
    }))

  it('ends where a backfill that is longer than what is kept ends', () =>
    withStore((store) => {
      applyAll(store, [deliver(1), deliver(5000), follow(EVE, BUILT_VERSION + 1)])
      const read = pulledEntries(range(2001, 2800).reverse(), EVE)
      store.backfill({ type: 'backfill', userId: EVE, version: BUILT_VERSION + 1 }, read, KEPT_ENTRIES)
      // 1 is gone: between it and 2001 the author's older tweets would be missing.
      expect(idsIn(store)).toEqual([5000, ...range(2001, 2800).reverse()])
      expect(store.page({ before: null, top: null, offset: 0, limit: 1 }).floor).toBe(2001)
    }))

  it('pages by entry and by offset, and says whether there is more', () =>
    withStore((store) => {
      applyAll(
        store,
        range(1, 10).map((id) => deliver(id * 10)),
      )
      const idsOf = (page: ReturnType<typeof store.page>) => page.entries.map(({ id }) => id)
      const after = store.page({ before: 85 as EntryId, top: null, offset: 0, limit: 3 })
      expect([idsOf(after), after.reached]).toEqual([[80, 70, 60], 60])
      const last = store.page({ before: null, top: null, offset: 8, limit: 3 })
      expect([idsOf(last), last.reached]).toEqual([[20, 10], 0])
    }))
})

describe('cards', () => {
  const all = range(1, 400)
  const delivered = all.map((id) => deliver(id))
  const cardIdsIn = (store: Parameters<typeof viewOf>[0]) =>
    viewOf(store).page.entries.map(({ card }) => card?.tweetId)

  it('are served of the newest from memory and of the others from storage', () =>
    withStore((store, { storage, reopen }) => {
      applyAll(store, [...delivered.slice(200), ...delivered.slice(0, 200).toReversed()])
      expect(cardIdsIn(store)).toEqual(all.toReversed())
      // What is no longer in storage was never only there.
      const again = reopen()
      for (const each of [store, again]) {
        storage.sql.exec('update entries set card = null')
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
      const pulled = {
        entries: [],
        followees: [],
        graph_version: 0,
        silent: [],
        dropped: [],
        acted: [],
        version: 0,
        marker: null,
        muted_words: [],
        hides_sensitive: true,
      }
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

  it('have a timeline of before retweets built anew, in a later epoch', () =>
    inStorage(({ storage, reopen }) => {
      migrate(storage, MIGRATIONS.slice(0, 1))
      storage.sql.exec(`insert into state values (1, 'warm', 1, 7, 1, 10, 0, 3, 0, 0)`)
      storage.sql.exec(`insert into entries values (5, 5, 11, null, 0, 3, '1.1', '{}', '{"id":5}')`)
      storage.sql.exec(`insert into tombstones values (4, 2, 0)`)
      const store = reopen()
      expect([store.phase, store.epoch]).toEqual(['cold', 7])
      warmed(store, { entries: [pulledEntry(5)] })
      expect(idsIn(reopen())).toEqual([5])
    }))

  it('that have landed are never edited: a new one goes to the end', async () => {
    const digests = await Promise.all(MIGRATIONS.map(digestOf))
    expect(digests).toEqual([
      'cf47c7dd8b624f2b',
      '25786f95a12856fa',
      'c3f42829a735bdf6',
      '88d565752eb29071',
      '8ad5ce062183dce6',
    ])
  })
})

async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest, 0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
