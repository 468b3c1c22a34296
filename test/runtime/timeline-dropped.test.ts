import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KEPT_ENTRIES, type TimelineOp } from '../../src/contracts/timeline.ts'
import type { UserId } from '../../src/domain/ids.ts'
import {
  ANN,
  applyAll,
  BOB,
  BUILT_VERSION,
  cardOf,
  deliver,
  EVE,
  idsIn,
  MAL,
  NOW_MS,
  pulledEntries,
  pulledEntry,
  retweet,
  warmed,
  withStore,
} from './stores.ts'

const V = BUILT_VERSION
type Reason = 'block' | 'blocked_by' | 'mute'

const drop = (userId: UserId, version: number, reason: Reason = 'mute', untilMs: number | null = null) =>
  ({ type: 'drop', userId, reason, untilMs, version }) satisfies TimelineOp
const undrop = (userId: UserId, version: number, reason: Reason = 'mute') =>
  ({ type: 'undrop', userId, reason, version }) satisfies TimelineOp
const follow = (userId: UserId, version: number) => ({ type: 'follow', userId, version }) satisfies TimelineOp
const unfollow = (userId: UserId, version: number) =>
  ({ type: 'unfollow', userId, version }) satisfies TimelineOp
const showRetweets = (userId: UserId, shown: boolean, version: number) =>
  ({ type: 'show_retweets', userId, shown, version }) satisfies TimelineOp

describe('somebody who is dropped', () => {
  it('vanishes at once as author and as retweeter, and comes back with what was kept and what was missed', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [
        deliver(1),
        deliver(2, BOB),
        retweet(3, 2, { by: ANN, author: BOB }),
        drop(ANN, V + 1),
      ])
      expect(idsIn(store)).toEqual([2])
      expect(idsIn(reopen())).toEqual([2])
      const [owed] = applyAll(store, [undrop(ANN, V + 2)])
      expect(owed).toMatchObject({ type: 'backfill', userId: ANN })
      if (owed?.type !== 'backfill') throw new Error('Nothing is owed')
      store.backfill(owed, pulledEntries([9, 1]), KEPT_ENTRIES)
      expect(idsIn(store)).toEqual([9, 3, 1])
      expect(store.unfilled()).toEqual([])
      expect(idsIn(reopen())).toEqual([9, 3, 1])
    }))

  it('is not told to sockets, neither as it comes nor as it is edited, nor to those who resume', () =>
    withStore((store) => {
      applyAll(store, [deliver(1), drop(ANN, V + 1)])
      const effects = applyAll(store, [deliver(2), { type: 'revise', card: cardOf(1, '2.2') }])
      expect(effects).toEqual([null, null])
      expect(store.shownSince(0)).toEqual([])
    }))

  it('is hidden where they are quoted', () =>
    withStore((store) => {
      const body = { authorId: EVE, json: '{}', counts: { likes: 0, retweets: 0, replies: 0, quotes: 0 } }
      const quote = { tweetId: 7, body: body as never }
      applyAll(store, [
        { ...(deliver(1) as Extract<TimelineOp, { type: 'deliver' }>), card: { ...cardOf(1), quote } },
      ])
      const hides = () => store.page({ before: null, top: null, offset: 0, limit: 1 }).entries[0]?.hidesQuote
      expect(hides()).toBe(false)
      applyAll(store, [drop(EVE, V + 1, 'blocked_by')])
      expect(hides()).toBe(true)
      applyAll(store, [undrop(EVE, V + 2, 'blocked_by')])
      expect(hides()).toBe(false)
    }))

  it('for two reasons is dropped until none of them holds', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [deliver(1), drop(ANN, V + 1, 'mute'), drop(ANN, V + 2, 'blocked_by')])
      expect(applyAll(store, [undrop(ANN, V + 3, 'mute')])).toEqual([null])
      expect(idsIn(store)).toEqual([])
      expect(idsIn(reopen())).toEqual([])
      applyAll(store, [undrop(ANN, V + 4, 'blocked_by')])
      expect(idsIn(store)).toEqual([1])
    }))

  it('is seen again when the mute has ended, and what was missed is owed', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [deliver(1), drop(ANN, V + 1, 'mute', NOW_MS + 60_000)])
      store.expireMutes(NOW_MS + 60_000)
      expect(idsIn(store)).toEqual([])
      const again = reopen()
      again.expireMutes(NOW_MS + 62_000)
      expect(idsIn(again)).toEqual([1])
      expect(again.unfilled()).toEqual([expect.objectContaining({ userId: ANN })])
      expect(reopen().unfilled()).toEqual(again.unfilled())
    }))

  it('stays dropped when a mute that ends is made one that stays', () =>
    withStore((store) => {
      applyAll(store, [deliver(1), drop(ANN, V + 1, 'mute', NOW_MS + 60_000), drop(ANN, V + 2)])
      store.expireMutes(NOW_MS + 600_000)
      expect(idsIn(store)).toEqual([])
    }))

  it('is not taken for filled by what was read while they were dropped', () =>
    withStore((store) => {
      const [first] = applyAll(store, [follow(EVE, V + 1)])
      if (first?.type !== 'backfill') throw new Error('Nothing is owed')
      applyAll(store, [drop(EVE, V + 2), undrop(EVE, V + 3)])
      store.backfill(first, pulledEntries([], EVE), KEPT_ENTRIES)
      expect(store.unfilled()).toHaveLength(1)
    }))

  it('was so when the timeline was built, for the reason that the database gives', () =>
    withStore(
      (store) => {
        expect(idsIn(store)).toEqual([1])
        applyAll(store, [deliver(5, MAL), undrop(MAL, V, 'mute'), undrop(MAL, V + 1, 'block')])
        expect(idsIn(store)).toEqual([1])
        applyAll(store, [undrop(MAL, V + 2, 'mute')])
        expect(idsIn(store)).toEqual([5, 1])
      },
      { entries: [pulledEntry(1)] },
    ))

  it('while the timeline is built is dropped when it is', () =>
    withStore((store) => {
      warmed(store, { entries: [pulledEntry(1), pulledEntry(2, BOB)] }, () => store.log([drop(ANN, V + 1)]))
      expect(idsIn(store)).toEqual([2])
    }))
})

describe('a followee whose retweets are not wanted', () => {
  it('is shown without them on the next read, and with them again', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [deliver(1), deliver(2, BOB), retweet(3, 1)])
      expect(idsIn(store)).toEqual([3, 2])
      expect(applyAll(store, [showRetweets(BOB, false, V + 1)])).toEqual([null])
      expect(idsIn(store)).toEqual([2, 1])
      expect(idsIn(reopen())).toEqual([2, 1])
      expect(applyAll(store, [retweet(4, 1)])).toEqual([null])
      const [owed] = applyAll(store, [showRetweets(BOB, true, V + 2)])
      expect(owed).toMatchObject({ type: 'backfill', userId: BOB })
      expect(idsIn(store)).toEqual([4, 2])
    }))

  it('was so when the timeline was built', () =>
    withStore(
      (store) => {
        applyAll(store, [deliver(1), retweet(3, 1)])
        expect(idsIn(store)).toEqual([1])
      },
      { silent: [BOB] },
    ))

  it('is followed anew with them, whichever is heard first', () =>
    withStore((store) => {
      applyAll(store, [showRetweets(BOB, false, V + 1), unfollow(BOB, V + 2), follow(BOB, V + 3)])
      applyAll(store, [showRetweets(BOB, false, V + 1), deliver(1), retweet(3, 1)])
      expect(idsIn(store)).toEqual([3])
      applyAll(store, [showRetweets(EVE, false, V + 9), follow(EVE, V + 8), deliver(4)])
      applyAll(store, [retweet(5, 4, { by: EVE })])
      expect(idsIn(store)).toEqual([4, 3])
    }))
})

it('whatever order and however often they come, changes end as the newest of each kind say', () => {
  const change = fc.record({
    user: fc.constantFrom(ANN, BOB),
    kind: fc.constantFrom('mute', 'block', 'blocked_by', 'retweets', 'follow'),
    on: fc.boolean(),
  })
  const history = fc.array(change, { minLength: 1, maxLength: 12 }).chain((changes) => {
    const ops = changes.map(({ user, kind, on }, n): TimelineOp => {
      const version = V + 1 + n
      if (kind === 'retweets') return showRetweets(user, on, version)
      if (kind === 'follow') return on ? follow(user, version) : unfollow(user, version)
      return on ? drop(user, version, kind) : undrop(user, version, kind)
    })
    return fc.tuple(fc.constant(ops), fc.shuffledSubarray([...ops, ...ops], { minLength: ops.length * 2 }))
  })
  return withStore((store, { reopen }) =>
    fc.assert(
      fc.property(history, ([inOrder, shuffled]) => {
        const seenAfter = (ops: TimelineOp[], open = store) => {
          warmed(open)
          applyAll(open, ops)
          // Everything is owed and delivered after the last word.
          applyAll(open, [
            deliver(1),
            deliver(2, BOB),
            deliver(3),
            retweet(4, 3),
            retweet(5, 2, { by: ANN, author: BOB }),
          ])
          return [idsIn(open), idsIn(reopen())]
        }
        expect(seenAfter(shuffled)).toEqual(seenAfter(inOrder))
      }),
      { numRuns: 60 },
    ),
  )
})
