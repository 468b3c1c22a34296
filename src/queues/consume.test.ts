import { describe, expect, it, vi } from 'vitest'
import type { Logger } from '../domain/log.ts'
import { consume } from './consume.ts'
import { forEachBounded, type Verdict } from './work.ts'

interface Judged {
  batch: MessageBatch
  /** By body: `ack`, or the seconds until it comes again. */
  verdicts: Map<unknown, 'ack' | number | undefined>
}

function batchOf(bodies: unknown[], attempts = 1): Judged {
  const verdicts: Judged['verdicts'] = new Map()
  const messages = bodies.map((body, index): Message => {
    const judge = (verdict: 'ack' | number | undefined) => {
      if (verdicts.has(body)) throw new Error(`${body} is judged twice`)
      verdicts.set(body, verdict)
    }
    return {
      id: String(index),
      timestamp: new Date(0),
      body,
      attempts,
      ack: () => judge('ack'),
      retry: (options) => judge(options?.delaySeconds),
    }
  })
  const metadata = { metrics: { backlogCount: 0, backlogBytes: 0 } }
  const batch = { messages, queue: 'warbler-test', metadata, retryAll: () => {}, ackAll: () => {} }
  return { batch, verdicts }
}

const errors = vi.fn<Logger['error']>()
const log: Logger = { info: () => {}, warn: () => {}, error: errors }
const handlers = (handle: (bodies: string[]) => Promise<Verdict[]>) => ({
  databaseEpoch: 2,
  parse: (body: unknown) => (typeof body === 'string' ? body : null),
  handle,
  onPoison: async (_bodies: unknown[]) => {},
})

describe('a consumer', () => {
  it('judges each message by itself', async () => {
    const { batch, verdicts } = batchOf(['good', 'bad', 'fine'])
    await consume(
      batch,
      log,
      handlers(async (bodies) => bodies.map((body) => (body === 'bad' ? 'retry' : 'ack'))),
    )
    expect([...verdicts]).toEqual([
      ['good', 'ack'],
      ['bad', 1],
      ['fine', 'ack'],
    ])
  })

  it('hands over what can be parsed as one batch, and the rest as another, in their order', async () => {
    const { batch, verdicts } = batchOf(['a', 1, 'b', null, 'c'])
    const handle = vi.fn(async (bodies: string[]) => bodies.map((): Verdict => 'ack'))
    const onPoison = vi.fn(async () => {})
    await consume(batch, log, { ...handlers(handle), onPoison })
    expect(handle.mock.calls).toEqual([[['a', 'b', 'c'], false]])
    expect(onPoison.mock.calls).toEqual([[[1, null]]])
    expect([...verdicts.values()]).toEqual(Array(5).fill('ack'))
  })

  it('drops what an older history of the database owed, and leaves a newer one to a newer Worker', async () => {
    const bodies = [1, 2, 3].map((epoch) => ({ epoch, outbox_id: 7 }))
    const { batch, verdicts } = batchOf([...bodies, { outbox_id: 8 }])
    const handle = vi.fn(async (found: unknown[]) => found.map((): Verdict => 'ack'))
    const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
    await consume(batch, log, { ...handlers(handle), parse: (body: unknown) => body, handle })
    expect(handle.mock.calls).toEqual([[[bodies[1], { outbox_id: 8 }], false]])
    expect([...verdicts.values()]).toEqual(expect.arrayContaining(['ack', 'ack', 1, 'ack']))
    expect(verdicts.get(bodies[2])).toBe(1)
    expect(log.warn).toHaveBeenCalledWith('lost_history', { queue: 'warbler-test', messages: 1 })
  })

  it('calls nobody for nothing', async () => {
    const handle = vi.fn(async () => [])
    const onPoison = vi.fn(async () => {})
    await consume(batchOf([7]).batch, log, { ...handlers(handle), onPoison })
    await consume(batchOf([]).batch, log, { ...handlers(handle), onPoison })
    expect(handle).not.toHaveBeenCalled()
    expect(onPoison).toHaveBeenCalledTimes(1)
  })

  it('lets all come again when their batch fails, and says so; what cannot be parsed is done', async () => {
    errors.mockClear()
    const { batch, verdicts } = batchOf(['a', 1, 'b'])
    const failing = handlers(() => Promise.reject(new Error('database away')))
    await consume(batch, log, failing)
    expect(Object.fromEntries(verdicts)).toEqual({ a: 1, b: 1, 1: 'ack' })
    expect(errors).toHaveBeenCalledWith('batch_failed', expect.objectContaining({ messages: 2 }))
  })

  it('keeps what cannot be parsed until it is stored, and does the rest all the same', async () => {
    const { batch, verdicts } = batchOf(['a', 1])
    const onPoison = () => Promise.reject(new Error('database away'))
    await consume(batch, log, { ...handlers(async () => ['ack']), onPoison })
    expect(Object.fromEntries(verdicts)).toEqual({ a: 'ack', 1: 1 })
  })

  it('hands over what comes again message by message, after the others, and says so', async () => {
    const { batch, verdicts } = batchOf(['again', 'bad', 'fresh', 'new'])
    const attempts = [2, 3, 1, 1]
    const messages = batch.messages.map((message, index) => ({ ...message, attempts: attempts[index] ?? 1 }))
    const handle = vi.fn(async (bodies: string[]): Promise<Verdict[]> => {
      if (bodies.includes('bad')) throw new Error('It always fails')
      return bodies.map(() => 'ack')
    })
    await consume({ ...batch, messages }, log, handlers(handle))
    expect(handle.mock.calls).toEqual([
      [['fresh', 'new'], false],
      [['again'], true],
      [['bad'], true],
    ])
    expect(Object.fromEntries(verdicts)).toEqual({ fresh: 'ack', new: 'ack', again: 'ack', bad: 4 })
  })

  it('keeps no poison for the sake of another', async () => {
    const { batch, verdicts } = batchOf([1, 2, 3], 2)
    const onPoison = async (bodies: unknown[]) => {
      if (bodies.includes(2)) throw new Error('It cannot be stored')
    }
    await consume(batch, log, { ...handlers(async () => []), onPoison })
    expect(Object.fromEntries(verdicts)).toEqual({ 1: 'ack', 2: 2, 3: 'ack' })
  })

  it('takes a missing verdict for a failure: nothing is lost', async () => {
    const { batch, verdicts } = batchOf(['a', 'b'])
    await consume(
      batch,
      log,
      handlers(async () => ['ack']),
    )
    expect(Object.fromEntries(verdicts)).toEqual({ a: 'ack', b: 1 })
  })

  it.each([
    [1, 1],
    [2, 2],
    [3, 4],
    [9, 256],
    [10, 300],
    [20, 300],
    [100_000, 300],
  ])('waits longer from try to try: after %i it is %i s', async (attempts, delaySeconds) => {
    const { batch, verdicts } = batchOf(['a'], attempts)
    await consume(
      batch,
      log,
      handlers(async () => ['retry']),
    )
    expect(verdicts.get('a')).toBe(delaySeconds)
  })
})

describe('working on many with a bound', () => {
  const numbers = Array.from({ length: 50 }, (_, index) => index)

  it.each([1, 7, 50, 1_000])('does each once, at most %i at a time', async (limit) => {
    let inFlight = 0
    let most = 0
    const done: number[] = []
    const failed = await forEachBounded(numbers, limit, async (item) => {
      most = Math.max(most, ++inFlight)
      await new Promise((resolve) => setImmediate(resolve))
      done.push(item)
      inFlight--
    })
    expect(done.sort((a, b) => a - b)).toEqual(numbers)
    expect(most).toBe(Math.min(limit, numbers.length))
    expect(failed).toEqual([])
  })

  it('answers which failed and why, and does the others', async () => {
    const done: number[] = []
    const failed = await forEachBounded(numbers, 4, async (item) => {
      await null
      if (item % 10 === 3) throw new Error(`no ${item}`)
      done.push(item)
    })
    expect(failed.map(({ item }) => item)).toEqual([3, 13, 23, 33, 43])
    expect(failed.map(({ error }) => String(error))).toContain('Error: no 13')
    expect(done).toHaveLength(45)
  })

  it('takes a throw before any promise for a failure, too', async () => {
    const failed = await forEachBounded([1, 2], 2, (item) => {
      if (item === 1) throw new Error('at once')
      return Promise.resolve()
    })
    expect(failed.map(({ item }) => item)).toEqual([1])
  })

  it('is done at once with nothing', async () => {
    expect(await forEachBounded([], 5, () => Promise.reject(new Error('never')))).toEqual([])
  })
})
