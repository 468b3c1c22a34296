import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { array } from '../../src/db/client.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { bodyOf, fanOutBodies, follow, post, postAndDeliver, runFanOut } from './consumers.ts'
import { gateDatabase, holdDatabase, naming, type RoundTrip, refuseDatabase } from './database-gate.ts'
import { fakeTimeline } from './fake-timeline.ts'
import { rows } from './harness.ts'
import { homeIds, insertFollowers, insertPeople, insertRecentTweets, timelineOf } from './people.ts'
import { range } from './stores.ts'

const ROUNDS = 100
const ROUNDS_TIMEOUT_MS = 60_000
const ROUNDS_AT_ONCE = 6
const POSTS = 2
const PAUSE_MS = 4
/** Posts and their fan-out have time to pass between any two steps of what they race. */
const LONG_PAUSE_MS = 100

/** Somebody who reads, and somebody who posts meanwhile. */
type Pair = readonly [reader: Viewer, author: Viewer]

async function insertPairs(count: number): Promise<Pair[]> {
  const people = await insertPeople(count * 2)
  return people.slice(0, count).flatMap((reader, index): Pair[] => {
    const author = people[count + index]
    return author === undefined ? [] : [[reader, author]]
  })
}

async function insertFollows(pairs: readonly Pair[]): Promise<void> {
  const followers = array(
    pairs.map(([reader]) => reader.id),
    'bigint',
  )
  const followees = array(
    pairs.map(([, author]) => author.id),
    'bigint',
  )
  await rows(
    sql`insert into follows (follower_id, following_id) select * from unnest(${followers}, ${followees})`,
  )
}

const pauseUpTo = (ms: number) => scheduler.wait(Math.random() * ms)

/** Every round trip takes some time of its own before and after, so that each run is another interleaving. */
function shakeDatabase(isRaced: (trip: RoundTrip) => boolean) {
  return gateDatabase(async (trip, carry) => {
    const upToMs = isRaced(trip) ? LONG_PAUSE_MS : PAUSE_MS
    await pauseUpTo(upToMs)
    const answer = await carry()
    await pauseUpTo(upToMs)
    return answer
  })
}

async function postRepeatedly(author: Viewer): Promise<number[]> {
  return Promise.all(
    range(1, POSTS).map(async () => {
      await pauseUpTo(2 * LONG_PAUSE_MS)
      const { id, outbox } = await post(author, 'A tweet', { timeline: () => COLD })
      await pauseUpTo(PAUSE_MS)
      await runFanOut(outbox.map(bodyOf))
      return id
    }),
  )
}

async function inRounds(pairs: readonly Pair[], round: (pair: Pair) => Promise<void>): Promise<void> {
  const waiting = pairs.values()
  await Promise.all(
    range(1, ROUNDS_AT_ONCE).map(async () => {
      for (const pair of waiting) await round(pair)
    }),
  )
}

/** Nobody reads the authors' own timelines. */
const COLD = fakeTimeline({ apply: async () => ({ ok: true, state: 'cold' }) })

const isBuild = ({ text }: RoundTrip) =>
  text.includes('insert into timelines') || text.includes(`'followees'`)
const isBackfill = ({ text }: RoundTrip) => text.includes('coalesce(f.show_retweets, true)')

const newestFirst = (ids: readonly number[]) => ids.toSorted((a, b) => b - a)

describe('racing posts', () => {
  it(`a cold build shows every tweet exactly once, in ${ROUNDS} interleavings`, {
    timeout: ROUNDS_TIMEOUT_MS,
  }, async () => {
    const pairs = await insertPairs(ROUNDS)
    await insertFollows(pairs)
    using _shaken = shakeDatabase(isBuild)
    await inRounds(pairs, async ([reader, author]) => {
      const [posted] = await Promise.all([postRepeatedly(author), homeIds(reader)])
      expect(await homeIds(reader)).toEqual(newestFirst(posted))
    })
  })

  it(`a follow shows every tweet exactly once, in ${ROUNDS} interleavings`, {
    timeout: ROUNDS_TIMEOUT_MS,
  }, async () => {
    const pairs = await insertPairs(ROUNDS)
    using _shaken = shakeDatabase(isBackfill)
    await inRounds(pairs, async ([reader, author]) => {
      await homeIds(reader)
      const [posted, outbox] = await Promise.all([postRepeatedly(author), follow(reader, author)])
      await runFanOut(fanOutBodies(outbox))
      expect(await homeIds(reader)).toEqual(newestFirst(posted))
    })
  })
})

describe('a backfill', () => {
  const isTheirs =
    ([reader, author]: Pair) =>
    (trip: RoundTrip) =>
      isBackfill(trip) && naming(reader.id)(trip) && naming(author.id)(trip)

  async function warmPair(): Promise<{ pair: Pair; tweets: number[] }> {
    const [pair] = await insertPairs(1)
    if (pair === undefined) throw new Error('Nobody was inserted')
    const tweets = await insertRecentTweets(pair[1], 2)
    await homeIds(pair[0])
    return { pair, tweets }
  }

  it.each(['before', 'after'] as const)('held up %s it is read misses no tweet', async (when) => {
    const { pair, tweets } = await warmPair()
    const [reader, author] = pair
    using held = holdDatabase(isTheirs(pair), when)
    const following = follow(reader, author)
    await held.reached
    const posted = await postAndDeliver(author)
    held.release()
    await following
    expect(await homeIds(reader)).toEqual([posted, ...tweets])
  })

  it('misses no tweet whose delivery comes before the timeline hears of the follow', async () => {
    const { pair, tweets } = await warmPair()
    const [reader, author] = pair
    // The database says that the reader follows; nobody has told the timeline yet.
    await insertFollowers([reader], author)
    const posted = await postAndDeliver(author)
    expect(await homeIds(reader)).toEqual([])
    await timelineOf(reader).apply([{ type: 'follow', userId: author.id, version: 1 }])
    expect(await homeIds(reader)).toEqual([posted, ...tweets])
  })

  it('that failed is owed: the outbox row stays, and the next read reads it', async () => {
    const { pair, tweets } = await warmPair()
    const [reader, author] = pair
    const bodies = await (async () => {
      using _gate = refuseDatabase(isTheirs(pair))
      const sent = fanOutBodies(await follow(reader, author))
      expect(await runFanOut(sent)).toEqual({ acked: [], retried: [0] })
      // A read is not kept from what is there.
      expect(await homeIds(reader)).toEqual([])
      return sent
    })()
    expect(await homeIds(reader)).toEqual(tweets)
    expect(await runFanOut(bodies)).toEqual({ acked: [0], retried: [] })
  })

  it('that is slow holds a read up for a moment only', async () => {
    const { pair, tweets } = await warmPair()
    const [reader, author] = pair
    using held = holdDatabase(isTheirs(pair), 'before')
    const following = follow(reader, author)
    await held.reached
    expect(await homeIds(reader)).toEqual([])
    const { id } = await post(reader)
    held.release()
    await following
    expect(await homeIds(reader)).toEqual([id, ...tweets])
  })
})
