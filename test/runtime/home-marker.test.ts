import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { type HomeMarkerJson, homeMarker } from '../../src/contracts/http/timelines.ts'
import { commitCold } from '../../src/db/statements/timelines.ts'
import { newTweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { moveMarker, readMarker } from '../../src/services/home-marker.ts'
import { postAndDeliver } from './consumers.ts'
import { refuseDatabase } from './database-gate.ts'
import { fakeTimeline, timelineWith } from './fake-timeline.ts'
import { api, rows, testDeps } from './harness.ts'
import { rebuild } from './homes.ts'
import { homeIds, insertFollowers, insertPeople, insertPerson, timelineOf, tokenOf } from './people.ts'
import { StreamClient } from './stream-client.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const PATH = '/api/timeline/home/marker'

async function get(person: Viewer): Promise<HomeMarkerJson> {
  const answer = await api('GET', PATH, { token: await tokenOf(person) })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return homeMarker.parse(answer.body)
}

const put = async (person: Viewer, body: unknown) => api('PUT', PATH, { token: await tokenOf(person), body })

async function move(person: Viewer, id: number): Promise<HomeMarkerJson> {
  const answer = await put(person, { last_read_id: id })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return homeMarker.parse(answer.body)
}

/** The id of something that was posted so many hours ago. */
const idOf = (person: Viewer, hoursAgo: number) =>
  newTweetId(Date.now() - hoursAgo * HOUR_MS, person.id, Math.random)

const kept = ({ id }: Viewer) =>
  rows<{ id: number }>(sql`select last_read_id::float8 as id from home_markers where user_id = ${id}`)

/** What was last read so long ago that an alarm cools it, which it then does. */
async function cool(person: Viewer): Promise<void> {
  await runInDurableObject(timelineOf(person), async (_object, { storage }) => {
    storage.sql.exec('update state set read_at = ?', Date.now() - 15 * DAY_MS)
    await storage.setAlarm(Date.now() + DAY_MS)
  })
  await evictDurableObject(timelineOf(person))
  expect(await runDurableObjectAlarm(timelineOf(person))).toBe(true)
}

describe('the reading position', () => {
  it('is null before the first', async () => {
    expect(await get(await insertPerson())).toEqual({ last_read_id: null, updated_at: null })
  })

  it('is what was said, and since when', async () => {
    const person = await insertPerson()
    const beforeMs = Date.now()
    const moved = await move(person, idOf(person, 1))
    expect(Date.parse(moved.updated_at ?? '')).toBeGreaterThanOrEqual(beforeMs)
    expect(Date.parse(moved.updated_at ?? '')).toBeLessThanOrEqual(Date.now())
    expect(await get(person)).toEqual(moved)
  })

  it('is the newest, whichever device says it last, and a repeat changes nothing', async () => {
    const person = await insertPerson()
    const [older, newer] = [idOf(person, 2), idOf(person, 1)]
    const moved = await move(person, newer)
    expect(await move(person, older)).toEqual(moved)
    expect(await move(person, newer)).toEqual(moved)
    expect(await get(person)).toEqual(moved)
  })

  it('is the newest of many that are said at once, and each is answered what holds by then', async () => {
    const person = await insertPerson()
    const ids = Array.from({ length: 24 }, (_, n) => idOf(person, 1 + ((n * 7) % 24)))
    const answers = await Promise.all(ids.map((id) => move(person, id)))
    for (const [n, answer] of answers.entries()) {
      expect(answer.last_read_id).toBeGreaterThanOrEqual(ids[n] ?? 0)
    }
    expect((await get(person)).last_read_id).toBe(Math.max(...ids))
  })

  it.each([
    ['of the future', { last_read_id: (Date.now() + DAY_MS - Date.UTC(2024, 0, 1)) * 4096 }],
    ['the greatest number there is', { last_read_id: Number.MAX_SAFE_INTEGER }],
    ['greater than that', { last_read_id: 2 ** 53 }],
    ['zero', { last_read_id: 0 }],
    ['negative', { last_read_id: -1 }],
    ['broken', { last_read_id: 1.5 }],
    ['a text', { last_read_id: '372036854775808' }],
    ['null', { last_read_id: null }],
    ['a list', { last_read_id: [1] }],
    ['missing', {}],
    ['in no object', [1]],
  ])('is refused where it is %s, and stays', async (_name, body) => {
    const person = await insertPerson()
    const moved = await move(person, idOf(person, 1))
    const answer = await put(person, body)
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    expect(await get(person)).toEqual(moved)
  })

  it('may be what was posted by a clock that is ahead by some seconds', async () => {
    const person = await insertPerson()
    const ahead = idOf(person, -5 / 3600)
    expect((await move(person, ahead)).last_read_id).toBe(ahead)
  })

  it('is nobody’s who is not signed in', async () => {
    expect((await api('GET', PATH)).status).toBe(401)
    expect((await api('PUT', PATH, { body: { last_read_id: 1 } })).status).toBe(401)
  })

  it('is everybody’s own', async () => {
    const [one, other] = await insertPeople(2)
    if (one === undefined || other === undefined) throw new Error('Two')
    await move(one, idOf(one, 1))
    expect((await get(other)).last_read_id).toBeNull()
  })

  it('is said and read although the timeline restarts meanwhile', async () => {
    const person = await insertPerson()
    const id = idOf(person, 1)
    const restarting = () => {
      let calls = 0
      const once = <Result>(work: () => Promise<Result>) => {
        calls += 1
        return calls === 1 ? Promise.reject(new Error('The object was reset')) : work()
      }
      return testDeps({
        timeline: (user) => {
          const real = testDeps().timeline(user)
          return timelineWith(real, {
            marker: () => once(() => real.marker()),
            moveMarker: (at) => once(() => real.moveMarker(at)),
          })
        },
      })
    }
    expect(await moveMarker(restarting(), person, id)).toMatchObject({ lastReadId: id })
    expect(await readMarker(restarting(), person)).toMatchObject({ lastReadId: id })
  })

  it('is not known while the timeline fails: 503, to come again', async () => {
    const fails = async () => {
      throw new Error('The object was reset')
    }
    const deps = testDeps({ timeline: () => fakeTimeline({ marker: fails, moveMarker: fails }) })
    const person = await insertPerson()
    const unavailable = { code: 'unavailable', retryAfterSeconds: expect.any(Number) }
    await expect(readMarker(deps, person)).rejects.toMatchObject(unavailable)
    await expect(moveMarker(deps, person, idOf(person, 1))).rejects.toMatchObject(unavailable)
  })
})

describe('other sockets', () => {
  it('hear of it once, and not of what does not move it', async () => {
    const person = await insertPerson()
    const [one, other] = [await StreamClient.connect(person), await StreamClient.connect(person)]
    const moved = await move(person, idOf(person, 1))
    await move(person, idOf(person, 2))
    for (const client of [one, other]) {
      const frames = (await client.framesSoFar()).filter(({ type }) => type === 'marker')
      expect(frames.map(({ data }) => data)).toEqual([moved])
    }
  })

  it('hear of the newest when they resume, in its order among the tweets', async () => {
    const [person, author] = await insertPeople(2)
    if (person === undefined || author === undefined) throw new Error('Two')
    await insertFollowers([person], author)
    const client = await StreamClient.connect(person)
    const since = client.seq
    client.close(1000)
    await client.untilClosed()
    await move(person, idOf(person, 3))
    const first = await postAndDeliver(author)
    const moved = await move(person, idOf(person, 1))
    const second = await postAndDeliver(author)
    await evictDurableObject(timelineOf(person))
    const resumed = await StreamClient.connect(person, since)
    expect(resumed.types).toEqual(['tweet', 'marker', 'tweet', 'ready'])
    expect(resumed.frames.map(({ data }) => data)).toMatchObject([{ id: first }, moved, { id: second }, {}])
    const again = await StreamClient.connect(person, resumed.seq)
    expect(again.types).toEqual(['ready'])
  })

  it('hear nothing of it when they resume after a rebuild that brought nothing new', async () => {
    const person = await insertPerson()
    for (const hoursAgo of [5, 4, 3]) await move(person, idOf(person, hoursAgo))
    await rebuild(person)
    await homeIds(person)
    const client = await StreamClient.connect(person)
    const resumed = await StreamClient.connect(person, client.seq)
    expect(resumed.types).toEqual(['ready'])
  })
})

describe('it is not lost', () => {
  it('when its object is evicted', async () => {
    const person = await insertPerson()
    const moved = await move(person, idOf(person, 1))
    await evictDurableObject(timelineOf(person))
    expect(await get(person)).toEqual(moved)
  })

  it('when the timeline is built anew, although the database has an older one', async () => {
    const person = await insertPerson()
    await rows(sql`
      insert into home_markers (user_id, last_read_id, updated_at)
      values (${person.id}, ${idOf(person, 9)}, now())`)
    const moved = await move(person, idOf(person, 1))
    await rebuild(person)
    await homeIds(person)
    expect(await get(person)).toEqual(moved)
  })

  it('when the timeline cools: it comes back with the next build', async () => {
    const person = await insertPerson()
    const moved = await move(person, idOf(person, 1))
    await cool(person)
    expect(await kept(person)).toEqual([{ id: moved.last_read_id }])
    expect(await get(person)).toEqual(moved)
    const further = await move(person, idOf(person, 0))
    await cool(person)
    expect(await get(person)).toEqual(further)
  })

  it('when the database is away as the timeline is to cool', async () => {
    const person = await insertPerson()
    const moved = await move(person, idOf(person, 1))
    {
      using _gate = refuseDatabase()
      await cool(person)
    }
    expect(await kept(person)).toEqual([])
    expect(await runDurableObjectAlarm(timelineOf(person))).toBe(true)
    expect(await kept(person)).toEqual([{ id: moved.last_read_id }])
    expect(await get(person)).toEqual(moved)
  })

  it('when the row of the timeline is another build’s, as after a restore of the database', async () => {
    const person = await insertPerson()
    const moved = await move(person, idOf(person, 1))
    await rows(sql`update timelines set epoch = epoch - 1 where user_id = ${person.id}`)
    await cool(person)
    expect(await kept(person)).toEqual([{ id: moved.last_read_id }])
  })

  it('is not written where there is none, or nobody', async () => {
    const person = await insertPerson()
    await homeIds(person)
    await cool(person)
    expect(await kept(person)).toEqual([])
    const { db } = testDeps()
    await commitCold(db, idOf(person, 0) as number as Viewer['id'], 1, { lastReadId: 1, updatedAtMs: 1 })
  })

  it('and never by an older one that is written later', async () => {
    const person = await insertPerson()
    const [older, newer] = [idOf(person, 2), idOf(person, 1)]
    const { db } = testDeps()
    for (const lastReadId of [newer, older]) {
      await rows(sql`insert into timelines (user_id, epoch) values (${person.id}, 1)`)
      await commitCold(db, person.id, 1, { lastReadId, updatedAtMs: Date.now() })
    }
    expect(await kept(person)).toEqual([{ id: newer }])
    expect((await get(person)).last_read_id).toBe(newer)
  })
})

describe('without the database', () => {
  it('it is said and read where the timeline is warm', async () => {
    const person = await insertPerson()
    await homeIds(person)
    const token = await tokenOf(person)
    using _gate = refuseDatabase()
    const id = idOf(person, 1)
    expect((await api('PUT', PATH, { token, body: { last_read_id: id } })).status).toBe(200)
    expect(await api('GET', PATH, { token })).toMatchObject({ status: 200, body: { last_read_id: id } })
  })

  it('it is unavailable where the timeline is cold, and says when to come again', async () => {
    const person = await insertPerson()
    {
      using _gate = refuseDatabase()
      for (const answer of [
        await api('GET', PATH, { token: await tokenOf(person) }),
        await put(person, { last_read_id: idOf(person, 1) }),
      ]) {
        expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      }
    }
    expect((await get(person)).last_read_id).toBeNull()
  })
})
