import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PageEntry, TimelineOp } from '../../src/contracts/timeline.ts'
import type { EntryId, UserId } from '../../src/domain/ids.ts'
import type { TimelineStore } from '../../src/durable-objects/timeline/store.ts'
import {
  ANN,
  applyAll,
  BOB,
  BUILT_VERSION,
  deliver,
  EVE,
  idsIn,
  inStorage,
  MAL,
  OWNER,
  pulledEntry,
  pulledRetweet,
  range,
  retract,
  retweet,
  undo,
  userCardOf,
  viewOf,
  warmed,
  withStore,
} from './stores.ts'

/** The tweets on a timeline and through whom each is shown, newest first. */
function linesIn(store: TimelineStore): [tweet: number, by: number | null][] {
  return viewOf(store).page.entries.map(({ tweetId, retweeter }) => [tweetId, retweeter?.id ?? null])
}

const top = (store: TimelineStore) =>
  store.page({ before: null, top: null, offset: 0, limit: 1 }).top as EntryId

describe('a tweet that several followees retweet', () => {
  const spread = [deliver(1), deliver(2), retweet(10, 1), retweet(20, 1, { by: ANN })]

  it('stands once, at its newest retweet, however the deliveries come', () =>
    inStorage(({ reopen }) => {
      for (const order of [spread, spread.toReversed(), [...spread, ...spread]]) {
        const store = warmed(reopen())
        applyAll(store, order)
        for (const each of [store, reopen()]) {
          expect(linesIn(each)).toEqual([
            [1, ANN],
            [2, null],
          ])
        }
        expect(store.seq).toBe(4)
      }
    }))

  it('goes back to the retweet before when the newest is undone, and at last to where it was posted', () =>
    withStore((store, { reopen }) => {
      applyAll(store, spread)
      const standsAt = (op: TimelineOp) => {
        applyAll(store, [op, op])
        expect(linesIn(reopen())).toEqual(linesIn(store))
        return idsIn(store)
      }
      expect(standsAt(undo(20))).toEqual([10, 2])
      expect(standsAt(undo(10))).toEqual([2, 1])
      expect(linesIn(store)).toEqual([
        [2, null],
        [1, null],
      ])
    }))

  it('stays where it is when an older retweet is undone', () =>
    withStore((store) => {
      applyAll(store, [...spread, undo(10)])
      expect(idsIn(store)).toEqual([20, 2])
      applyAll(store, [undo(20)])
      expect(idsIn(store)).toEqual([2, 1])
    }))

  it('goes with all its entries when it is deleted, and no late retweet brings it back', () =>
    withStore((store, { reopen }) => {
      applyAll(store, [...spread, retract(1), retweet(30, 1), deliver(1)])
      expect(idsIn(store)).toEqual([2])
      expect(idsIn(reopen())).toEqual([2])
    }))

  it('is undone for good by an undo that overtakes its retweet', () =>
    withStore((store, { reopen }) => {
      expect(applyAll(store, [undo(20), retweet(20, 1), deliver(2)])[1]).toBeNull()
      expect(idsIn(store)).toEqual([2])
      const again = reopen()
      applyAll(again, [retweet(20, 1), undo(20)])
      expect(idsIn(again)).toEqual([2])
    }))

  it('is told to sockets once for each retweet, and by whom', () =>
    withStore((store) => {
      const effects = applyAll(store, [...spread, ...spread, undo(20)])
      const shown = effects.flatMap((effect) =>
        effect?.type === 'shown' ? [[effect.seq, effect.entry.id, effect.entry.retweeter]] : [],
      )
      expect(shown).toEqual([
        [1, 1, null],
        [2, 2, null],
        [3, 10, userCardOf(BOB)],
        [4, 20, userCardOf(ANN)],
      ])
      expect(store.shownSince(0)?.map(({ seq }) => seq)).toEqual([1, 2, 3])
    }))
})

describe('retweets', () => {
  it('are taken of whom the owner follows, whoever wrote the tweet, but not of or by the dropped', () =>
    withStore((store) => {
      applyAll(store, [
        retweet(10, 1, { by: BOB, author: EVE }),
        retweet(20, 2, { by: EVE, author: ANN }),
        retweet(30, 3, { by: BOB, author: MAL }),
        retweet(40, 4, { by: MAL, author: ANN }),
        retweet(50, 5, { by: OWNER, author: EVE }),
      ])
      expect(idsIn(store)).toEqual([50, 10])
      const of = viewOf(store).page.entries.map(({ ofFollowee }) => ofFollowee)
      expect(of).toEqual([false, false])
    }))

  it('go with an unfollowed retweeter, and the tweet stays where others show it', () =>
    withStore((store) => {
      applyAll(store, [
        deliver(1),
        retweet(10, 1),
        retweet(20, 2, { author: EVE }),
        { type: 'unfollow', userId: BOB, version: BUILT_VERSION + 1 },
      ])
      expect(idsIn(store)).toEqual([1])
    }))

  it('come with a pull and with a backfill', () =>
    withStore(
      (store, { reopen }) => {
        const version = BUILT_VERSION + 1
        applyAll(store, [{ type: 'follow', userId: EVE, version }])
        const entries = [pulledRetweet(40, 1, EVE), pulledEntry(5, EVE)]
        store.backfill({ type: 'backfill', userId: EVE, version }, { entries, acted: [], version: 0 }, 800)
        for (const each of [store, reopen()]) {
          expect(linesIn(each)).toEqual([
            [1, EVE],
            [2, BOB],
            [5, null],
          ])
        }
      },
      { entries: [pulledRetweet(30, 1), pulledRetweet(20, 2), pulledEntry(1)] },
    ))

  it('count with the entries that are kept, and leave the tweet to Postgres below the floor', () =>
    withStore((store, { reopen }) => {
      applyAll(
        store,
        range(1, 800).map((id) => deliver(id)),
      )
      applyAll(
        store,
        range(1001, 1051).map((id) => retweet(id, id - 1000)),
      )
      for (const each of [store, reopen()]) {
        const { floor, kept } = each.page({ before: null, top: null, offset: 1, limit: 1 })
        // 851 entries came; the oldest 51, each shown further up, are gone from here.
        expect([floor, kept]).toEqual([52, 800])
        expect(new Set(viewOf(each).page.entries.map(({ tweetId }) => tweetId)).size).toBe(800)
      }
    }))
})

describe('a scroll', () => {
  const idsOf = (entries: readonly PageEntry[]) => entries.map(({ id }) => id)

  it('neither loses nor repeats a tweet that is retweeted meanwhile', () =>
    withStore((store) => {
      applyAll(
        store,
        range(1, 6).map((id) => deliver(id)),
      )
      const began = top(store)
      const first = store.page({ before: null, top: null, offset: 0, limit: 2 })
      expect([idsOf(first.entries), first.top]).toEqual([[6, 5], 6])
      applyAll(store, [retweet(10, 2), retweet(11, 6), deliver(12)])
      const second = store.page({ before: 5 as EntryId, top: began, offset: 0, limit: 10 })
      expect(idsOf(second.entries)).toEqual([4, 3, 2, 1])
      expect(idsIn(store)).toEqual([12, 11, 10, 5, 4, 3, 1])
    }))

  it('by offset skips tweets and not entries', () =>
    withStore((store) => {
      applyAll(store, [deliver(1), deliver(2), deliver(3), retweet(10, 1), retweet(11, 2)])
      const page = store.page({ before: null, top: null, offset: 1, limit: 2 })
      expect([idsOf(page.entries), page.kept, page.reached]).toEqual([[10, 3], 3, 0])
    }))
})

/** What a timeline shows, put simply: of each tweet the newest entry that is there and not newer than `newest`. */
class Model {
  readonly #entries = new Map<number, number>()

  put(id: number, tweet: number): void {
    this.#entries.set(id, tweet)
  }

  undo(id: number): void {
    this.#entries.delete(id)
  }

  remove(tweet: number): void {
    for (const [id, of] of this.#entries) if (of === tweet) this.#entries.delete(id)
  }

  shown(newest: number): number[] {
    const seen = new Set<number>()
    const newestFirst = [...this.#entries].filter(([id]) => id <= newest).sort(([a], [b]) => b - a)
    return newestFirst.flatMap(([id, tweet]) => {
      if (seen.has(tweet)) return []
      seen.add(tweet)
      return [id]
    })
  }
}

const TWEETS = 8
const RETWEETERS: readonly UserId[] = [ANN, BOB, OWNER]

/** A retweet's id is above all tweets'; a tweet has at most one entry of an id. */
const retweetId = (n: number) => 100 + n
const tweetOf = (n: number) => (n % TWEETS) + 1

const step = fc.record({
  what: fc.constantFrom('post', 'retweet', 'retweet', 'retweet', 'undo', 'remove', 'reopen'),
  n: fc.nat(40),
})
const scroll = fc.array(fc.record({ limit: fc.integer({ min: 1, max: 4 }), retweeted: fc.nat(TWEETS) }), {
  minLength: TWEETS + 1,
  maxLength: TWEETS + 1,
})

it('any history of retweets is shown as the simple model says, and scrolled without repeat or gap', () =>
  inStorage((open) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), scroll, (steps, pages) => {
        const model = new Model()
        const gone = new Set<number>()
        let store = warmed(open.reopen())
        for (const { what, n } of steps) {
          const tweet = tweetOf(n)
          const isTaken = gone.has(tweet) || gone.has(retweetId(n))
          if (what === 'post') {
            applyAll(store, [deliver(tweet)])
            if (!gone.has(tweet)) model.put(tweet, tweet)
          } else if (what === 'retweet') {
            applyAll(store, [retweet(retweetId(n), tweet, { by: RETWEETERS[n % 3] ?? BOB })])
            if (!isTaken) model.put(retweetId(n), tweet)
          } else if (what === 'undo') {
            applyAll(store, [undo(retweetId(n))])
            model.undo(retweetId(n))
            gone.add(retweetId(n))
          } else if (what === 'remove' && n % 4 === 0) {
            applyAll(store, [retract(tweet)])
            model.remove(tweet)
            gone.add(tweet)
          } else {
            store = open.reopen()
          }
        }
        expect(idsIn(store)).toEqual(model.shown(Number.MAX_SAFE_INTEGER))

        const began = top(store)
        const expected = model.shown(began)
        const found: number[] = []
        let before: EntryId | null = null
        for (const [index, { limit, retweeted }] of pages.entries()) {
          const page = store.page({ before, top: before === null ? null : began, offset: 0, limit })
          found.push(...page.entries.map(({ id }) => id))
          before = page.entries.at(-1)?.id ?? before
          if (page.reached > 0) applyAll(store, [retweet(1000 + index, tweetOf(retweeted))])
          else break
        }
        expect(found).toEqual(expected)
      }),
      { numRuns: 400 },
    )
  }))
