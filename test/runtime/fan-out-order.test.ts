import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import { array } from '../../src/db/client.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { bodyOf, fanOutBodies, follow, post, remove, runFanOut, unfollow } from './consumers.ts'
import { refuseDatabase } from './database-gate.ts'
import { rows, testDeps } from './harness.ts'
import { homeIds, insertFollowers, insertPeople, timelineOf } from './people.ts'
import { failing, Recorders } from './recorders.ts'

/** An author and followers whose timelines are warm and empty. */
async function warmFollowers(count: number): Promise<{ author: Viewer; followers: Viewer[] }> {
  const [author, ...followers] = await insertPeople(count + 1)
  if (author === undefined) throw new Error('Nobody was inserted')
  await insertFollowers(followers, author)
  for (const follower of followers) expect(await homeIds(follower)).toEqual([])
  return { author, followers }
}

async function expectHomes(followers: readonly Viewer[], ids: readonly number[]): Promise<void> {
  const homes = await Promise.all(followers.map((follower) => homeIds(follower)))
  expect(homes).toEqual(followers.map(() => ids))
}

/** Whether it is still owed to timelines. */
async function isOwed(outbox: readonly OutboxRow[]): Promise<boolean> {
  const ids = array(
    outbox.map(({ id }) => id),
    'bigint',
  )
  return (await rows(sql`select from outbox where queue = 'fan-out' and id = any(${ids})`)).length > 0
}

const newestFirst = (...ids: number[]) => ids.sort((a, b) => b - a)

describe('a tweet', () => {
  it('comes once to each when consumers take its message at the same time', async () => {
    const { author, followers } = await warmFollowers(3)
    const { id, outbox } = await post(author)
    const verdicts = await Promise.all([1, 2, 3, 4].map(() => runFanOut(outbox.map(bodyOf))))
    expect(verdicts.map(({ acked }) => acked)).toEqual([[0], [0], [0], [0]])
    await expectHomes(followers, [id])
  })

  it('is still owed when its message was lost, and comes with the next one', async () => {
    const { author, followers } = await warmFollowers(2)
    const lost = await post(author)
    const { id, outbox } = await post(author)
    await runFanOut(outbox.map(bodyOf))
    await expectHomes(followers, [id])
    expect(await isOwed(lost.outbox)).toBe(true)
    await runFanOut(lost.outbox.map(bodyOf))
    await expectHomes(followers, newestFirst(lost.id, id))
  })

  it('comes once when the consumer dies between the effect and the ack', async () => {
    const { author, followers } = await warmFollowers(2)
    const { id, outbox } = await post(author)
    {
      using _gate = refuseDatabase(({ text }) => text.includes('delete from outbox'))
      expect(await runFanOut(outbox.map(bodyOf))).toEqual({ acked: [], retried: [0] })
    }
    await expectHomes(followers, [id])
    expect(await isOwed(outbox)).toBe(true)
    expect((await runFanOut(outbox.map(bodyOf))).acked).toEqual([0])
    await expectHomes(followers, [id])
    expect(await isOwed(outbox)).toBe(false)
    // Nor does it come again when the runtime had died after the row was deleted.
    const recorders = new Recorders()
    expect((await runFanOut(outbox.map(bodyOf), testDeps({ timeline: recorders.port }))).acked).toEqual([0])
    expect(recorders.calls).toEqual([])
  })

  it('is owed as long as an object refuses it', async () => {
    const { author, followers } = await warmFollowers(1)
    const { outbox } = await post(author)
    const recorders = new Recorders((user) =>
      user === followers[0]?.id ? { ok: false, code: 'unavailable' } : { ok: true, state: 'warm' },
    )
    expect((await runFanOut(outbox.map(bodyOf), testDeps({ timeline: recorders.port }))).acked).toEqual([])
    expect(await isOwed(outbox)).toBe(true)
  })
})

describe('a deletion', () => {
  it('wins over a delivery that was planned before it and arrives after it', async () => {
    const { author, followers } = await warmFollowers(2)
    const { id, outbox } = await post(author)
    const planned = new Recorders()
    await runFanOut(outbox.map(bodyOf), testDeps({ timeline: planned.port }))
    await runFanOut(fanOutBodies(await remove(author, id)))
    for (const { receiver, ops } of planned.calls) await timelineOf({ id: receiver }).apply(ops)
    await expectHomes(followers, [])
  })

  it('reaches those who block or mute its author, too', async () => {
    const { author, followers } = await warmFollowers(1)
    const [muter] = followers
    const { id, outbox } = await post(author)
    await runFanOut(outbox.map(bodyOf))
    await rows(sql`insert into mutes (muter_id, muted_id) values (${muter?.id ?? 0}, ${author.id})`)
    await runFanOut(fanOutBodies(await remove(author, id)))
    await expectHomes(followers, [])
  })
})

describe('a change of the graph', () => {
  it('comes to its owner’s timeline by the queue when the request could not tell it', async () => {
    const { author, followers } = await warmFollowers(1)
    const [reader] = followers
    if (reader === undefined) throw new Error('Nobody follows')
    const { id, outbox } = await post(author)
    await runFanOut(outbox.map(bodyOf))
    const untold = { timeline: new Recorders(failing).port }
    const unfollowed = await unfollow(reader, author, untold)
    const followed = await follow(reader, author, untold)
    expect(await homeIds(reader)).toEqual([id])
    await runFanOut(fanOutBodies(followed))
    await runFanOut(fanOutBodies(unfollowed))
    expect(await homeIds(reader)).toEqual([id])
    const again = await unfollow(reader, author, untold)
    expect((await runFanOut(fanOutBodies([...again, ...unfollowed]))).acked).toEqual([0, 1])
    expect(await homeIds(reader)).toEqual([])
    expect(await isOwed([...followed, ...unfollowed, ...again])).toBe(false)
  })

  it('is done without a call where the timeline is cold', async () => {
    const [reader, author] = await insertPeople(2)
    if (!reader || !author) throw new Error('Nobody was inserted')
    const recorders = new Recorders()
    const outbox = await follow(reader, author, { timeline: recorders.port })
    recorders.calls.length = 0
    expect((await runFanOut(fanOutBodies(outbox), testDeps({ timeline: recorders.port }))).acked).toEqual([0])
    expect(recorders.calls).toEqual([])
    expect(await isOwed(outbox)).toBe(false)
  })
})
