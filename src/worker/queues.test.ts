import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { notificationEvent, type OutboxRow } from '../contracts/queues.ts'
import { newTweetId, newUserId, type UserId } from '../domain/ids.ts'
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
  const [fanOut, notifications, engagement] = [fakeQueue(), fakeQueue(), fakeQueue()]
  const env = {
    FAN_OUT_0: fanOut,
    NOTIFICATIONS_0: notifications,
    ENGAGEMENT: engagement,
    PUSHES: fakeQueue(),
    EXPORTS: fakeQueue(),
    SEARCH_INDEX: fakeQueue(),
  }
  return { fanOut, notifications, engagement, queues: createQueues(env, EPOCH) }
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
    const { queues, fanOut, notifications, engagement } = open()
    await queues.sendOutbox([
      row(7, { type: 'a' }),
      row(8, { type: 'b' }, 'engagement'),
      row(9, { type: 'c' }),
      row(10, { type: 'd' }, 'notifications'),
    ])
    expect(fanOut.batches).toEqual([
      [
        { epoch: EPOCH, outbox_id: 7, event: { type: 'a' } },
        { epoch: EPOCH, outbox_id: 9, event: { type: 'c' } },
      ],
    ])
    expect(engagement.batches).toEqual([[{ epoch: EPOCH, outbox_id: 8, event: { type: 'b' } }]])
    expect(notifications.batches).toEqual([[{ epoch: EPOCH, outbox_id: 10, event: { type: 'd' } }]])
  })

  it('are not sent when there are none', async () => {
    const { queues, fanOut, notifications, engagement } = open()
    await queues.sendOutbox([])
    expect([fanOut.batches, notifications.batches, engagement.batches]).toEqual([[], [], []])
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

  it('fail as a whole when a queue does, and the other queues have them all the same', async () => {
    const { fanOut, notifications, engagement } = open()
    const broken: Queue = { ...fanOut, sendBatch: () => Promise.reject(new Error('queue away')) }
    const queues = createQueues(
      {
        FAN_OUT_0: broken,
        NOTIFICATIONS_0: notifications,
        ENGAGEMENT: engagement,
        PUSHES: fakeQueue(),
        EXPORTS: fakeQueue(),
        SEARCH_INDEX: fakeQueue(),
      },
      EPOCH,
    )
    const owed = [row(1), row(2, {}, 'engagement'), row(3, {}, 'notifications')]
    await expect(queues.sendOutbox(owed)).rejects.toThrow('queue away')
    expect([sizesOf(engagement), sizesOf(notifications)]).toEqual([[1], [1]])
  })
})

const shardedUser = (shard: number) => newUserId(Date.UTC(2026, 0, 1), () => (shard + 0.5) / 1024)
const [even, odd] = [shardedUser(6), shardedUser(7)]
const idsIn = ({ batches }: FakeQueue) => batches.flat().map((body) => Object(body).outbox_id)

describe('several fan-out queues', () => {
  const openWith = (count: number) => {
    const fanOut = Array.from({ length: count }, fakeQueue)
    const bindings = Object.fromEntries(fanOut.map((queue, index) => [`FAN_OUT_${index}`, queue]))
    const engagement = fakeQueue()
    const env = {
      FAN_OUT_0: fakeQueue(),
      NOTIFICATIONS_0: fakeQueue(),
      ENGAGEMENT: engagement,
      PUSHES: fakeQueue(),
      EXPORTS: fakeQueue(),
      SEARCH_INDEX: fakeQueue(),
      ...bindings,
    }
    return { fanOut, engagement, queues: createQueues(env, EPOCH) }
  }
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
      PUSHES: fakeQueue(),
      EXPORTS: fakeQueue(),
      SEARCH_INDEX: fakeQueue(),
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

describe('several notifications queues', () => {
  const openWith = (count: number) => {
    const notifications = Array.from({ length: count }, fakeQueue)
    const bindings = Object.fromEntries(
      notifications.map((queue, index) => [`NOTIFICATIONS_${index}`, queue]),
    )
    const [fanOut, engagement] = [fakeQueue(), fakeQueue()]
    const env = {
      FAN_OUT_0: fanOut,
      NOTIFICATIONS_0: fakeQueue(),
      ENGAGEMENT: engagement,
      PUSHES: fakeQueue(),
      EXPORTS: fakeQueue(),
      SEARCH_INDEX: fakeQueue(),
      ...bindings,
    }
    return { fanOut, notifications, queues: createQueues(env, EPOCH) }
  }
  const notice = (id: number, message: unknown) => row(id, message, 'notifications')
  const tweetOf = (user: UserId) => newTweetId(Date.UTC(2026, 1, 1), user, () => 0.5)
  /** What somebody is told; `actor`, whose shard does not matter, has done it. */
  const toldTo = (user: UserId, actor: UserId) => [
    { type: 'like_changed', v: 1, actor_id: actor, tweet_id: tweetOf(user) },
    { type: 'retweet_changed', v: 1, actor_id: actor, tweet_id: tweetOf(user) },
    { type: 'follow_changed', v: 1, follower_id: actor, followee_id: user },
    { type: 'message_sent', v: 1, message_id: 1, sender_id: actor, receiver_id: user },
    { type: 'messages_read', v: 1, reader_id: actor, other_id: user, up_to_id: 1 },
  ]
  /** What concerns a tweet and whoever was told of it goes by the tweet. */
  const ofTweetOf = (user: UserId) => [
    { type: 'tweet_changed', v: 1, tweet_id: tweetOf(user), author_id: user },
    { type: 'tweet_withdrawn', v: 1, tweet_id: tweetOf(user) },
  ]

  it.each([
    [0, even, odd],
    [1, odd, even],
  ])('carry what somebody is told by the shard of who is told: %i of 2', async (lot, user, actor) => {
    const { queues, notifications, fanOut } = openWith(2)
    const given = [...toldTo(user, actor), ...ofTweetOf(user)]
    for (const message of given) expect(notificationEvent.parse(message)).toEqual(message)
    await queues.sendOutbox(given.map((message, index) => notice(index + 1, message)))
    const ids = given.map((_, index) => index + 1)
    expect(notifications.map(idsIn)).toEqual(lot === 0 ? [ids, []] : [[], ids])
    expect(fanOut.batches).toEqual([])
  })

  it('share the parts of an audience evenly', async () => {
    const { queues, notifications } = openWith(4)
    const part = {
      ...{ type: 'audience', v: 1, of: 'subscribers', tweet_id: tweetOf(even), author_id: even },
      ...{ from_user: 1, to_user: 9 },
    }
    expect(notificationEvent.parse(part)).toEqual(part)
    await queues.sendOutbox(Array.from({ length: 1_000 }, (_, index) => notice(index + 1, part)))
    expect(notifications.map((queue) => idsIn(queue).length)).toEqual([250, 250, 250, 250])
  })

  it('end where a number is missing, and are as many as there are, however many fan-out queues', async () => {
    const [first, third, fanOut] = [fakeQueue(), fakeQueue(), [fakeQueue(), fakeQueue()]]
    const queues = createQueues(
      {
        ...{ FAN_OUT_0: fanOut[0] ?? fakeQueue(), FAN_OUT_1: fanOut[1], ENGAGEMENT: fakeQueue() },
        ...{ NOTIFICATIONS_0: first, NOTIFICATIONS_2: third, PUSHES: fakeQueue(), EXPORTS: fakeQueue() },
        ...{ SEARCH_INDEX: fakeQueue() },
      },
      EPOCH,
    )
    await queues.sendOutbox(toldTo(odd, even).map((message, index) => notice(index + 1, message)))
    expect([first, third].map(idsIn)).toEqual([[1, 2, 3, 4, 5], []])
    await queues.sendOutbox([row(7, { type: 'flags_changed', v: 1, user_id: odd, tweet_id: 5 })])
    expect(fanOut.map(idsIn)).toEqual([[], [7]])
  })

  it('carry what nobody understands, too: its consumer sees to it', async () => {
    const { queues, notifications } = openWith(2)
    await queues.sendOutbox([notice(1, { type: 'unknown' }), notice(2, null)])
    expect(notifications.map(idsIn)).toEqual([[2], [1]])
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
