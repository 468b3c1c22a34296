import { describe, expect, it } from 'vitest'
import { sideBySide } from '../../bench/harness/plan.ts'
import {
  isMet,
  type Line,
  mediansOf,
  missedIn,
  printable,
  type Round,
  ratioOf,
} from '../../bench/harness/report.ts'
import { median, percentile } from '../../bench/harness/statistics.ts'

const rounds = (...pairs: [measured: number, bare: number][]): Round[] =>
  pairs.map(([measured, bare]) => ({ measured: { per_second: measured }, bare: { per_second: bare } }))

const line = (changes: Partial<Line> = {}): Line => ({
  name: 'ours',
  bareName: 'bare',
  rounds: rounds([90, 100]),
  ratioOf: 'per_second',
  target: { atLeast: 0.85 },
  ...changes,
})

describe('statistics of a benchmark', () => {
  it('take the middle value, or the mean of the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(median([])).toBeNaN()
  })

  it('take a percentile by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect(percentile(hundred, 0.5)).toBe(50)
    expect(percentile(hundred, 0.99)).toBe(99)
    expect(percentile(hundred, 1)).toBe(100)
    expect(percentile([7], 0.99)).toBe(7)
    expect(percentile([], 0.5)).toBeNaN()
  })

  it('are taken figure by figure, of the runs that have it', () => {
    expect(mediansOf([{ p50_ms: 1, per_second: 5 }, { p50_ms: 3 }, { p50_ms: 2 }])).toEqual({
      p50_ms: 2,
      per_second: 5,
    })
  })
})

describe('the ratio of a line', () => {
  it('is the middle of the rounds’ own ratios, whatever the machine did between the rounds', () => {
    // In the second round the machine was ten times slower for both.
    expect(ratioOf(rounds([80, 100], [9, 10], [85, 100]), 'per_second')).toBe(0.85)
  })

  it('keeps a lower bound from the bound on, and an upper bound up to it', () => {
    expect(isMet(line({ rounds: rounds([85, 100]) }))).toBe(true)
    expect(isMet(line({ rounds: rounds([84, 100]) }))).toBe(false)
    expect(isMet(line({ rounds: rounds([2, 1]), target: { atMost: 2 } }))).toBe(true)
    expect(isMet(line({ rounds: rounds([2.1, 1]), target: { atMost: 2 } }))).toBe(false)
  })

  it('keeps no bound when something could not be measured', () => {
    expect(isMet(line({ rounds: [{ measured: {}, bare: { per_second: 1 } }] }))).toBe(false)
    expect(isMet(line({ rounds: [], target: { atMost: 2 } }))).toBe(false)
  })

  it('has no verdict without a target', () => {
    expect(isMet(line({ target: null }))).toBeNull()
  })
})

describe('the report of a part', () => {
  const missed = line({ name: 'slow', rounds: rounds([1, 100]) })
  const report = {
    part: 'home',
    title: 'warm',
    lines: [line(), missed, line({ target: null })],
    notes: ['On paper.'],
  }

  it('names what missed its target', () => {
    expect(missedIn(report)).toEqual([missed])
  })

  it('prints figures, ratio, target and verdict in a line, and the notes', () => {
    const [headings, met, slow, informs, note] = printable(report).split('\n')
    expect(headings).toMatch(/^home: warm +\/s +beside +\/s +ratio +target/)
    expect(met).toMatch(/^ours +90\.0 +bare +100 +0\.90 of \/s +>= 0\.85 +met$/)
    expect(slow).toMatch(/0\.01 of \/s +>= 0\.85 +MISSED$/)
    expect(informs).toMatch(/0\.90 of \/s$/)
    expect(note).toBe('  On paper.')
  })
})

describe('rounds', () => {
  it('alternate who is measured first', async () => {
    const order: string[] = []
    const run = (name: string) => async () => {
      order.push(name)
      return { per_second: order.length }
    }
    const done = await sideBySide({ rounds: 2 }, run('ours'), run('bare'))
    expect(order).toEqual(['ours', 'bare', 'bare', 'ours'])
    expect(done).toEqual(rounds([1, 2], [4, 3]))
  })
})
