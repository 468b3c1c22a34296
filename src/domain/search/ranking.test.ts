import { describe, expect, it } from 'vitest'
import { engagementTier, relevance, topScore } from './ranking.ts'

const DAY_MS = 86_400_000
const plain = { text: 8, engagement: 0, ageMs: DAY_MS }

describe('relevance', () => {
  it('rises with the text and the engagement, and falls with age', () => {
    expect(relevance({ ...plain, text: 9 })).toBeGreaterThan(relevance(plain))
    expect(relevance({ ...plain, engagement: 10 })).toBeGreaterThan(relevance(plain))
    expect(relevance({ ...plain, ageMs: 2 * DAY_MS })).toBeLessThan(relevance(plain))
  })

  it('lets no one part outweigh the other two', () => {
    const everything = relevance({ text: 1e9, engagement: 1e9, ageMs: 0 })
    expect(everything).toBeLessThan(3.2)
    expect(relevance({ text: 0, engagement: 1e9, ageMs: 365 * DAY_MS })).toBeLessThan(
      relevance({ ...plain, ageMs: 0 }),
    )
  })
})

describe('topScore', () => {
  it('is that of engagement, half after a month', () => {
    expect(topScore({ engagement: 999, ageMs: 0 })).toBeCloseTo(3, 2)
    expect(topScore({ engagement: 999, ageMs: 30 * DAY_MS })).toBeCloseTo(1.5, 2)
  })
})

describe('engagementTier', () => {
  it.each([
    [0, 0],
    [9, 0],
    [10, 1],
    [999, 2],
    [1000, 3],
    [1e9, 6],
  ])('of %i is %i', (engagement, tier) => {
    expect(engagementTier(engagement)).toBe(tier)
  })
})
