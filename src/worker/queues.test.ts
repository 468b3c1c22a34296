import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../contracts/queues.ts'
import { newUserId } from '../domain/ids.ts'
import { createQueues } from './queues.ts'

const EPOCH = 3

/** Of one `sendBatch` (Cloudflare Queues, "Limits"). */
const MESSAGES_MAX = 100
const BYTES_MAX = 256_000

interface FakeQueue extends Queue {
  /** The bodies of each batch. */
  batches: unknown[][]
  /** How long each batch is to wait. */
  delays: number[]
}

const metrics = { backlogCount: 0, backlogBytes: 0 }

function fakeQueue(): FakeQueue {
  const batches: unknown[][] = []
  const delays: number[] = []
  return {
    batches,
    delays,
    metrics: async () => metrics,
    send: async () => ({ metadata: { metrics } }),
    sendBatch: async (messages, options) => {
      delays.push(options?.delaySeconds ?? 0)
      const sent = [...messages]
      expect(sent.map(({ contentType }) => contentType)).toEqual(sent.map(() => 'json'))
      batches.push(sent.map(({ body }) => body))
      return { metadata: { metrics } }
    },
  }
}

function open() {
  const [fanOut, engagement] = [fakeQueue(), fakeQueue()]
  return {
    fanOut,
    engagement,
    queues: createQueues({ FAN_OUT_0: fanOut, NOTIFICATIONS_0: fakeQueue(), ENGAGEMENT: engagement }, EPOCH),
  }
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
        { epoch: EPOCH, outbox_id: 7, event: { type: 'a' } },
        { epoch: EPOCH, outbox_id: 9, event: { type: 'c' } },
      ],
    ])
    expect(engagement.batches).toEqual([[{ epoch: EPOCH, outbox_id: 8, event: { type: 'b' } }]])
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
          given.map(({ id, message }) => ({ epoch: EPOCH, outbox_id: id, event: message })),
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
    const queues = createQueues(
      { FAN_OUT_0: broken, NOTIFICATIONS_0: fakeQueue(), ENGAGEMENT: engagement },
      EPOCH,
    )
    await expect(queues.sendOutbox([row(1), row(2, {}, 'engagement')])).rejects.toThrow('queue away')
    expect(sizesOf(engagement)).toEqual([1])
  })
})

describe('several fan-out queues', () => {
  const openWith = (count: number) => {
    const fanOut = Array.from({ length: count }, fakeQueue)
    const bindings = Object.fromEntries(fanOut.map((queue, index) => [`FAN_OUT_${index}`, queue]))
    const engagement = fakeQueue()
    const env = { FAN_OUT_0: fakeQueue(), NOTIFICATIONS_0: fakeQueue(), ENGAGEMENT: engagement, ...bindings }
    return { fanOut, engagement, queues: createQueues(env, EPOCH) }
  }
  const shardedUser = (shard: number) => newUserId(Date.UTC(2026, 0, 1), () => (shard + 0.5) / 1024)
  const [even, odd] = [shardedUser(6), shardedUser(7)]
  const common = { v: 1, tweet_id: 5 }
  const ofUser = (user: number) => [
    { type: 'tweet_published', ...common, author_id: user },
    { type: 'tweet_deleted', ...common, author_id: user },
    { type: 'tweet_edited', ...common, author_id: user },
    { type: 'tweet_retweeted', ...common, entry_id: 6, author_id: 1, retweeter_id: user },
    { type: 'retweet_undone', ...common, entry_id: 6, author_id: 1, retweeter_id: user },
    { type: 'flags_changed', ...common, user_id: user },
    { type: 'follow_changed', v: 1, follower_id: user, followee_id: 1, following: true, graph_version: 3 },
    { type: 'session_ended', v: 1, user_id: user, session_id: null, except_session_id: null },
  ]
  const idsIn = ({ batches }: FakeQueue) => batches.flat().map((body) => Object(body).outbox_id)

  it.each([0, 1])('carry what somebody did by the shard of who did it: %i of 2', async (lot) => {
    const { queues, fanOut } = openWith(2)
    const given = ofUser(lot === 0 ? even : odd).map((message, index) => row(index + 1, message))
    await queues.sendOutbox(given)
    expect(fanOut.map((queue) => idsIn(queue).length)).toEqual(lot === 0 ? [8, 0] : [0, 8])
  })

  it('share the chunks of one author evenly', async () => {
    const { queues, fanOut } = openWith(4)
    const chunk = {
      ...{ type: 'fan_out_chunk', ...common, effect: 'deliver', entry_id: 5, author_id: even, by_id: even },
      ...{ from_follower: 1, to_follower: 9 },
    }
    await queues.sendOutbox(rows(1_000, chunk))
    expect(fanOut.map((queue) => idsIn(queue).length)).toEqual([250, 250, 250, 250])
  })

  it('end where a number is missing', async () => {
    const { queues, fanOut } = openWith(3)
    const env = {
      FAN_OUT_0: fanOut[0] ?? fakeQueue(),
      NOTIFICATIONS_0: fakeQueue(),
      ENGAGEMENT: fakeQueue(),
      FAN_OUT_2: fanOut[2],
    }
    await createQueues(env, EPOCH).sendOutbox(ofUser(odd).map((message, index) => row(index + 1, message)))
    expect(fanOut.map((queue) => idsIn(queue).length)).toEqual([8, 0, 0])
    await queues.sendOutbox([row(1, { type: 'unknown' })])
    expect(fanOut.map((queue) => idsIn(queue).length)).toEqual([8, 1, 0])
  })

  it('deliver later what is to wait, and the rest at once', async () => {
    const { queues, fanOut } = openWith(1)
    await queues.sendOutbox(rows(101), 7)
    await queues.sendOutbox(rows(1))
    expect(fanOut[0]?.delays).toEqual([7, 7, 0])
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
