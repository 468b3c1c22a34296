import { describe, expect, it } from 'vitest'
import type { TimelineOp } from '../../src/contracts/timeline.ts'
import {
  FLAG_BOOKMARKED,
  FLAG_LIKED,
  FLAG_RETWEETED,
  FLAG_VOTE_SHIFT,
} from '../../src/contracts/tweet-json.ts'
import type { TweetId } from '../../src/domain/ids.ts'
import type { TimelineStore } from '../../src/durable-objects/timeline/store.ts'
import { applyAll, cardOf, deliver, pulledEntry, range, retweet, viewOf, withStore } from './stores.ts'

const flags = (tweet: number, bits: number, version: number): TimelineOp => ({
  type: 'flags',
  acted: { tweetId: tweet as TweetId, flags: bits, version },
})

const flagsIn = (store: TimelineStore) => viewOf(store).page.entries.map((entry) => entry.flags)
const quoteFlagsIn = (store: TimelineStore) => viewOf(store).page.entries.map(({ quoteFlags }) => quoteFlags)

const VOTED = 2 << FLAG_VOTE_SHIFT

describe('what the owner did to a tweet', () => {
  const told = [flags(1, FLAG_LIKED, 10), flags(1, FLAG_LIKED | VOTED, 20), flags(1, FLAG_RETWEETED, 30)]

  it.each([
    ['in order', told],
    ['the other way round', told.toReversed()],
    ['twice', [...told, ...told]],
  ])('is what the newest version says, told %s', (_name, ops) =>
    withStore((store, { reopen }) => {
      applyAll(store, [deliver(1), ...ops])
      for (const each of [store, reopen()]) expect(flagsIn(each)).toEqual([FLAG_RETWEETED])
    }),
  )

  it('is known when the tweet comes later, and costs no frame', () =>
    withStore((store, { reopen }) => {
      expect(applyAll(store, [flags(1, FLAG_BOOKMARKED, 10)])).toEqual([null])
      expect(store.seq).toBe(0)
      const again = reopen()
      applyAll(again, [retweet(20, 1)])
      expect(flagsIn(again)).toEqual([FLAG_BOOKMARKED])
      const [shown] = again.shownSince(0) ?? []
      expect(shown?.type === 'shown' && again.readingOf(shown.entry).flags).toBe(FLAG_BOOKMARKED)
    }))

  it('comes with a retweet, unless something newer is known', () =>
    withStore((store) => {
      const acted = { tweetId: 1 as TweetId, flags: FLAG_LIKED, version: 20 }
      applyAll(store, [retweet(10, 1, { acted })])
      expect(flagsIn(store)).toEqual([FLAG_LIKED])
      applyAll(store, [flags(1, 0, 30), retweet(11, 1, { acted })])
      expect(flagsIn(store)).toEqual([0])
    }))

  it('is known of the quoted tweet, too', () =>
    withStore((store) => {
      const { quote: _none, revision: _old, ...body } = cardOf(7)
      const card = { ...cardOf(1), quote: { tweetId: 7, body } }
      const quoting = deliver(1)
      if (quoting.type !== 'deliver') throw new Error('Not a delivery')
      applyAll(store, [{ ...quoting, card }, flags(7, FLAG_LIKED, 10)])
      expect([flagsIn(store), quoteFlagsIn(store)]).toEqual([[0], [FLAG_LIKED]])
    }))

  it('comes with a build, which forgets what was told before', () =>
    withStore(
      (store, { reopen }) => {
        expect(flagsIn(reopen())).toEqual([FLAG_LIKED, 0])
        applyAll(store, [flags(1, FLAG_LIKED, 4), flags(2, 0, 4)])
        expect(flagsIn(store)).toEqual([FLAG_LIKED, FLAG_LIKED])
      },
      {
        entries: [pulledEntry(2), pulledEntry(1)],
        acted: [{ tweet_id: 2 as TweetId, flags: FLAG_LIKED }],
        version: 5,
      },
    ))

  it('is kept of at most 5,000 tweets, the newest ones', () =>
    withStore((store, { storage, reopen }) => {
      applyAll(store, [deliver(1), deliver(5001)])
      applyAll(
        store,
        range(1, 5001).map((id) => flags(id, FLAG_LIKED, id)),
      )
      for (const each of [store, reopen()]) expect(flagsIn(each)).toEqual([FLAG_LIKED, 0])
      expect(storage.sql.exec('select count(*) as n, min(tweet_id) as oldest from flags').one()).toEqual({
        n: 2500,
        oldest: 2502,
      })
    }))
})
