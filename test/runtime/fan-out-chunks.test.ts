import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import { FAN_OUT_CHUNK } from '../../src/db/statements/fan-out.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { bodyOf, post, remove, runFanOut } from './consumers.ts'
import { rows, testDeps } from './harness.ts'
import { insertFollowers, insertPeople, insertPerson, markWarm } from './people.ts'
import { failing, Recorders } from './recorders.ts'

async function crowdOf(count: number): Promise<{ author: Viewer; followers: Viewer[] }> {
  const [author, ...followers] = await insertPeople(count + 1)
  if (author === undefined) throw new Error('Nobody was inserted')
  await insertFollowers(followers, author)
  await markWarm(followers)
  return { author, followers }
}

/** Runs a message and all that it is split into, each message on its own. Answers how many there were of each kind. */
async function runAll(
  outbox: readonly OutboxRow[],
  recorders: Recorders,
): Promise<{ splits: number; chunks: number }> {
  const waiting = [...outbox]
  const counts = { splits: 0, chunks: 0 }
  for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
    const deps = testDeps({ timeline: recorders.port })
    expect((await runFanOut([bodyOf(row)], deps)).acked).toEqual([0])
    if (deps.sent.length > 0) counts.splits += 1
    else counts.chunks += 1
    waiting.push(...deps.sent)
  }
  return counts
}

const idsOf = (people: readonly Viewer[]) => people.map(({ id }) => id).sort((a, b) => a - b)

async function owed(author: Viewer): Promise<OutboxRow[]> {
  return rows<OutboxRow>(sql`
    select id::float8 as id, queue, message from outbox where (message ->> 'author_id')::bigint = ${author.id} order by id`)
}

describe('a large fan-out', () => {
  it.each([FAN_OUT_CHUNK - 1, FAN_OUT_CHUNK])('of %i warm followers is one task', async (count) => {
    const { author, followers } = await crowdOf(count)
    const recorders = new Recorders()
    expect(await runAll((await post(author)).outbox, recorders)).toEqual({ splits: 0, chunks: 1 })
    expect(recorders.receivers).toEqual(idsOf(followers))
  })

  it('of one more is split, and reaches each exactly once', async () => {
    const { author, followers } = await crowdOf(FAN_OUT_CHUNK + 1)
    const recorders = new Recorders()
    expect(await runAll((await post(author)).outbox, recorders)).toEqual({ splits: 1, chunks: 2 })
    expect(recorders.receivers).toEqual(idsOf(followers))
    expect(await owed(author)).toEqual([])
  })

  it('with a warm author reaches the author, too, and a deletion reaches the same', async () => {
    const { author, followers } = await crowdOf(1_200)
    await markWarm([author])
    const { id, outbox } = await post(author)
    const delivered = new Recorders()
    expect(await runAll(outbox, delivered)).toEqual({ splits: 1, chunks: 3 })
    expect(delivered.receivers).toEqual(idsOf([author, ...followers]))
    const retracted = new Recorders()
    await runAll(await remove(author, id), retracted)
    expect(retracted.receivers).toEqual(idsOf([author, ...followers]))
    expect(new Set(retracted.calls.flatMap(({ ops }) => ops.map(({ type }) => type)))).toEqual(
      new Set(['retract']),
    )
  })

  it('is split once by consumers that take it at the same time', async () => {
    const { author, followers } = await crowdOf(700)
    const { outbox } = await post(author)
    const all = [1, 2, 3].map(() => testDeps({ timeline: new Recorders().port }))
    await Promise.all(all.map((deps) => runFanOut(outbox.map(bodyOf), deps)))
    const chunks = all.flatMap(({ sent }) => sent)
    expect(chunks).toEqual(await owed(author))
    const recorders = new Recorders()
    await runAll(chunks, recorders)
    expect(recorders.receivers).toEqual(idsOf(followers))
  })

  it('whose chunks could not be sent still owes them', async () => {
    const { author, followers } = await crowdOf(700)
    const { outbox } = await post(author)
    const sendOutbox = () => Promise.reject(new Error('The queue is away'))
    const deps = testDeps({ queues: { sendOutbox, sendFold: async () => {} } })
    expect((await runFanOut(outbox.map(bodyOf), deps)).acked).toEqual([])
    const recorders = new Recorders()
    await runAll(outbox, recorders)
    expect(recorders.calls).toEqual([])
    await runAll(await owed(author), recorders)
    expect(recorders.receivers).toEqual(idsOf(followers))
  })

  it('owes an object that fails what it was not told, and nobody else', async () => {
    const { author, followers } = await crowdOf(1_100)
    const [unlucky] = followers
    const splitting = testDeps({ timeline: new Recorders().port })
    await runFanOut((await post(author)).outbox.map(bodyOf), splitting)
    const recorders = new Recorders((user, nth) =>
      user === unlucky?.id && nth === 1 ? failing() : { ok: true, state: 'warm' },
    )
    const deps = testDeps({ timeline: recorders.port })
    const { acked, retried } = await runFanOut(splitting.sent.map(bodyOf), deps)
    expect([acked.length, retried.length]).toEqual([3, 0])
    const rest = await owed(author)
    expect(rest).toEqual(deps.sent)
    expect(rest).toMatchObject([{ message: { to: [unlucky?.id] } }])
    await runAll(rest, recorders)
    expect(recorders.receivers.toSorted()).toEqual([...idsOf(followers), unlucky?.id].toSorted())
    expect(await owed(author)).toEqual([])
  })

  it('splits a chunk again that has grown, and misses nobody who warms meanwhile', async () => {
    const { author, followers } = await crowdOf(FAN_OUT_CHUNK + 1)
    const late = await insertPeople(2)
    const deps = testDeps({ timeline: new Recorders().port })
    await runFanOut((await post(author)).outbox.map(bodyOf), deps)
    const [first] = followers
    if (first === undefined) throw new Error('Nobody follows')
    // Somebody whose id lies within the first chunk.
    const between = await insertPerson()
    await rows(sql`update users set id = ${first.id + 1} where id = ${between.id}`)
    const grown = { ...between, id: (first.id + 1) as Viewer['id'] }
    await insertFollowers([grown, ...late], author)
    await markWarm([grown])
    const recorders = new Recorders()
    expect(await runAll(deps.sent, recorders)).toEqual({ splits: 1, chunks: 3 })
    expect(recorders.receivers).toEqual(idsOf([grown, ...followers]))
  })
})
