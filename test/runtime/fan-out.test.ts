import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import { array } from '../../src/db/client.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { timelineStub } from '../../src/durable-objects/stubs.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { bodyOf, follow, post, remove, runFanOut, unfollow } from './consumers.ts'
import { refuseDatabase } from './database-gate.ts'
import { rows, testDeps } from './harness.ts'
import { homeIds, insertFollowers, insertPeople, markWarm, timelineOf } from './people.ts'
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

async function isOwed(outbox: readonly OutboxRow[]): Promise<boolean> {
  const ids = array(
    outbox.map(({ id }) => id),
    'bigint',
  )
  return (await rows(sql`select from outbox where id = any(${ids})`)).length > 0
}

const newestFirst = (...ids: number[]) => ids.sort((a, b) => b - a)

describe('a tweet', () => {
  it('comes to every follower exactly once, however often and in whatever order its message comes', async () => {
    const { author, followers } = await warmFollowers(3)
    const posted = [await post(author), await post(author), await post(author)]
    const bodies = posted.flatMap(({ outbox }) => outbox).map(bodyOf)
    const batch = [bodies[2], bodies[0], bodies[2], bodies[1], bodies[0]]
    expect((await runFanOut(batch)).acked).toEqual([0, 1, 2, 3, 4])
    expect((await runFanOut(bodies.toReversed())).acked).toEqual([0, 1, 2])
    await expectHomes([author, ...followers], newestFirst(...posted.map(({ id }) => id)))
    for (const { outbox } of posted) expect(await isOwed(outbox)).toBe(false)
  })

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

  it('comes by the retry to a follower whose object failed, and at once to the others', async () => {
    const { author, followers } = await warmFollowers(3)
    const [unlucky, ...others] = followers
    if (unlucky === undefined) throw new Error('Nobody follows')
    const { id, outbox } = await post(author)
    const other = await post(author)
    let failures = 0
    const timeline = (user: UserId) => {
      if (user === unlucky.id && failures++ === 0) return new Recorders(failing).port(user)
      return timelineStub(env, user)
    }
    const bodies = outbox.map(bodyOf)
    expect(await runFanOut(bodies, testDeps({ timeline }))).toEqual({ acked: [], retried: [0] })
    await expectHomes(others, [id])
    await expectHomes([unlucky], [])
    expect(await isOwed(outbox)).toBe(true)
    // Another message of the same batch is not held up by it.
    expect((await runFanOut([...bodies, ...other.outbox.map(bodyOf)], testDeps({ timeline }))).acked).toEqual(
      [0, 1],
    )
    await expectHomes(followers, newestFirst(id, other.id))
    expect(await isOwed(outbox)).toBe(false)
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

  it('calls nobody whose timeline is cold', async () => {
    const [author, warm, cold] = await insertPeople(3)
    if (!author || !warm || !cold) throw new Error('Nobody was inserted')
    await insertFollowers([warm, cold], author)
    await markWarm([warm])
    const { outbox } = await post(author)
    const recorders = new Recorders()
    await runFanOut(outbox.map(bodyOf), testDeps({ timeline: recorders.port }))
    expect(recorders.receivers).toEqual([warm.id])
  })

  it('stays away from those who block or mute its author, or whom its author blocks', async () => {
    const { author, followers } = await warmFollowers(4)
    const [friend, blocker, blocked, muter] = followers
    if (!friend || !blocker || !blocked || !muter) throw new Error('Nobody follows')
    await rows(sql`
      insert into blocks (blocker_id, blocked_id)
      values (${blocker.id}, ${author.id}), (${author.id}, ${blocked.id})`)
    await rows(sql`insert into mutes (muter_id, muted_id) values (${muter.id}, ${author.id})`)
    const { id, outbox } = await post(author)
    await runFanOut(outbox.map(bodyOf))
    await expectHomes([friend], [id])
    await expectHomes([blocker, blocked, muter], [])
  })

  it('comes to one follower’s object in one call with the others of its batch', async () => {
    const [author, other, follower] = await insertPeople(3)
    if (!author || !other || !follower) throw new Error('Nobody was inserted')
    for (const followee of [author, other]) await insertFollowers([follower], followee)
    await markWarm([follower])
    const outbox = [
      ...(await post(author)).outbox,
      ...(await post(other)).outbox,
      ...(await post(author)).outbox,
    ]
    const recorders = new Recorders()
    await runFanOut(outbox.map(bodyOf), testDeps({ timeline: recorders.port }))
    expect(recorders.calls.map(({ receiver, ops }) => [receiver, ops.length])).toEqual([[follower.id, 3]])
  })
})

describe('a deletion', () => {
  it('takes the tweet away from every follower', async () => {
    const { author, followers } = await warmFollowers(2)
    const { id, outbox } = await post(author)
    await runFanOut(outbox.map(bodyOf))
    await runFanOut((await remove(author, id)).map(bodyOf))
    await expectHomes([author, ...followers], [])
  })

  it('that overtakes its tweet leaves nothing behind', async () => {
    const { author, followers } = await warmFollowers(2)
    const { id, outbox } = await post(author)
    const removal = await remove(author, id)
    await runFanOut(removal.map(bodyOf))
    const recorders = new Recorders()
    expect((await runFanOut(outbox.map(bodyOf), testDeps({ timeline: recorders.port }))).acked).toEqual([0])
    expect(recorders.calls).toEqual([])
    expect(await isOwed(outbox)).toBe(false)
    await expectHomes(followers, [])
  })

  it('wins over a delivery that was planned before it and arrives after it', async () => {
    const { author, followers } = await warmFollowers(2)
    const { id, outbox } = await post(author)
    const planned = new Recorders()
    await runFanOut(outbox.map(bodyOf), testDeps({ timeline: planned.port }))
    await runFanOut((await remove(author, id)).map(bodyOf))
    for (const { receiver, ops } of planned.calls) await timelineOf({ id: receiver }).apply(ops)
    await expectHomes(followers, [])
  })

  it('reaches those who block or mute its author, too', async () => {
    const { author, followers } = await warmFollowers(1)
    const [muter] = followers
    const { id, outbox } = await post(author)
    await runFanOut(outbox.map(bodyOf))
    await rows(sql`insert into mutes (muter_id, muted_id) values (${muter?.id ?? 0}, ${author.id})`)
    await runFanOut((await remove(author, id)).map(bodyOf))
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
    await runFanOut(followed.map(bodyOf))
    await runFanOut(unfollowed.map(bodyOf))
    expect(await homeIds(reader)).toEqual([id])
    const again = await unfollow(reader, author, untold)
    expect((await runFanOut([...again, ...unfollowed].map(bodyOf))).acked).toEqual([0, 1])
    expect(await homeIds(reader)).toEqual([])
    expect(await isOwed([...followed, ...unfollowed, ...again])).toBe(false)
  })

  it('is done without a call where the timeline is cold', async () => {
    const [reader, author] = await insertPeople(2)
    if (!reader || !author) throw new Error('Nobody was inserted')
    const recorders = new Recorders()
    const outbox = await follow(reader, author, { timeline: recorders.port })
    recorders.calls.length = 0
    expect((await runFanOut(outbox.map(bodyOf), testDeps({ timeline: recorders.port }))).acked).toEqual([0])
    expect(recorders.calls).toEqual([])
    expect(await isOwed(outbox)).toBe(false)
  })
})
