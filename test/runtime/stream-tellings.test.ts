import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { homeIds, insertPerson, timelineOf } from './people.ts'
import { range, retract } from './stores.ts'
import { StreamClient } from './stream-client.ts'
import {
  EPOCH,
  message,
  messagesRead,
  notificationsIn,
  notify,
  read,
  readUpTo,
  seqsOf,
  tell,
  unread,
  warmPerson,
  withdraw,
} from './tellings.ts'

describe('what is told live', () => {
  it('comes to every socket as it is, notifications with how many are unread', async () => {
    const person = await warmPerson()
    const clients = [await StreamClient.connect(person), await StreamClient.connect(person)]
    const ops = [
      notify(5, unread(3, 1)),
      read(4, unread(2, 2)),
      readUpTo(5, unread(0, 3)),
      withdraw([5, 6], unread(0, 4)),
      message(9),
      messagesRead(1, 2, 9),
    ]
    for (const op of ops) await tell(person, op, op)
    for (const client of clients) {
      const [, ...frames] = await client.framesUpTo(7)
      expect(frames).toEqual([
        {
          type: 'notification',
          seq: `${EPOCH}.1`,
          data: {
            id: 5,
            type: 'like',
            actor: { username: 'a "quoted" name' },
            is_read: false,
            unread_count: 3,
          },
        },
        { type: 'notifications_read', seq: `${EPOCH}.2`, data: { id: 4, up_to_id: null, unread_count: 2 } },
        { type: 'notifications_read', seq: `${EPOCH}.3`, data: { id: null, up_to_id: 5, unread_count: 0 } },
        { type: 'notification_withdrawn', seq: `${EPOCH}.4`, data: { ids: [5, 6], unread_count: 0 } },
        { type: 'message', seq: `${EPOCH}.5`, data: { id: 9, content: 'Hello' } },
        { type: 'message_read', seq: `${EPOCH}.6`, data: { reader_id: 1, other_id: 2, up_to_id: 9 } },
      ])
      expect(await client.framesSoFar()).toHaveLength(7)
    }
  })

  it('is told to a timeline that answers how many sockets are open', async () => {
    const person = await warmPerson()
    expect(await tell(person, notify(1))).toEqual({ ok: true, state: 'warm' })
    const clients = [await StreamClient.connect(person), await StreamClient.connect(person)]
    expect(await tell(person, notify(2))).toEqual({ ok: true, state: 'warm', sockets: 2 })
    clients[0]?.close(1000)
    await clients[0]?.untilClosed()
    expect(await tell(person, notify(3))).toEqual({ ok: true, state: 'warm', sockets: 1 })
  })

  it('is not kept by a cold timeline', async () => {
    const person = await insertPerson()
    expect(await tell(person, notify(1), message(1))).toEqual({ ok: true, state: 'cold' })
    const client = await StreamClient.connect(person)
    expect(seqsOf(client.frames)).toEqual([0])
  })

  it('says the newest count, also where it comes late', async () => {
    const person = await warmPerson()
    const client = await StreamClient.connect(person)
    await tell(person, notify(2, unread(7, 2), { tweet: 2 }))
    await tell(person, notify(1, unread(6, 1), { tweet: 1 }))
    await client.framesUpTo(3)
    expect(notificationsIn(client.frames)).toMatchObject([{ unread_count: 7 }, { unread_count: 7 }])
  })

  it('goes on over an eviction, with nothing shown twice', async () => {
    const person = await warmPerson()
    const client = await StreamClient.connect(person)
    await tell(person, notify(1, unread(1, 1), { tweet: 1 }), message(1))
    await client.framesUpTo(3)
    await evictDurableObject(timelineOf(person))
    await tell(
      person,
      notify(1, unread(1, 1), { tweet: 1 }),
      message(1),
      notify(2, unread(2, 2), { tweet: 2 }),
    )
    await client.framesUpTo(4)
    expect(notificationsIn(client.frames).map(({ id }) => id)).toEqual([1, 2])
    expect(seqsOf(client.frames)).toEqual([0, 1, 2, 3])
  })
})

describe('resuming', () => {
  it.each([false, true])('gets what was told meanwhile, in its order (evicted: %s)', async (evicted) => {
    const person = await warmPerson()
    const client = await StreamClient.connect(person)
    await tell(person, notify(1, unread(1, 1), { tweet: 1 }))
    await client.framesUpTo(2)
    const since = client.seq
    client.close(1000)
    await client.untilClosed()
    await tell(
      person,
      message(1),
      notify(2, unread(2, 2), { tweet: 2 }),
      retract(1),
      notify(3, unread(3, 3), { tweet: 3 }),
      withdraw([1, 2], unread(1, 5)),
    )
    await tell(
      person,
      notify(4, unread(2, 4), { tweet: 4 }),
      message(1),
      notify(3, unread(3, 3), { tweet: 3 }),
    )
    if (evicted) await evictDurableObject(timelineOf(person))
    const again = await StreamClient.connect(person, since)
    expect(again.frames.map(({ type, data }) => [type, data])).toMatchObject([
      ['message', { id: 1 }],
      ['tweet_deleted', { id: 1 }],
      ['notification', { id: 3, unread_count: 1 }],
      ['notification_withdrawn', { ids: [1, 2], unread_count: 1 }],
      ['notification', { id: 4, unread_count: 1 }],
      ['ready', {}],
    ])
    expect(again.seq).toBe(`${EPOCH}.7`)
    expect((await StreamClient.connect(person, again.seq)).types).toEqual(['ready'])
  })

  it('gets missed notifications of one type on one tweet as one frame', async () => {
    const person = await warmPerson()
    await tell(person, ...range(1, 20).map((id) => notify(id)), notify(21, unread(21, 21), { tweet: 2 }))
    await tell(
      person,
      ...range(22, 30).map((id) => notify(id, unread(id, id), { type: 'follow', tweet: null })),
    )
    await tell(person, withdraw([20, 3], unread(28, 31)))
    const client = await StreamClient.connect(person, `${EPOCH}.0`)
    expect(notificationsIn(client.frames)).toMatchObject([
      { id: 19, coalesced: 18, unread_count: 28 },
      { id: 21, unread_count: 28 },
      { id: 30, coalesced: 9, unread_count: 28 },
    ])
    expect(notificationsIn(client.frames)[1]).not.toHaveProperty('coalesced')
    expect(client.types.slice(-2)).toEqual(['notification_withdrawn', 'ready'])
  })

  it('after too much was told is a reset', async () => {
    const person = await warmPerson()
    await tell(person, ...range(1, 251).map((id) => notify(id, unread(id, id), { tweet: id })))
    expect((await StreamClient.connect(person, `${EPOCH}.50`)).types).toEqual(['reset', 'ready'])
    expect((await StreamClient.connect(person, `${EPOCH}.51`)).types).toHaveLength(201)
    await evictDurableObject(timelineOf(person))
    expect((await StreamClient.connect(person, `${EPOCH}.50`)).types).toEqual(['reset', 'ready'])
  })
})

describe('a timeline that is built anew', () => {
  it('tells nothing of before, and nothing twice: sockets start anew', async () => {
    const person = await warmPerson()
    const client = await StreamClient.connect(person)
    await tell(person, notify(1), message(1))
    await client.framesUpTo(3)
    await runInDurableObject(timelineOf(person), (_object, { storage }) => {
      storage.sql.exec('update state set database_epoch = 0')
    })
    await evictDurableObject(timelineOf(person))
    await homeIds(person)
    await tell(person, notify(2, unread(2, 2)))
    await client.framesUpTo(6)
    expect(client.types).toEqual(['ready', 'notification', 'message', 'reset', 'ready', 'notification'])
    expect(seqsOf(client.frames)).toEqual([0, 1, 2, 0, 0, 1])
    const [before, after] = [client.frames[0], client.frames[5]].map((frame) =>
      Number(frame?.seq.split('.')[0]),
    )
    expect(after).toBeGreaterThan(before ?? 0)
  })
})
