import { evictDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { unpackPage } from '../../src/contracts/packed-page.ts'
import type { TimelineOp } from '../../src/contracts/timeline.ts'
import { newUserId } from '../../src/domain/ids.ts'
import {
  ANN,
  applyAll,
  BUILT_VERSION,
  deliver,
  idsIn,
  NOW_MS,
  range,
  retract,
  warmObject,
  withStore,
} from './stores.ts'

const unfollow = (userId: typeof ANN, version: number): TimelineOp => ({ type: 'unfollow', userId, version })

const DAY_MS = 86_400_000

describe('deletions', () => {
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
      expect(after.ok && unpackPage(after.page).entries.map(({ id }) => id)).toEqual(expected)
    }
  })
})
