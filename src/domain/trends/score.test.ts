import { describe, expect, it } from 'vitest'
import { risingTopics } from './ranking.ts'
import { ageOfBucket, HOUR_MS, riseOf, trendScore } from './score.ts'

describe('a score', () => {
  it('is the engagement, over the hours and one, decaying within a day', () => {
    expect(trendScore(10, 0)).toBe(10)
    expect(trendScore(10, 1)).toBeCloseTo(5 * Math.exp(-1 / 24), 12)
    expect(trendScore(10, 24)).toBeCloseTo(0.4 / Math.E, 12)
    expect(trendScore(0, 3)).toBe(0)
  })

  it('does not jump as an hour ends: a bucket ages from its end on', () => {
    const end = 11 * HOUR_MS
    expect([end - HOUR_MS, end - 1, end, end + HOUR_MS / 2].map((ms) => ageOfBucket(10, ms))).toEqual([
      0, 0, 0, 0.5,
    ])
  })
})

describe('a rise', () => {
  const week = 168
  it.each([
    ['what is new and used by four', { accounts: 4, before: 0, hoursBefore: week }, 0.25],
    ['what is new and used by three', { accounts: 3, before: 0, hoursBefore: week }, 0],
    ['what is said as ever', { accounts: 960, before: 40 * week, hoursBefore: week }, 0],
    ['what is said a little more', { accounts: 1_040, before: 40 * week, hoursBefore: week }, 0],
    ['what is said twice as much', { accounts: 1_920, before: 40 * week, hoursBefore: week }, 0.45],
    ['what is said no more', { accounts: 0, before: 40 * week, hoursBefore: week }, 0],
    ['what an hour alone is known of', { accounts: 100, before: 10, hoursBefore: 1 }, 0.8],
  ])('is the share that a baseline does not explain: %s', (_what, usage, share) => {
    expect(riseOf(usage)).toBeCloseTo(share, 1)
  })
})

describe('rising topics', () => {
  const topic = (name: string, score: number, accounts = 1_000) => ({
    ...{ name, score, accounts, before: 0, tweet_count: accounts },
  })

  it('leave a word to the phrase that it is said in', () => {
    const found = risingTopics([topic('solar', 10), topic('eclipse', 20), topic('solar eclipse', 9)], 168, 10)
    expect(found.map(({ name }) => name)).toEqual(['eclipse', 'solar eclipse'])
  })

  it('are in one order, the best first, and no more than asked for', () => {
    const found = risingTopics([topic('b', 1), topic('a', 1), topic('c', 2), topic('rare', 9, 3)], 168, 2)
    expect(found.map(({ name }) => name)).toEqual(['c', 'a'])
  })
})
