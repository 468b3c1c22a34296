import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../contracts/queues.ts'
import { createQueues } from './queues.ts'

/** Of one `sendBatch` (Cloudflare Queues, "Limits"). */
const MESSAGES_MAX = 100
const BYTES_MAX = 256_000

interface FakeQueue extends Queue {
  /** The bodies of each batch. */
  batches: unknown[][]
}

const metrics = { backlogCount: 0, backlogBytes: 0 }

function fakeQueue(): FakeQueue {
  const batches: unknown[][] = []
  return {
    batches,
    metrics: async () => metrics,
    send: async () => ({ metadata: { metrics } }),
    sendBatch: async (messages) => {
      const sent = [...messages]
      expect(sent.map(({ contentType }) => contentType)).toEqual(sent.map(() => 'json'))
      batches.push(sent.map(({ body }) => body))
      return { metadata: { metrics } }
    },
  }
}

function open() {
  const [fanOut, engagement] = [fakeQueue(), fakeQueue()]
  return { fanOut, engagement, queues: createQueues({ FAN_OUT_0: fanOut, ENGAGEMENT: engagement }) }
}

const row = (id: number, message: unknown = { v: 1 }, queue: OutboxRow['queue'] = 'fan-out'): OutboxRow => ({
  id,
  queue,
  message,
})
const rows = (count: number, message?: unknown) =>
  Array.from({ length: count }, (_, id) => row(id + 1, message))
const sizesOf = ({ batches }: FakeQueue) => batches.map((batch) => batch.length)
const bytesOf = (batch: unknown[]) =>
  batch.reduce<number>((sum, body) => sum + Buffer.byteLength(JSON.stringify(body)), 0)

describe('outbox rows', () => {
  it('go to the queue that they name, with the id by which their row is deleted', async () => {
    const { queues, fanOut, engagement } = open()
    await queues.sendOutbox([
      row(7, { type: 'a' }),
      row(8, { type: 'b' }, 'engagement'),
      row(9, { type: 'c' }),
    ])
    expect(fanOut.batches).toEqual([
      [
        { outbox_id: 7, event: { type: 'a' } },
        { outbox_id: 9, event: { type: 'c' } },
      ],
    ])
    expect(engagement.batches).toEqual([[{ outbox_id: 8, event: { type: 'b' } }]])
  })

  it('are not sent when there are none', async () => {
    const { queues, fanOut, engagement } = open()
    await queues.sendOutbox([])
    expect([fanOut.batches, engagement.batches]).toEqual([[], []])
  })

  it.each([
    [1, [1]],
    [100, [100]],
    [101, [100, 1]],
    [250, [100, 100, 50]],
  ])('are sent a hundred at a time: %i', async (count, sizes) => {
    const { queues, fanOut } = open()
    await queues.sendOutbox(rows(count))
    expect(sizesOf(fanOut)).toEqual(sizes)
  })

  it('are counted in bytes and not in characters', async () => {
    const { queues, fanOut } = open()
    await queues.sendOutbox(rows(90, { text: '鳥'.repeat(2_000) }))
    expect(fanOut.batches.length).toBeGreaterThan(1)
    for (const batch of fanOut.batches) expect(bytesOf(batch)).toBeLessThan(BYTES_MAX)
  })

  it('are all sent, in order, in batches that the platform takes', async () => {
    const sizes = fc.array(fc.oneof(fc.nat(200), fc.nat(100_000)), { maxLength: 300 })
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        const { queues, fanOut } = open()
        const given = lengths.map((length, index) => row(index + 1, '鳥'.repeat(length / 3)))
        await queues.sendOutbox(given)
        expect(fanOut.batches.flat()).toEqual(
          given.map(({ id, message }) => ({ outbox_id: id, event: message })),
        )
        for (const batch of fanOut.batches) {
          expect(batch.length).toBeGreaterThan(0)
          expect(batch.length).toBeLessThanOrEqual(MESSAGES_MAX)
          expect(bytesOf(batch)).toBeLessThanOrEqual(BYTES_MAX)
        }
      }),
      { numRuns: 30 },
    )
  })

  it('fail as a whole when a queue does, and the other queue has them all the same', async () => {
    const { fanOut, engagement } = open()
    const broken: Queue = { ...fanOut, sendBatch: () => Promise.reject(new Error('queue away')) }
    const queues = createQueues({ FAN_OUT_0: broken, ENGAGEMENT: engagement })
    await expect(queues.sendOutbox([row(1), row(2, {}, 'engagement')])).rejects.toThrow('queue away')
    expect(sizesOf(engagement)).toEqual([1])
  })
})

describe('hints to fold', () => {
  it('name at most five hundred subjects each', async () => {
    const { queues, engagement } = open()
    const subjects = Array.from({ length: 1_201 }, (_, id) => ({ subject: 'user' as const, id: id + 1 }))
    await queues.sendFold(subjects)
    const sizes = engagement.batches.flat().map((body) => Object(body).subjects.length)
    expect(sizes).toEqual([500, 500, 201])
    expect(engagement.batches.flat().flatMap((body) => Object(body).subjects)).toEqual(subjects)
  })

  it('are not sent when there is nothing to fold', async () => {
    const { queues, engagement } = open()
    await queues.sendFold([])
    expect(engagement.batches).toEqual([])
  })
})
