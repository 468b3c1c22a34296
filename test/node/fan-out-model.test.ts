import { describe, expect, it } from 'vitest'
import {
  cacheMisses,
  costOf,
  DELIVERY_AS_BUILT,
  type Load,
  lastFollowerSeconds,
  messagesFor,
} from '../../bench/fan-out-model/costs.ts'
import { buildGraph, shareAbove, sum } from '../../bench/fan-out-model/graph.ts'
import { drawReaders, type PulledPerRead } from '../../bench/fan-out-model/readers.ts'

const GRAPH = { authors: 1_000_000, postsPerDay: 2_000_000, largePostingFactor: 1 }
const LOAD: Load = {
  warmReaders: 1_000_000,
  warmShare: 0.5,
  replyShare: 0,
  replyReach: 0,
  homeReadsPerSecond: 1_000,
  isolates: 10,
  caches: 2,
  delivery: DELIVERY_AS_BUILT,
}
const NOBODY: PulledPerRead = { none: 1, one: 0, some: 0, many: 0, mean: 0, p99: 0 }
const LIMITS = [1, 1e3, 1e5, 1e6, Number.POSITIVE_INFINITY]

const graph = buildGraph(GRAPH)
const costs = LIMITS.map((limit) => costOf(graph, limit, LOAD, NOBODY))

describe('the graph', () => {
  it('goes through the published points', () => {
    expect(shareAbove(61)).toBeCloseTo(0.5)
    expect(shareAbove(1_000)).toBeCloseTo(0.04)
    expect(shareAbove(37_700_000)).toBeCloseTo(2.5e-7, 12)
  })

  it('has the authors and the posts that it is given', () => {
    expect(sum(graph, ({ authors }) => authors)).toBeCloseTo(GRAPH.authors, 0)
    expect(sum(graph, ({ authors, postsPerDay }) => authors * postsPerDay)).toBeCloseTo(GRAPH.postsPerDay, 0)
  })

  it('lets the large post more without taking it from the others', () => {
    const louder = buildGraph({ ...GRAPH, largePostingFactor: 10 })
    expect(louder[0]).toEqual(graph[0])
    expect(louder.at(-1)?.postsPerDay).toBeCloseTo(10 * (graph.at(-1)?.postsPerDay ?? 0))
  })
})

describe('the cost of a limit', () => {
  it('is all pulling at one end and all pushing at the other', () => {
    expect(costs[0]).toMatchObject({ deliveriesPerSecond: 0, notLiveShare: 1 })
    expect(costs[0]?.pulledAuthors).toBeCloseTo(GRAPH.authors, 0)
    expect(costs.at(-1)).toMatchObject({
      pulledAuthors: 0,
      missesPerSecond: 0,
      pullDollars: 0,
      notLiveShare: 0,
    })
    const mean = sum(graph, (one) => one.authors * one.postsPerDay * one.followers) / 86_400
    expect(costs.at(-1)?.deliveriesPerSecond).toBeCloseTo(mean * LOAD.warmShare, 0)
  })

  it('moves from pulling to pushing as the limit grows', () => {
    const growing = (of: (cost: (typeof costs)[number]) => number) => {
      const values = costs.map(of)
      expect(values).toEqual([...values].sort((a, b) => a - b))
    }
    growing((cost) => cost.deliveriesPerSecond)
    growing((cost) => cost.lastFollowerSeconds)
    growing((cost) => -cost.databaseReadsPerSecond)
    growing((cost) => cost.keptSeconds)
  })

  it('keeps in an isolate as many pulled authors as there is room for, and none for longer than they may be', () => {
    const pullAll = costs[0]
    expect(pullAll?.keptSeconds).toBeLessThan(5)
    expect(pullAll?.isolateMegabytes).toBeCloseTo(500 * 0.042)
    for (const { keptSeconds, isolateMegabytes } of costs) {
      expect(keptSeconds).toBeLessThanOrEqual(5)
      expect(isolateMegabytes).toBeLessThan(500 * 0.0421)
    }
  })

  it('pays for warm followers alone', () => {
    const half = costOf(graph, 1e6, { ...LOAD, warmShare: 0.25 }, NOBODY)
    expect(half.deliveriesPerSecond * 2).toBeCloseTo(costs[3]?.deliveriesPerSecond ?? 0)
  })

  it('never asks Postgres for an author more often than every five seconds a cache', () => {
    expect(cacheMisses(0.001, 5)).toBeCloseTo(0.001, 4)
    expect(cacheMisses(1e9, 5)).toBeCloseTo(0.2)
    const pullAll = costs[0]
    expect(pullAll?.databaseReadsPerSecond).toBeLessThanOrEqual(GRAPH.authors * LOAD.caches * 0.2)
  })
})

describe('a fan-out', () => {
  it.each([
    [0, 1],
    [500, 1],
    [501, 3],
    [600_000, 1_201],
  ])('to %i warm followers is %i messages', (warm, messages) => {
    expect(messagesFor(warm)).toBe(messages)
  })

  it('takes longer the more it tells', () => {
    const times = [1, 100, 500, 5_000, 600_000, 60_000_000].map(lastFollowerSeconds)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times[0]).toBeLessThan(0.1)
  })
})

describe('drawn readers', () => {
  const draw = (seed: number) => drawReaders(graph, LIMITS, { seed, meanFollowees: 150 })

  it('are the same for the same seed, and others for another', () => {
    expect(draw(1)).toEqual(draw(1))
    expect(draw(2)).not.toEqual(draw(1))
  })

  it('follow as many as the graph says, all of them pulled when all are pulled and none when none is', () => {
    const drawn = draw(1)
    expect(drawn.get(1)?.mean).toBeGreaterThan(140)
    expect(drawn.get(1)?.mean).toBeLessThan(160)
    expect(drawn.get(Number.POSITIVE_INFINITY)).toMatchObject({ none: 1, mean: 0, p99: 0 })
  })

  it('meet fewer pulled authors the higher the limit', () => {
    const means = [...draw(1).values()].map(({ mean }) => mean)
    expect(means).toEqual([...means].sort((a, b) => b - a))
  })
})
