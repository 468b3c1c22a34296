import { describe, expect, it } from 'vitest'
import { KEPT_ENTRIES, type TimelineOp } from '../../src/contracts/timeline.ts'
import type { EntryId } from '../../src/domain/ids.ts'
import {
  ANN,
  applyAll,
  BOB,
  BUILT_VERSION,
  deliver,
  EVE,
  idsIn,
  MAL,
  NOW_MS,
  OWNER,
  pulledEntry,
  range,
  retract,
  warmed,
  withStore,
} from './stores.ts'

const DAY_MS = 86_400_000
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
      again.backfill(owed, [pulledEntry(9, EVE)], KEPT_ENTRIES)
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
      store.backfill(earlier, [pulledEntry(7, EVE)], KEPT_ENTRIES)
      expect(store.unfilled()).toEqual([later])
      store.backfill(later, [pulledEntry(8, EVE), pulledEntry(7, EVE)], KEPT_ENTRIES)
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
      expect(store.page({ before: null, offset: 0, limit: 1 })).toMatchObject({ kept: 850, floor: 0 })
      applyAll(store, [deliver(851)])
      for (const trimmed of [store, reopen()]) {
        expect(trimmed.page({ before: null, offset: 0, limit: 1 })).toMatchObject({ kept: 800, floor: 52 })
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
      const read = range(2001, 2800)
        .reverse()
        .map((id) => pulledEntry(id, EVE))
      store.backfill({ type: 'backfill', userId: EVE, version: BUILT_VERSION + 1 }, read, KEPT_ENTRIES)
      // 1 is gone: between it and 2001 the author's older tweets would be missing.
      expect(idsIn(store)).toEqual([5000, ...range(2001, 2800).reverse()])
      expect(store.page({ before: null, offset: 0, limit: 1 }).floor).toBe(2001)
    }))

  it('pages by entry and by offset, and says whether there is more', () =>
    withStore((store) => {
      applyAll(
        store,
        range(1, 10).map((id) => deliver(id * 10)),
      )
      const idsOf = (page: ReturnType<typeof store.page>) => page.entries.map(({ id }) => id)
      const after = store.page({ before: 85 as EntryId, offset: 0, limit: 3 })
      expect([idsOf(after), after.hasMore]).toEqual([[80, 70, 60], true])
      const last = store.page({ before: null, offset: 8, limit: 3 })
      expect([idsOf(last), last.hasMore]).toEqual([[20, 10], false])
    }))
})

describe('tombstones', () => {
  it('are kept for a week, and forgotten in bulk: whoever has not seen them starts anew', () =>
    withStore((store, { reopen }) => {
      const oldMs = NOW_MS - 8 * DAY_MS
      for (const id of range(1, 1000)) store.apply(retract(id), oldMs)
      for (const id of range(1001, 1049)) store.apply(retract(id), NOW_MS)
      applyAll(store, [deliver(1)])
      expect(idsIn(store)).toEqual([])
      expect(store.shownSince(0)).toHaveLength(1049)
      applyAll(store, [retract(1050), deliver(1), deliver(1001)])
      for (const each of [store, reopen()]) {
        expect(idsIn(each)).toEqual([1])
        expect(each.seq).toBe(1051)
        expect(each.shownSince(999)).toBeNull()
        expect(each.shownSince(1000)).toHaveLength(51)
      }
    }))
})
