import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COALESCED_MS, Coalescer } from './coalescer.ts'

interface Item {
  seq: number
}

const item = (seq: number): Item => ({ seq })
const seqsOf = (groups: Iterable<Item[]>) => [...groups].map((group) => group.map(({ seq }) => seq))

/** A coalescer and its owner: a timer that is always set for what is due next, and all that goes out. */
class Clockwork {
  readonly coalescer = new Coalescer<Item & { kind: string }>()
  readonly out: { atMs: number; kind: string; seqs: number[] }[] = []
  nowMs = 0

  offer(kind: string, seq: number, atMs: number): void {
    this.runUntil(atMs)
    if (this.coalescer.offer(kind, { seq, kind }, atMs)) this.out.push({ atMs, kind, seqs: [seq] })
  }

  runUntil(atMs: number): void {
    for (;;) {
      const dueInMs = this.coalescer.dueInMs(this.nowMs)
      if (dueInMs === null || this.nowMs + dueInMs > atMs) break
      this.nowMs += dueInMs
      for (const group of this.coalescer.due(this.nowMs)) {
        const seqs = group.map(({ seq }) => seq)
        this.out.push({ atMs: this.nowMs, kind: group[0]?.kind ?? '', seqs })
      }
    }
    this.nowMs = atMs
  }
}

describe('frames of one kind', () => {
  it('go out one at once and one at the end of its second, with all that came meanwhile', () => {
    const coalescer = new Coalescer<Item>()
    expect(coalescer.offer('like', item(1), 0)).toBe(true)
    expect(coalescer.dueInMs(0)).toBeNull()
    expect(coalescer.offer('like', item(2), 10)).toBe(false)
    expect(coalescer.offer('like', item(3), 900)).toBe(false)
    expect([coalescer.oldestSeq, coalescer.dueInMs(900)]).toEqual([2, 100])
    expect(seqsOf(coalescer.due(999))).toEqual([])
    expect(seqsOf(coalescer.due(1000))).toEqual([[2, 3]])
    expect([coalescer.oldestSeq, coalescer.dueInMs(1000)]).toEqual([Number.POSITIVE_INFINITY, null])
  })

  it('begin another second whenever they go out', () => {
    const coalescer = new Coalescer<Item>()
    coalescer.offer('like', item(1), 0)
    coalescer.offer('like', item(2), 500)
    expect(seqsOf(coalescer.due(1000))).toEqual([[2]])
    expect(coalescer.offer('like', item(3), 1999)).toBe(false)
    expect(seqsOf(coalescer.due(2000))).toEqual([[3]])
    expect(coalescer.offer('like', item(4), 3000)).toBe(true)
  })

  it('do not wait for those of another', () => {
    const coalescer = new Coalescer<Item>()
    expect(coalescer.offer('like', item(1), 0)).toBe(true)
    expect(coalescer.offer('follow', item(2), 1)).toBe(true)
    coalescer.offer('follow', item(3), 2)
    coalescer.offer('like', item(4), 3)
    expect([coalescer.oldestSeq, coalescer.dueInMs(3)]).toEqual([3, 997])
    expect(seqsOf(coalescer.due(1000))).toEqual([[4]])
    expect([coalescer.oldestSeq, coalescer.dueInMs(1000)]).toEqual([3, 1])
  })

  it('wait, of several that are due, until each is asked for', () => {
    const coalescer = new Coalescer<Item>()
    for (const kind of ['like', 'follow']) coalescer.offer(kind, item(1), 0)
    coalescer.offer('follow', item(2), 1)
    coalescer.offer('like', item(3), 1)
    const oldest: number[] = []
    for (const _group of coalescer.due(1000)) oldest.push(coalescer.oldestSeq)
    expect(oldest).toEqual([2, Number.POSITIVE_INFINITY])
  })

  it('that are dropped are as if they had not come', () => {
    const coalescer = new Coalescer<Item>()
    for (const seq of [1, 2, 3]) coalescer.offer('like', item(seq), seq)
    coalescer.drop(({ seq }) => seq === 2)
    expect([...coalescer.waiting()]).toEqual([{ seq: 3 }])
    expect(coalescer.oldestSeq).toBe(3)
    coalescer.drop(() => true)
    expect(coalescer.dueInMs(500)).toBeNull()
    expect(seqsOf(coalescer.due(2000))).toEqual([])
    expect(coalescer.offer('like', item(4), 2000)).toBe(true)
  })

  it('do not wait for a clock that was set back', () => {
    const coalescer = new Coalescer<Item>()
    coalescer.offer('like', item(1), 1_000_000)
    coalescer.offer('like', item(2), 1_000_001)
    expect(coalescer.dueInMs(5)).toBe(0)
    expect(seqsOf(coalescer.due(5))).toEqual([[2]])
    expect(coalescer.offer('like', item(3), 6)).toBe(false)
    expect(coalescer.dueInMs(6)).toBe(999)
  })

  it('are 61 of 10,000 within a minute, and the last of them stands for the last', () => {
    const clockwork = new Clockwork()
    for (let seq = 1; seq <= 10_000; seq++) clockwork.offer('like', seq, seq * 6 - 6)
    clockwork.runUntil(70_000)
    expect(clockwork.out.length).toBeLessThanOrEqual(61)
    expect(clockwork.out.at(-1)?.seqs.at(-1)).toBe(10_000)
    expect(clockwork.out.flatMap(({ seqs }) => seqs)).toHaveLength(10_000)
  })

  it('go out once each, in order, a second apart and no later, whenever they come', () => {
    const arrivals = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(700)), { maxLength: 60 })
    fc.assert(
      fc.property(arrivals, (arriving) => {
        const clockwork = new Clockwork()
        const came = new Map<number, number>()
        let atMs = 0
        for (const [seq, [kind, afterMs]] of arriving.entries()) {
          atMs += afterMs
          came.set(seq, atMs)
          clockwork.offer(kind, seq, atMs)
        }
        clockwork.runUntil(atMs + COALESCED_MS)
        for (const kind of ['a', 'b', 'c']) {
          const out = clockwork.out.filter((one) => one.kind === kind)
          const expected = arriving.flatMap(([of], seq) => (of === kind ? [seq] : []))
          expect(out.flatMap(({ seqs }) => seqs)).toEqual(expected)
          for (const [n, { atMs: outMs, seqs }] of out.entries()) {
            expect(outMs - (out[n - 1]?.atMs ?? -COALESCED_MS)).toBeGreaterThanOrEqual(COALESCED_MS)
            for (const seq of seqs) expect(outMs - (came.get(seq) ?? 0)).toBeLessThanOrEqual(COALESCED_MS)
          }
        }
        expect(clockwork.coalescer.oldestSeq).toBe(Number.POSITIVE_INFINITY)
      }),
    )
  })
})
