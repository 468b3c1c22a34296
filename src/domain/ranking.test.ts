import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type RankingSignals, rank, rankingScore } from './ranking.ts'

const HOUR_MS = 3_600_000
const HALF_LIFE_MS = 6 * HOUR_MS
/** Older ones have a score so near to zero that a number cannot hold the difference. */
const AGE_MAX_MS = 60 * 24 * HOUR_MS

const ENGAGEMENT = ['likes', 'retweets', 'quotes', 'replies'] as const

const count = fc.nat(1_000_000)
const signals: fc.Arbitrary<RankingSignals> = fc.record({
  likes: count,
  retweets: count,
  quotes: count,
  replies: count,
  ageMs: fc.integer({ min: 0, max: AGE_MAX_MS }),
  affinity: fc.nat(800),
})

const UNNOTICED: RankingSignals = { likes: 0, retweets: 0, quotes: 0, replies: 0, ageMs: 0, affinity: 0 }

describe('a score', () => {
  it.each(ENGAGEMENT)('grows with every one of the %s', (kind) => {
    fc.assert(
      fc.property(signals, fc.integer({ min: 1, max: 1000 }), (given, more) => {
        const grown = { ...given, [kind]: given[kind] + more }
        expect(rankingScore(grown)).toBeGreaterThan(rankingScore(given))
      }),
    )
  })

  it('grows with affinity', () => {
    fc.assert(
      fc.property(signals, fc.integer({ min: 1, max: 100 }), (given, more) => {
        const grown = { ...given, affinity: given.affinity + more }
        expect(rankingScore(grown)).toBeGreaterThan(rankingScore(given))
      }),
    )
  })

  it('is half as high after six hours, whatever the tweet', () => {
    fc.assert(
      fc.property(signals, (given) => {
        const later = rankingScore({ ...given, ageMs: given.ageMs + HALF_LIFE_MS })
        const ratio = later / rankingScore(given)
        expect(ratio).toBeCloseTo(0.5, 9)
      }),
    )
  })

  it('falls with every second, and never below zero', () => {
    fc.assert(
      fc.property(signals, fc.integer({ min: 1000, max: AGE_MAX_MS }), (given, olderMs) => {
        const later = rankingScore({ ...given, ageMs: given.ageMs + olderMs })
        expect(later).toBeLessThan(rankingScore(given))
        expect(later).toBeGreaterThan(0)
      }),
    )
  })

  it('is not higher for a tweet from the future, whose clock is ahead', () => {
    fc.assert(
      fc.property(signals, fc.integer({ min: 1, max: AGE_MAX_MS }), (given, aheadMs) => {
        const now = { ...given, ageMs: 0 }
        expect(rankingScore({ ...now, ageMs: -aheadMs })).toBe(rankingScore(now))
      }),
    )
  })

  it('is a number for tweets of any age', () => {
    fc.assert(
      fc.property(signals, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (given, ageMs) => {
        expect(rankingScore({ ...given, ageMs })).toBeGreaterThanOrEqual(0)
      }),
    )
  })

  it('counts a retweet and a quote for two likes, and two replies for three', () => {
    const of = (changes: Partial<RankingSignals>) => rankingScore({ ...UNNOTICED, ...changes })
    expect(of({ retweets: 3 })).toBe(of({ likes: 6 }))
    expect(of({ quotes: 3 })).toBe(of({ likes: 6 }))
    expect(of({ replies: 2 })).toBe(of({ likes: 3 }))
  })

  it('lets a thousand likes outweigh twenty hours', () => {
    const liked = (ageHours: number) => rankingScore({ ...UNNOTICED, likes: 1000, ageMs: ageHours * HOUR_MS })
    expect(liked(19.8)).toBeGreaterThan(rankingScore(UNNOTICED))
    expect(liked(20)).toBeLessThan(rankingScore(UNNOTICED))
  })
})

interface Candidate {
  id: number
  authorId: number
  score: number
}

const candidates = fc.uniqueArray(
  fc.record({
    id: fc.integer({ min: 1, max: 10_000 }),
    authorId: fc.integer({ min: 1, max: 3 }),
    score: fc.nat(4),
  }),
  { selector: ({ id }) => id, maxLength: 40 },
)

const scoreOf = ({ score }: Candidate) => score
const byScore = (a: Candidate, b: Candidate) => b.score - a.score || b.id - a.id

/** Whose tweets the two before this place both are. */
function tiredAt(ranked: readonly Candidate[], place: number): number | null {
  const [first, second] = ranked.slice(Math.max(0, place - 2), place)
  return first !== undefined && first.authorId === second?.authorId ? first.authorId : null
}

describe('an order', () => {
  it('has each candidate once', () => {
    fc.assert(
      fc.property(candidates, (given) => {
        const before = [...given]
        const ranked = rank(given, scoreOf)
        expect(ranked.toSorted((a, b) => a.id - b.id)).toEqual(given.toSorted((a, b) => a.id - b.id))
        expect(given).toEqual(before)
      }),
    )
  })

  it('has an author a third time in a row only where all that follow are theirs, too', () => {
    fc.assert(
      fc.property(candidates, (given) => {
        const ranked = rank(given, scoreOf)
        for (const [place, { authorId }] of ranked.entries()) {
          if (authorId !== tiredAt(ranked, place)) continue
          expect(ranked.slice(place).every((other) => other.authorId === authorId)).toBe(true)
        }
      }),
    )
  })

  it('has at each place the best that is left and is not a third in a row, of equals the newer', () => {
    fc.assert(
      fc.property(candidates, (given) => {
        const ranked = rank(given, scoreOf)
        for (const [place, candidate] of ranked.entries()) {
          const left = ranked.slice(place)
          const tired = tiredAt(ranked, place)
          const others = left.filter(({ authorId }) => authorId !== tired)
          const [best] = (others.length > 0 ? others : left).sort(byScore)
          expect(candidate).toBe(best)
        }
      }),
    )
  })

  it('does not depend on the order in which candidates come', () => {
    fc.assert(
      fc.property(
        candidates.chain((given) =>
          fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length })),
        ),
        ([given, shuffled]) => {
          expect(rank(shuffled, scoreOf)).toEqual(rank(given, scoreOf))
        },
      ),
    )
  })
})
