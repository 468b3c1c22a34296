import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TweetId } from '../../domain/ids.ts'
import { coalesceMissed } from './missed.ts'
import { kindOf, type Shown } from './shown.ts'

const tweet = (seq: number): Shown => ({ type: 'taken_back', seq, tweetId: 1 as TweetId })

function notification(seq: number, type: string, tweetId: number | null = null): Shown {
  const about = { id: seq, type, tweetId: tweetId as TweetId | null, json: `{"id":${seq}}` }
  return {
    type: 'told',
    seq,
    telling: { type: 'notification', notification: about, unread: { count: 1, version: seq } },
  }
}

const framesOf = (shown: Shown[]) =>
  coalesceMissed(shown).map(({ shown: { seq: of }, seq, coalesced }) => [of, seq, coalesced])

describe('what was missed', () => {
  it('is as it was shown, in order', () => {
    expect(framesOf([])).toEqual([])
    expect(framesOf([tweet(3), notification(5, 'like', 1), tweet(6)])).toEqual([
      [3, 3, 1],
      [5, 5, 1],
      [6, 6, 1],
    ])
  })

  it('is one notification of each type and tweet: the newest, in its place', () => {
    const missed = [
      notification(1, 'like', 7),
      notification(2, 'like', 8),
      notification(3, 'retweet', 7),
      notification(4, 'like', 7),
      notification(5, 'follow'),
      notification(6, 'follow'),
    ]
    expect(framesOf(missed).map(([of, , coalesced]) => [of, coalesced])).toEqual([
      [2, 1],
      [3, 1],
      [4, 2],
      [6, 2],
    ])
  })

  it('is missed no more, wherever the connection breaks while it is shown', () => {
    const kinds = fc.array(fc.constantFrom('tweet', 'like', 'reply', 'follow', 'count'), { maxLength: 20 })
    fc.assert(
      fc.property(kinds, fc.nat(20), (kindsInOrder, got) => {
        const all = kindsInOrder.map((kind, index): Shown => {
          if (kind === 'count') return { type: 'count', seq: index + 1 }
          return kind === 'tweet' ? tweet(index + 1) : notification(index + 1, kind)
        })
        const frames = coalesceMissed(all)
        const seen = frames.slice(0, got)
        const standFor = seen.flatMap(({ shown, coalesced }) => {
          const name = kindOf(shown)
          const kind = all.filter((one) => (name === null ? one === shown : kindOf(one) === name))
          expect(kind).toHaveLength(coalesced)
          return kind
        })
        const since = seen.at(-1)?.seq ?? 0
        const comes = all.filter(({ seq }) => seq > since)
        expect(new Set([...standFor, ...comes])).toEqual(new Set(all))
        expect(frames.map(({ seq }) => seq)).toEqual(frames.map(({ seq }) => seq).toSorted((a, b) => a - b))
        if (got >= frames.length) expect(comes).toEqual([])
      }),
    )
  })
})
