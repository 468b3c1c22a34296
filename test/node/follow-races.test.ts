import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters } from '../../src/db/statements/counters.ts'
import {
  deleteFollow,
  type Followed,
  insertFollow,
  type Unfollowed,
} from '../../src/db/statements/follows.ts'
import type { Quota } from '../../src/db/statements/quotas.ts'
import { updateProfile } from '../../src/db/statements/update-profile.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const DAY_SECONDS = 86_400

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const quotaOf = (limit: number): Quota => ({ name: 'follows', limit, windowSeconds: DAY_SECONDS })
const meaning = (id: UserId) => ({ ref: { id }, claimedId: null })
const follow = (follower: UserId, followee: UserId, limit = 1000) =>
  insertFollow(db, follower, meaning(followee), quotaOf(limit))
const unfollow = (follower: UserId, followee: UserId) => deleteFollow(db, follower, meaning(followee))

interface Event {
  followee: number
  following: boolean
  version: number
}

/** What the outbox tells the follower's timeline, in the order of the versions. */
async function eventsOf(follower: UserId): Promise<Event[]> {
  const { rows } = await people.pool.query<Event>(
    `select (message ->> 'followee_id')::float8 as followee,
            (message ->> 'following')::boolean as following,
            (message ->> 'graph_version')::float8 as version
     from outbox
     where queue = 'fan-out' and (message ->> 'follower_id')::bigint = $1
     order by version, outbox.id`,
    [follower],
  )
  return rows
}

/** Whom the outbox tells that something changed between them and the follower, in the order of their ids. */
async function notifiedBy(follower: UserId): Promise<number[]> {
  const { rows } = await people.pool.query<{ followee: number }>(
    `select (message ->> 'followee_id')::float8 as followee
     from outbox
     where queue = 'notifications' and (message ->> 'follower_id')::bigint = $1
     order by followee`,
    [follower],
  )
  return rows.map(({ followee }) => followee)
}

async function followeesOf(follower: UserId): Promise<number[]> {
  const { rows } = await people.pool.query<{ id: number }>(
    'select following_id::float8 as id from follows where follower_id = $1 order by following_id',
    [follower],
  )
  return rows.map(({ id }) => id)
}

/** The counter as readers see it and what the ledger still holds of it. */
async function counted(user: UserId, counter: 'follower_count' | 'following_count'): Promise<number> {
  const { rows } = await people.pool.query<{ counted: number }>(
    `select (${counter} + coalesce((
       select sum(delta) from counter_deltas where subject = 'user' and subject_id = $1 and counter = $2), 0))::float8 as counted
     from users where id = $1`,
    [user, counter],
  )
  return rows[0]?.counted ?? Number.NaN
}

const versionsOf = (results: (Followed | Unfollowed)[]) =>
  results
    .flatMap((result) => ('change' in result && result.change !== null ? [result.change.version] : []))
    .sort((a, b) => a - b)

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

/** A block as its route will make it: the lock of the pair, then the block, and no follow is left. */
function blockOf(blocker: UserId, blocked: UserId) {
  const values = [blocker, blocked]
  const between = '(follower_id, following_id) in (($1, $2), ($2, $1))'
  return [
    {
      text: `select pg_advisory_xact_lock(hashtextextended(least($1::bigint, $2) || ':' || greatest($1::bigint, $2), 0))`,
      values,
    },
    { text: 'insert into blocks (blocker_id, blocked_id) values ($1, $2)', values },
    { text: `delete from follows where ${between}`, values },
  ]
}

describe('follows and unfollows of one pair at once', () => {
  it('leave the rows, the ledger and the outbox of one order of events', async () => {
    for (let round = 0; round < 10; round++) {
      const [a, b] = [await people.addUser(), await people.addUser()]
      const results = await Promise.all(
        upTo(20).map<Promise<Followed | Unfollowed>>((n) =>
          n % 2 === round % 2 ? follow(a, b) : unfollow(a, b),
        ),
      )
      const events = await eventsOf(a)
      expect(events).toEqual(
        upTo(events.length).map((version) => ({ followee: b, following: version % 2 === 1, version })),
      )
      expect(versionsOf(results)).toEqual(upTo(events.length))
      expect(await notifiedBy(a)).toEqual(events.map(() => b))
      const isFollowing = events.at(-1)?.following ?? false
      expect(await followeesOf(a)).toEqual(isFollowing ? [b] : [])
      expect(await counted(a, 'following_count')).toBe(isFollowing ? 1 : 0)
      expect(await counted(b, 'follower_count')).toBe(isFollowing ? 1 : 0)
    }
  })

  it('follow once, when all of them follow', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    const results = await Promise.all(upTo(20).map(() => follow(a, b)))
    expect(results.map(({ outcome }) => outcome)).toEqual(upTo(20).map(() => 'followed'))
    expect(versionsOf(results)).toEqual([1])
    expect(await eventsOf(a)).toHaveLength(1)
    expect(await notifiedBy(a)).toEqual([b])
    expect(await counted(b, 'follower_count')).toBe(1)
  })

  it('ask once, when all of them ask', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ is_private: true })]
    const results = await Promise.all(upTo(20).map(() => follow(a, b)))
    expect(results).toEqual(
      upTo(20).map(() => ({ outcome: 'requested', change: null, outbox: expect.any(Array) })),
    )
    const sent = results.flatMap((result) => ('outbox' in result ? result.outbox : []))
    expect(sent.map(({ queue }) => queue)).toEqual(['notifications'])
    expect(await notifiedBy(a)).toEqual([b])
  })

  it('go both ways without a deadlock', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    const results = await Promise.all(
      upTo(20).flatMap<Promise<Followed | Unfollowed>>((n) =>
        n % 3 === 0 ? [unfollow(a, b), unfollow(b, a)] : [follow(a, b), follow(b, a)],
      ),
    )
    expect(results).toHaveLength(40)
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(await counted(one, 'following_count')).toBe((await followeesOf(one)).length)
      expect(await counted(other, 'follower_count')).toBe((await followeesOf(one)).length)
    }
  })
})

describe('follows of many people at once', () => {
  it('each have a version of their own, while the profile is changed and the ledger folded', async () => {
    const follower = await people.addUser()
    const others = await people.addUsers(30)
    const [results] = await Promise.all([
      Promise.all(others.map((other) => follow(follower, other))),
      Promise.all(upTo(10).map((n) => updateProfile(db, follower, { display_name: `Name ${n}` }))),
      Promise.all(upTo(10).map(() => foldCounters(db, [{ subject: 'user', id: follower }], 1_000_000))),
    ])
    expect(versionsOf(results)).toEqual(upTo(30))
    const events = await eventsOf(follower)
    expect(events.map(({ version }) => version)).toEqual(upTo(30))
    expect(events.map(({ followee }) => followee).sort((a, b) => a - b)).toEqual(
      [...others].sort((a, b) => a - b),
    )
    expect(await notifiedBy(follower)).toEqual([...others].sort((a, b) => a - b))
    expect(await followeesOf(follower)).toEqual([...others].sort((a, b) => a - b))
    expect(await counted(follower, 'following_count')).toBe(30)
  })

  it('of one popular user do not wait for each other', async () => {
    const popular = await people.addUser()
    const [first, second] = [await people.addUser(), await people.addUser()]
    const firstPair = blockOf(first, popular).slice(0, 1)
    await inTransaction(people.pool, firstPair, async () => {
      expect(await follow(second, popular)).toMatchObject({ outcome: 'followed' })
    })
  })

  it('never exceed the quota, and each that is refused knows when to come back', async () => {
    for (let round = 0; round < 4; round++) {
      const follower = await people.addUser()
      const others = await people.addUsers(50)
      const results = await Promise.all(others.map((other) => follow(follower, other, 10)))
      const refused = results.filter((result) => result.outcome === 'rate_limited')
      expect(await followeesOf(follower)).toHaveLength(10)
      expect(versionsOf(results)).toEqual(upTo(10))
      expect(refused).toHaveLength(40)
      for (const { retry_after_seconds: seconds } of refused) {
        expect(seconds).toBeGreaterThan(DAY_SECONDS - 60)
        expect(seconds).toBeLessThanOrEqual(DAY_SECONDS + 1)
      }
    }
  })
})

describe('a follow and a block at once', () => {
  const remains = async (a: UserId, b: UserId) => {
    const { rows } = await people.pool.query(
      `select exists (select from follows where follower_id = $1 and following_id = $2) as followed,
              exists (select from blocks where blocker_id = $2 and blocked_id = $1) as blocked`,
      [a, b],
    )
    return rows[0]
  }

  it('wait for each other: the follow sees the block that was there first', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    let following: Promise<Followed> | null = null
    await inTransaction(people.pool, blockOf(b, a), async () => {
      following = follow(a, b)
      let settled = false
      void following.finally(() => {
        settled = true
      })
      await expect.poll(async () => settled || (await somebodyWaits(people.pool))).toBe(true)
    })
    expect(await following).toEqual({ outcome: 'blocked' })
    expect(await remains(a, b)).toEqual({ followed: false, blocked: true })
  })

  it('never leave both, in whatever order they come', async () => {
    const outcomes = new Set<string>()
    for (let round = 0; round < 150; round++) {
      const [a, b] = [await people.addUser(), await people.addUser()]
      const [followed] = await Promise.all([
        delayed(round % 3 === 0 ? round / 10 : 0, () => follow(a, b)),
        delayed(round % 3 === 1 ? round / 10 : 0, () => inTransaction(people.pool, blockOf(b, a))),
      ])
      outcomes.add(followed.outcome)
      expect(await remains(a, b)).toEqual({ followed: false, blocked: true })
    }
    expect([...outcomes].sort()).toEqual(['blocked', 'followed'])
  })
})

/** Shifts the start of one of two that race, so that they meet at another point. */
async function delayed<Result>(ms: number, run: () => Promise<Result>): Promise<Result> {
  await new Promise((resolve) => setTimeout(resolve, ms))
  return run()
}
