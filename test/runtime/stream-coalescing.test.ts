import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { frame, type TimelineOp } from '../../src/contracts/timeline.ts'
import { NOTHING_HIDDEN } from '../../src/durable-objects/timeline/judge-missed.ts'
import { TimelineSockets } from '../../src/durable-objects/timeline/sockets.ts'
import { TimelineStore } from '../../src/durable-objects/timeline/store.ts'
import { timelineOf } from './people.ts'
import { applyAll, range, retract, warmed } from './stores.ts'
import { type Frame, StreamClient } from './stream-client.ts'
import {
  EPOCH,
  message,
  notificationsIn,
  notify,
  seqsOf,
  tell,
  typesOf,
  unread,
  warmPerson,
  withdraw,
} from './tellings.ts'

interface Moment {
  /** The frames that the socket gets, up to now. */
  open(since: string | null): Frame[]
  show(...ops: TimelineOp[]): void
  /** As if so many milliseconds had passed since. */
  showAgo(ms: number, ...ops: TimelineOp[]): void
  build(): void
}

/** Has sockets open, and shows them things, before any time passes; then waits until each has got what it waits for. */
async function inOneMoment(run: (moment: Moment) => Map<Frame[], number>): Promise<Frame[][]> {
  const person = await warmPerson()
  return runInDurableObject(timelineOf(person), async (_object, context) => {
    const sockets = new TimelineSockets(context)
    const store = new TimelineStore(context.storage, person.id)
    const ticket = { userId: person.id, sessionId: person.sessionId }
    const showAt = (nowMs: number, ops: TimelineOp[]) => {
      const shown = applyAll(store, ops).flatMap((effect) =>
        effect === null || effect.type === 'backfill' ? [] : effect,
      )
      sockets.show(shown, store, nowMs)
    }
    const expected = run({
      open(since) {
        const { 0: client, 1: server } = new WebSocketPair()
        const frames: Frame[] = []
        client.addEventListener('message', ({ data }) => {
          frames.push(frame.parse(JSON.parse(String(data))))
        })
        const asked = { ticket: { ...ticket, since }, hidden: NOTHING_HIDDEN }
        sockets.accept(server, asked, store, Date.now())
        client.accept()
        return frames
      },
      show: (...ops) => showAt(Date.now(), ops),
      showAgo: (ms, ...ops) => showAt(Date.now() - ms, ops),
      build() {
        warmed(store, {}, () => store.noteEpoch(EPOCH + 1))
        sockets.reset(store)
      },
    })
    for (const [frames, count] of expected) {
      await vi.waitFor(() => expect(frames.length).toBeGreaterThanOrEqual(count), { timeout: 5_000 })
    }
    return [...expected.keys()]
  })
}

describe('notifications of one type on one tweet', () => {
  it('are one frame at once and one at the end of the second, which says for how many it stands', async () => {
    const person = await warmPerson()
    const client = await StreamClient.connect(person)
    await tell(
      person,
      ...range(1, 20).map((id) => notify(id)),
      notify(21, unread(21, 21), { tweet: 2 }),
      notify(22, unread(22, 22), { type: 'follow', tweet: null }),
      message(1),
    )
    // Those of other kinds do not wait, and no frame says that what waits was seen.
    await client.framesUpTo(6)
    expect(client.types.slice(1)).toEqual([
      ...range(1, 3).map(() => 'notification'),
      'message',
      'notification',
    ])
    expect(notificationsIn(client.frames).map(({ id }) => id)).toEqual([1, 21, 22, 20])
    expect(seqsOf(client.frames)).toEqual([0, 1, 1, 1, 1, 23])
    expect(client.frames[5]?.data).toMatchObject({ coalesced: 19, unread_count: 22 })
    expect(await client.framesSoFar()).toHaveLength(6)
  })

  it('in floods are a frame a second, and the last one has the right count', async () => {
    const person = await warmPerson()
    const client = await StreamClient.connect(person)
    const startMs = Date.now()
    let told = 0
    while (Date.now() < startMs + 2_200) {
      await tell(person, ...range(told + 1, told + 20).map((id) => notify(id)))
      told += 20
    }
    await client.until(() => notificationsIn(client.frames).at(-1)?.id === told)
    const shown = notificationsIn(client.frames)
    expect(shown.length).toBeLessThanOrEqual(2 + (Date.now() - startMs) / 1000)
    expect(shown.at(-1)).toMatchObject({ id: told, unread_count: told })
    expect(shown.reduce((sum, { coalesced = 1 }) => sum + coalesced, 0)).toBe(told)
  })

  it('do not wait for those of another, nor are lost behind them', async () => {
    const follow = (id: number) => notify(id, unread(id, id), { type: 'follow', tweet: null })
    const [frames = []] = await inOneMoment(({ open, show, showAgo }) => {
      const client = open(null)
      showAgo(500, notify(1), notify(2))
      show(follow(3), follow(4))
      return new Map([[client, 5]])
    })
    expect(notificationsIn(frames).map(({ id }) => id)).toEqual([1, 3, 2, 4])
    // The fourth still waits when the second comes.
    expect(seqsOf(frames)).toEqual([0, 1, 1, 3, 4])
  })

  it('that wait say the count that comes meanwhile, which is a frame of its own when nothing waits', async () => {
    const person = await warmPerson()
    const client = await StreamClient.connect(person)
    await tell(person, notify(1), notify(2), notify(1, unread(7, 7)))
    await client.framesUpTo(3)
    expect(notificationsIn(client.frames)).toMatchObject([{ id: 1 }, { id: 2, unread_count: 7 }])
    await tell(person, notify(1, unread(8, 8)))
    await client.framesUpTo(4)
    expect(client.frames[3]).toEqual({
      type: 'notifications_read',
      seq: `${EPOCH}.4`,
      data: { id: null, up_to_id: null, unread_count: 8 },
    })
    expect((await StreamClient.connect(person, `${EPOCH}.2`)).types).toEqual(['notifications_read', 'ready'])
  })

  it('that are withdrawn while they wait are not shown', async () => {
    const person = await warmPerson()
    const client = await StreamClient.connect(person)
    await tell(person, ...range(1, 4).map((id) => notify(id)), withdraw([4, 2], unread(2, 5)))
    await client.framesUpTo(4)
    expect(client.frames.slice(1)).toMatchObject([
      { data: { id: 1 } },
      { type: 'notification_withdrawn', data: { ids: [4, 2], unread_count: 2 } },
      { data: { id: 3, unread_count: 2 } },
    ])
    expect(client.frames[3]?.data).not.toHaveProperty('coalesced')
    expect(await client.framesSoFar()).toHaveLength(4)
  })

  it('that wait come once to a socket that is opened meanwhile, whether it resumes or not', async () => {
    const clients = await inOneMoment(({ open, show }) => {
      const first = open(null)
      show(notify(1), notify(2))
      show(retract(1), notify(3))
      return new Map([
        [first, 4],
        [open(`${EPOCH}.0`), 4],
        [open(null), 2],
      ])
    })
    expect(clients.map(typesOf)).toEqual([
      ['ready', 'notification', 'tweet_deleted', 'notification'],
      ['notification', 'tweet_deleted', 'ready', 'notification'],
      ['ready', 'notification'],
    ])
    expect(clients.map(seqsOf)).toEqual([
      [0, 1, 1, 4],
      [1, 1, 1, 4],
      [1, 4],
    ])
    for (const frames of clients) expect(frames.at(-1)?.data).toMatchObject({ id: 3, coalesced: 2 })
  })

  it('that wait are not shown after a build: who starts anew has them', async () => {
    const [frames = []] = await inOneMoment(({ open, show, build }) => {
      const client = open(null)
      show(notify(1), notify(2))
      build()
      show(notify(3))
      return new Map([[client, 5]])
    })
    expect(typesOf(frames)).toEqual(['ready', 'notification', 'reset', 'ready', 'notification'])
    expect(frames.at(-1)).toMatchObject({ seq: `${EPOCH + 1}.1`, data: { id: 3 } })
    expect(frames.at(-1)?.data).not.toHaveProperty('coalesced')
  })

  it('that wait when the last connection breaks are there for whoever resumes', async () => {
    const person = await warmPerson()
    const client = await StreamClient.connect(person)
    await tell(person, notify(1), notify(2), retract(1))
    await client.framesUpTo(3)
    const since = client.frames[2]?.seq
    client.close(1000)
    await client.untilClosed()
    const again = await StreamClient.connect(person, since)
    expect(again.frames).toMatchObject([
      { seq: `${EPOCH}.2`, data: { id: 2 } },
      { type: 'tweet_deleted', seq: `${EPOCH}.3` },
      { type: 'ready', seq: `${EPOCH}.3` },
    ])
    // What waited for the one before does not come a second time.
    await tell(person, notify(3))
    const [, , , next] = await again.framesUpTo(4)
    expect(next).toMatchObject({ seq: `${EPOCH}.4`, data: { id: 3 } })
    expect(next?.data).not.toHaveProperty('coalesced')
  })

  it('are found by whoever resumes after the object was lost within the second', async () => {
    const person = await warmPerson()
    const client = await StreamClient.connect(person)
    await tell(person, notify(1), notify(2), notify(3), retract(1))
    await client.framesUpTo(3)
    const since = client.frames[2]?.seq
    client.close(1000)
    await evictDurableObject(timelineOf(person))
    const again = await StreamClient.connect(person, since)
    expect(again.frames).toMatchObject([
      { data: { id: 3, coalesced: 2, unread_count: 3 } },
      { type: 'tweet_deleted' },
      { type: 'ready' },
    ])
  })
})
