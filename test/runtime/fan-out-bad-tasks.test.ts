import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { FAN_OUT_CHUNK } from '../../src/db/statements/fan-out.ts'
import type { LogFields } from '../../src/domain/log.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { bodyOf, fanOutBodies, follow, post, runFanOut } from './consumers.ts'
import { type RoundTrip, refuseDatabase, watchDatabase } from './database-gate.ts'
import { rows, testDeps } from './harness.ts'
import { insertFollowers, insertPeople, markWarm } from './people.ts'
import { failing, Recorders } from './recorders.ts'

async function audience(count: number): Promise<{ author: Viewer; followers: Viewer[] }> {
  const [author, ...followers] = await insertPeople(count + 1)
  if (author === undefined) throw new Error('Nobody was inserted')
  await insertFollowers(followers, author)
  await markWarm(followers)
  return { author, followers }
}

const idsOf = (people: readonly Viewer[]) => people.map(({ id }) => id).sort((a, b) => a - b)

/** A statement that plans this tweet, alone or among others: as one that takes too long. */
const plans =
  (tweet: number) =>
  ({ text, params }: RoundTrip) =>
    text.includes('jsonb_to_recordset') && params.some((param) => param.includes(String(tweet)))

describe('a batch', () => {
  it('that fails by one of its tasks is done but for that one when it comes again', async () => {
    const [good, bad, other] = [await audience(2), await audience(2), await audience(2)]
    const posts = [await post(good.author), await post(bad.author), await post(other.author)]
    const bodies = posts.flatMap(({ outbox }) => outbox.map(bodyOf))
    const recorders = new Recorders()
    const run = (attempts: number) => runFanOut(bodies, testDeps({ timeline: recorders.port }), attempts)
    {
      using _gate = refuseDatabase(plans(posts[1]?.id ?? 0))
      expect((await run(1)).retried).toEqual([0, 1, 2])
      expect(recorders.calls).toEqual([])
      const { acked, retried } = await run(2)
      expect([acked.toSorted(), retried]).toEqual([[0, 2], [1]])
    }
    expect(recorders.receivers).toEqual(idsOf([...good.followers, ...other.followers]))
    expect((await run(3)).acked.toSorted()).toEqual([0, 1, 2])
    expect(recorders.receivers).toEqual(idsOf([...good.followers, ...bad.followers, ...other.followers]))
  })

  it('of which one cannot be split does the others, and splits the others', async () => {
    const [small, large, bad] = [
      await audience(1),
      await audience(FAN_OUT_CHUNK + 1),
      await audience(FAN_OUT_CHUNK + 1),
    ]
    const posts = [await post(small.author), await post(large.author), await post(bad.author)]
    const recorders = new Recorders()
    const deps = testDeps({ timeline: recorders.port })
    using _gate = refuseDatabase(
      ({ text, params }) => text.includes('row_number') && params.includes(String(bad.author.id)),
    )
    const bodies = posts.flatMap(({ outbox }) => outbox.map(bodyOf))
    expect(await runFanOut(bodies, deps)).toEqual({ acked: [0, 1], retried: [2] })
    expect(recorders.receivers).toEqual(idsOf(small.followers))
    expect(deps.sent).toHaveLength(2)
  })

  it('costs two statements, however many messages and followers it has', async () => {
    const crowds = [await audience(2), await audience(40), await audience(7)]
    const posts = await Promise.all(crowds.map(({ author }) => post(author)))
    const bodies = posts.flatMap(({ outbox }) => outbox.map(bodyOf))
    using gate = watchDatabase()
    const { acked } = await runFanOut(bodies, testDeps({ timeline: new Recorders().port }))
    expect([acked, gate.trips.length]).toEqual([[0, 1, 2], 2])
  })

  it('costs no more when objects fail', async () => {
    const { author, followers } = await audience(9)
    const unlucky = idsOf(followers.slice(0, 4))
    const posts = [await post(author), await post(author)]
    const recorders = new Recorders((user) =>
      unlucky.includes(user) ? failing() : { ok: true, state: 'warm' },
    )
    using gate = watchDatabase()
    await runFanOut(
      posts.flatMap(({ outbox }) => outbox.map(bodyOf)),
      testDeps({ timeline: recorders.port }),
    )
    expect(gate.trips).toHaveLength(2)
  })
})

describe('calls of one invocation', () => {
  it('are as many as there are receivers, and few at once', async () => {
    const crowds = [await audience(FAN_OUT_CHUNK), await audience(FAN_OUT_CHUNK)]
    const posts = await Promise.all(crowds.map(({ author }) => post(author)))
    const recorders = new Recorders()
    let inFlight = 0
    let most = 0
    const timeline: Deps['timeline'] = (user) => ({
      ...recorders.port(user),
      apply: async () => {
        most = Math.max(most, ++inFlight)
        await new Promise((resolve) => setTimeout(resolve, 1))
        inFlight--
        return { ok: true, state: 'warm' }
      },
    })
    const bodies = posts.flatMap(({ outbox }) => outbox.map(bodyOf))
    expect((await runFanOut(bodies, testDeps({ timeline }))).acked).toEqual([0, 1])
    expect(most).toBe(64)
  })
})

describe('the line in the log', () => {
  async function linesOf(bodies: readonly unknown[], unlucky: readonly Viewer[]): Promise<LogFields[]> {
    const lines: LogFields[] = []
    const log = {
      info: (event: string, fields: LogFields = {}) => lines.push({ event, ...fields }),
      warn: () => {},
      error: () => {},
    }
    const ids = idsOf(unlucky)
    const timeline = new Recorders((user) => (ids.includes(user) ? failing() : { ok: true, state: 'warm' }))
      .port
    await runFanOut(bodies, testDeps({ log, timeline }))
    return lines.filter(({ event }) => event === 'fan_out')
  }

  it('tells how many were told and were not, how late and how fast', async () => {
    const [some, none, large] = [await audience(5), await audience(2), await audience(FAN_OUT_CHUNK + 1)]
    const posts = [await post(some.author), await post(none.author), await post(large.author)]
    const late = posts[0]?.outbox[0]?.id ?? 0
    await rows(sql`update outbox set created_at = now() - interval '90 seconds' where id = ${late}`)
    const [first] = some.followers
    if (first === undefined) throw new Error('Somebody is needed')
    const lines = await linesOf(
      posts.flatMap(({ outbox }) => outbox.map(bodyOf)),
      [first, ...none.followers],
    )
    expect(lines).toEqual([
      {
        event: 'fan_out',
        messages: 3,
        deliveries: 7,
        failed: 3,
        split: 1,
        narrowed: 1,
        retried: 1,
        lag_ms: expect.any(Number),
        deliveries_per_s: expect.any(Number),
        duration_ms: expect.any(Number),
      },
    ])
    expect(lines[0]?.lag_ms).toBeGreaterThanOrEqual(90_000)
    expect(lines[0]?.lag_ms).toBeLessThan(150_000)
    expect(lines[0]?.deliveries_per_s).toBeGreaterThan(0)
  })

  it('knows no lag of what concerns its owner alone', async () => {
    const [reader, author] = await insertPeople(2)
    if (!reader || !author) throw new Error('Nobody was inserted')
    const outbox = await follow(reader, author, { timeline: new Recorders().port })
    const lines = await linesOf(fanOutBodies(outbox), [])
    expect(lines).toMatchObject([{ messages: 1, deliveries: 0, lag_ms: null }])
  })
})
