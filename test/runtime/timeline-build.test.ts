import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { fanOutBodies, follow, post, remove, runFanOut, unfollow } from './consumers.ts'
import {
  gateDatabase,
  holdDatabase,
  naming,
  type RoundTrip,
  refusal,
  refuseDatabase,
  watchDatabase,
} from './database-gate.ts'
import { rows } from './harness.ts'
import {
  homeIds,
  insertFollowers,
  insertPeople,
  insertRecentTweets,
  insertTweets,
  timelineOf,
} from './people.ts'
import { deliver, pulledEntry, range, warmObject } from './stores.ts'

interface Scene {
  reader: Viewer
  /** Whom the reader follows. */
  ann: Viewer
  /** Whom the reader does not follow. */
  bob: Viewer
  /** Ann's tweets, the newest first. */
  tweets: TweetId[]
  bobsTweet: TweetId
}

async function setScene(): Promise<Scene> {
  const [reader, ann, bob] = await insertPeople(3)
  if (reader === undefined || ann === undefined || bob === undefined) throw new Error('Nobody was inserted')
  await insertFollowers([reader], ann)
  const tweets = await insertRecentTweets(ann, 2)
  const [bobsTweet] = await insertRecentTweets(bob, 1)
  if (bobsTweet === undefined) throw new Error('Nothing was inserted')
  return { reader, ann, bob, tweets, bobsTweet }
}

const newestFirst = (...ids: number[]) => ids.sort((a, b) => b - a)
const commitsWarm = ({ id }: { id: UserId }) => tripOf(id, 'insert into timelines')
const pulls = ({ id }: { id: UserId }) => tripOf(id, "'followees'")

function tripOf(id: UserId, text: string): (trip: RoundTrip) => boolean {
  const names = naming(id)
  return (trip) => names(trip) && trip.text.includes(text)
}

/** Both the write and its fan-out, to the end. */
async function spread(outbox: OutboxRow[]): Promise<void> {
  expect((await runFanOut(fanOutBodies(outbox))).retried).toEqual([])
}

describe('a cold build', () => {
  it('shows what belongs on a home timeline, and nothing else', async () => {
    const { reader, ann, bob, tweets, bobsTweet } = await setScene()
    const [blocked, blocker, muted, suspended] = await insertPeople(4)
    if (!blocked || !blocker || !muted || !suspended) throw new Error('Nobody was inserted')
    for (const person of [blocked, blocker, muted, suspended]) {
      await insertFollowers([reader], person)
      await insertRecentTweets(person, 1)
    }
    await rows(
      sql`insert into blocks (blocker_id, blocked_id) values (${reader.id}, ${blocked.id}), (${blocker.id}, ${reader.id})`,
    )
    await rows(sql`insert into mutes (muter_id, muted_id) values (${reader.id}, ${muted.id})`)
    await rows(sql`update users set suspended_at = now() where id = ${suspended.id}`)
    const [newest = 0, older = 0] = tweets
    await rows(sql`update tweets set is_deleted = true where id = ${older}`)
    await insertTweets([{ id: (newest - 4096) as TweetId, author: ann, replyTo: bobsTweet }])
    const [own = 0] = await insertRecentTweets(reader, 1)

    expect(await homeIds(reader)).toEqual(newestFirst(newest, own))
    // What is written afterwards by those who are not to be heard stays away, too.
    for (const person of [bob, blocked, blocker, muted]) await spread((await post(person)).outbox)
    expect(await homeIds(reader)).toEqual(newestFirst(newest, own))
  })

  const points = {
    'before it is committed that the timeline is warm': [commitsWarm, 'before'],
    'when that is committed and not yet answered': [commitsWarm, 'after'],
    'before the pull': [pulls, 'before'],
    'when the pull is done and not yet answered': [pulls, 'after'],
  } as const

  const changes: Record<string, (scene: Scene) => Promise<{ outbox: OutboxRow[]; expected: number[] }>> = {
    'a tweet': async ({ ann, tweets }) => {
      const { id, outbox } = await post(ann)
      return { outbox, expected: [id, ...tweets] }
    },
    'one’s own tweet': async ({ reader, tweets }) => {
      const { id, outbox } = await post(reader)
      return { outbox, expected: [id, ...tweets] }
    },
    'a deletion': async ({ ann, tweets: [newest = 0 as TweetId, older = 0] }) => ({
      outbox: await remove(ann, newest),
      expected: [older],
    }),
    'a tweet and its deletion': async ({ ann, tweets }) => {
      const { id, outbox } = await post(ann)
      return { outbox: [...outbox, ...(await remove(ann, id))], expected: tweets }
    },
    'a follow': async ({ reader, bob, tweets, bobsTweet }) => {
      const outbox = await follow(reader, bob)
      const { id, outbox: posted } = await post(bob)
      return { outbox: [...outbox, ...posted], expected: [id, bobsTweet, ...tweets] }
    },
    'an unfollow': async ({ reader, ann }) => {
      const { outbox } = await post(ann)
      return { outbox: [...outbox, ...(await unfollow(reader, ann))], expected: [] }
    },
  }

  for (const [point, [matches, when]] of Object.entries(points)) {
    it.each(Object.entries(changes))(`keeps %s ${point}`, async (_name, change) => {
      const scene = await setScene()
      using held = holdDatabase(matches(scene.reader), when)
      const building = homeIds(scene.reader)
      await held.reached
      const { outbox, expected } = await change(scene)
      await spread(outbox)
      held.release()
      await building
      // All of it may come once more, the other way round.
      await spread(outbox.toReversed())
      expect(await homeIds(scene.reader)).toEqual(newestFirst(...expected))
    })
  }

  it('is done once for reads at the same time', async () => {
    const { reader, tweets } = await setScene()
    using database = watchDatabase()
    const pages = await Promise.all(range(1, 5).map(() => homeIds(reader)))
    expect(pages).toEqual(range(1, 5).map(() => tweets))
    expect(database.trips.filter(commitsWarm(reader))).toHaveLength(1)
    expect(database.trips.filter(pulls(reader))).toHaveLength(1)
  })
})

describe('a build that fails', () => {
  const page = (reader: Viewer) => timelineOf(reader).page({ limit: 10, before: null, top: null, offset: 0 })

  it.each([
    ['commit', commitsWarm],
    ['pull', pulls],
  ])('at its %s is done by the next read, with what arrived meanwhile', async (_name, matches) => {
    const { reader, ann, tweets } = await setScene()
    {
      using _gate = refuseDatabase(matches(reader))
      expect(await page(reader)).toEqual({ ok: false, code: 'unavailable' })
    }
    const { id, outbox } = await post(ann)
    await spread(outbox)
    expect(await homeIds(reader)).toEqual([id, ...tweets])
  })

  it('because the answer to its commit was lost takes the next epoch', async () => {
    const { reader, tweets } = await setScene()
    const matches = commitsWarm(reader)
    {
      using _gate = gateDatabase(async (trip, carry) => {
        const answer = await carry()
        return matches(trip) ? refusal() : answer
      })
      expect((await page(reader)).ok).toBe(false)
    }
    const epochOf = () =>
      rows<{ epoch: number }>(sql`select epoch::float8 from timelines where user_id = ${reader.id}`)
    const [lost] = await epochOf()
    expect(await homeIds(reader)).toEqual(tweets)
    const [epoch] = await epochOf()
    expect(epoch?.epoch).toBeGreaterThan(lost?.epoch ?? Number.NaN)
  })

  it('because too much arrived is done by the next read', async () => {
    const { reader, ann, tweets } = await setScene()
    using held = holdDatabase(pulls(reader), 'after')
    const building = page(reader)
    await held.reached
    await timelineOf(reader).apply(range(1, 2001).map((id) => deliver(id, ann.id)))
    held.release()
    expect(await building).toEqual({ ok: false, code: 'unavailable' })
    expect(await homeIds(reader)).toEqual(tweets)
  })

  it('because there is no such user says so', async () => {
    const [reader] = await insertPeople(1)
    if (reader === undefined) throw new Error('Nobody was inserted')
    await rows(sql`delete from users where id = ${reader.id}`)
    expect(await page(reader)).toEqual({ ok: false, code: 'user_not_found' })
  })
})

describe('a raised database epoch', () => {
  it('has the next read build anew', async () => {
    const { reader, ann, tweets } = await setScene()
    const lost = pulledEntry(99, ann.id)
    await warmObject(
      timelineOf(reader),
      reader.id,
      { entries: [lost], followees: [ann.id] },
      { databaseEpoch: 0 },
    )
    expect(await homeIds(reader)).toEqual(tweets)
  })
})
