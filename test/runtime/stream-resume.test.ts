import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { KEPT_ENTRIES } from '../../src/contracts/timeline.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { fanOutBodies, postAndDeliver, remove, runFanOut } from './consumers.ts'
import { homeIds, insertFollowers, insertPeople, insertRecentTweets, markWarm, timelineOf } from './people.ts'
import { deliver, range, retract, warmObject } from './stores.ts'
import { StreamClient } from './stream-client.ts'

const EPOCH = 1

interface Scene {
  reader: Viewer
  author: Viewer
}

/** A reader with a warm and empty timeline that has not asked the database anything: it can be evicted at once. */
async function setScene(databaseEpoch = 1): Promise<Scene> {
  const [reader, author] = await insertPeople(2)
  if (reader === undefined || author === undefined) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  await markWarm([reader])
  const pulled = { followees: [author.id], graph_version: 1, dropped: [] }
  await warmObject(timelineOf(reader), reader.id, pulled, { epoch: EPOCH, databaseEpoch })
  return { reader, author }
}

const dataOf = ({ frames }: StreamClient) => frames.map(({ type, data }) => ({ type, data }))

describe('resuming', () => {
  it.each([false, true])(
    'gets exactly what was missed, in its order, and then ready (evicted: %s)',
    async (evicted) => {
      const { reader, author } = await setScene()
      const client = await StreamClient.connect(reader)
      const seen = await postAndDeliver(author)
      await client.framesUpTo(2)
      const since = client.seq
      client.close(1000)

      const missed = [await postAndDeliver(author), await postAndDeliver(author)]
      for (const id of [seen, missed[0] ?? seen]) await runFanOut(fanOutBodies(await remove(author, id)))
      const last = await postAndDeliver(author)
      if (evicted) await evictDurableObject(timelineOf(reader))

      const again = await StreamClient.connect(reader, since)
      expect(dataOf(again)).toMatchObject([
        // The first of the missed is gone by now: only its deletion is told.
        { type: 'tweet', data: { id: missed[1] } },
        { type: 'tweet_deleted', data: { id: seen } },
        { type: 'tweet_deleted', data: { id: missed[0] } },
        { type: 'tweet', data: { id: last } },
        { type: 'ready' },
      ])
      expect(again.seq).toBe(`${EPOCH}.6`)
      // Whoever has missed nothing gets ready alone.
      expect((await StreamClient.connect(reader, again.seq)).types).toEqual(['ready'])
      const next = await postAndDeliver(author)
      await again.framesUpTo(6)
      expect(again.frames.at(-1)).toMatchObject({ type: 'tweet', seq: `${EPOCH}.7`, data: { id: next } })
    },
  )

  it('continues the order over an eviction that follows an unfollow', async () => {
    const { reader, author } = await setScene()
    await postAndDeliver(author)
    await timelineOf(reader).apply([{ type: 'unfollow', userId: author.id, version: 2 }])
    await evictDurableObject(timelineOf(reader))
    const client = await StreamClient.connect(reader, `${EPOCH}.1`)
    expect(client.frames).toEqual([{ type: 'ready', seq: `${EPOCH}.1`, data: {} }])
  })

  it.each([
    ['a later epoch', `${EPOCH + 1}.0`],
    ['an earlier epoch', `${EPOCH - 1}.0`],
    ['a frame that was never sent', `${EPOCH}.1`],
    ['no epoch', '0'],
    ['nonsense', `${EPOCH}.x`],
    ['one number too many', `${EPOCH}.0.0`],
    ['nothing', ''],
    ['a number that no number holds', `${EPOCH}.99999999999999999999`],
  ])('from %s is a reset', async (_name, since) => {
    const { reader } = await setScene()
    const client = await StreamClient.connect(reader, since)
    expect(client.frames).toEqual([
      { type: 'reset', seq: `${EPOCH}.0`, data: {} },
      { type: 'ready', seq: `${EPOCH}.0`, data: {} },
    ])
  })

  it('after too long away is a reset, and up to there is not', async () => {
    const { reader, author } = await setScene()
    const all = (await insertRecentTweets(author, KEPT_ENTRIES + 51)).toReversed()
    await timelineOf(reader).apply(all.map((id) => deliver(id, author.id)))
    // The oldest 51 are trimmed: whoever has not seen them has missed them.
    const resetting = await StreamClient.connect(reader, `${EPOCH}.50`)
    expect(resetting.types).toEqual(['reset', 'ready'])
    const resumed = await StreamClient.connect(reader, `${EPOCH}.51`)
    expect(resumed.types).toEqual([...all.slice(51).map(() => 'tweet'), 'ready'])
    await evictDurableObject(timelineOf(reader))
    expect((await StreamClient.connect(reader, `${EPOCH}.50`)).types).toEqual(['reset', 'ready'])
  })
})

describe('a socket that sleeps', () => {
  it('gets what comes after its object was evicted, and keeps its session and its place', async () => {
    const { reader, author } = await setScene()
    const clients: StreamClient[] = []
    for (const _nth of range(1, 10)) clients.push(await StreamClient.connect(reader))
    const first = await postAndDeliver(author)
    for (const client of clients) await client.framesUpTo(2)
    await evictDurableObject(timelineOf(reader))
    const second = await postAndDeliver(author)
    for (const client of clients) {
      expect(await client.framesUpTo(3)).toMatchObject([
        { type: 'ready' },
        { seq: `${EPOCH}.1`, data: { id: first } },
        { seq: `${EPOCH}.2`, data: { id: second } },
      ])
    }
    // The oldest is still known.
    await StreamClient.connect(reader)
    await clients[0]?.untilClosed()
    expect(clients.map(({ closed }) => closed?.code)).toEqual([4008, ...range(1, 9).map(() => undefined)])
    await timelineOf(reader).endSessions({ sessionId: reader.sessionId, exceptSessionId: null })
    expect((await clients[9]?.untilClosed())?.code).toBe(4001)
  })

  it('keeps its timeline from cooling', async () => {
    const { reader, author } = await setScene()
    const client = await StreamClient.connect(reader)
    await runInDurableObject(timelineOf(reader), async (_object, { storage }) => {
      storage.sql.exec('update state set read_at = 0')
      await storage.setAlarm(Date.now() + 1_000_000)
    })
    await evictDurableObject(timelineOf(reader))
    expect(await runDurableObjectAlarm(timelineOf(reader))).toBe(true)
    const id = await postAndDeliver(author)
    expect((await client.framesUpTo(2)).at(-1)).toMatchObject({ type: 'tweet', data: { id } })
  })
})

describe('a timeline that is built anew', () => {
  it('tells its sockets to start anew, and goes on in a new epoch', async () => {
    const { reader, author } = await setScene()
    const client = await StreamClient.connect(reader)
    await postAndDeliver(author)
    await client.framesUpTo(2)
    await runInDurableObject(timelineOf(reader), (_object, { storage }) => {
      storage.sql.exec('update state set database_epoch = 0')
    })
    await evictDurableObject(timelineOf(reader))
    await timelineOf(reader).apply([retract(1)])
    expect(await homeIds(reader)).toHaveLength(1)
    await postAndDeliver(author)
    const frames = await client.framesUpTo(6)
    expect(frames.map(({ type }) => type)).toEqual([
      'ready',
      'tweet',
      'tweet_deleted',
      'reset',
      'ready',
      'tweet',
    ])
    const epochs = frames.map(({ seq }) => Number(seq.split('.')[0]))
    expect(epochs.slice(0, 3)).toEqual([EPOCH, EPOCH, EPOCH])
    expect(new Set(epochs.slice(3)).size).toBe(1)
    expect(epochs[3]).toBeGreaterThan(EPOCH)
  })
})
