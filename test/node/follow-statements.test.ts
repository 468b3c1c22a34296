import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { deleteFollow, insertFollow } from '../../src/db/statements/follows.ts'
import type { Quota } from '../../src/db/statements/quotas.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const DAY_SECONDS = 86_400
const MISSING = Number.MAX_SAFE_INTEGER as UserId

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
const meaning = (id: UserId, claimedId: UserId | null = null) => ({ ref: { id }, claimedId })
const follow = (follower: UserId, followee: UserId, limit = 1000) =>
  insertFollow(db, follower, meaning(followee), quotaOf(limit))
const unfollow = (follower: UserId, followee: UserId) => deleteFollow(db, follower, meaning(followee))

/** All that a follow may leave in the database, of one follower and one followee. */
async function traceOf(follower: UserId, followee: UserId) {
  const { rows } = await people.pool.query(
    `select
       (select count(*)::int from follows where follower_id = $1 and following_id = $2) as follows,
       (select count(*)::int from follow_requests where requester_id = $1 and target_id = $2) as requests,
       (select coalesce(sum(delta), 0)::int from counter_deltas
        where subject = 'user' and subject_id = $1 and counter = 'following_count') as following_count,
       (select coalesce(sum(delta), 0)::int from counter_deltas
        where subject = 'user' and subject_id = $2 and counter = 'follower_count') as follower_count,
       (select count(*)::int from outbox where queue = 'fan-out' and (message ->> 'follower_id')::bigint = $1) as fan_out,
       (select count(*)::int from outbox where queue = 'notifications' and (message ->> 'follower_id')::bigint = $1) as notifications,
       (select graph_version::int from users where id = $1) as graph_version,
       (select coalesce(sum(cardinality(uses)), 0)::int from quota_windows where user_id = $1) as uses`,
    [follower, followee],
  )
  return rows[0]
}

const NO_TRACE = {
  follows: 0,
  requests: 0,
  following_count: 0,
  follower_count: 0,
  fan_out: 0,
  notifications: 0,
  graph_version: 0,
  uses: 0,
}
const FOLLOWED = {
  ...NO_TRACE,
  follows: 1,
  following_count: 1,
  follower_count: 1,
  fan_out: 1,
  notifications: 1,
  graph_version: 1,
}

/** What tells the followee that something changed between the two. */
const notificationOf = (follower: UserId, followee: UserId) => ({
  id: expect.any(Number),
  queue: 'notifications',
  message: { type: 'follow_changed', v: 1, follower_id: follower, followee_id: followee },
})

describe('following', () => {
  it('writes the follow, the ledger, and messages to the follower’s own timeline and to the followee', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    const message = {
      type: 'follow_changed',
      v: 1,
      follower_id: a,
      followee_id: b,
      following: true,
      graph_version: 1,
    }
    expect(await follow(a, b)).toEqual({
      outcome: 'followed',
      change: { followee_id: b, version: 1 },
      outbox: [{ id: expect.any(Number), queue: 'fan-out', message }, notificationOf(a, b)],
    })
    expect(await traceOf(a, b)).toEqual({ ...FOLLOWED, uses: 1 })
    const { rows } = await people.pool.query(
      `select next_attempt_at > now() + interval '20 seconds' as later from outbox
       where (message ->> 'follower_id')::bigint = $1`,
      [a],
    )
    expect(rows).toEqual([{ later: true }, { later: true }])
  })

  it('finds who is meant by name in any case', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ username: 'Bea_B' })]
    const byName = { ref: { username: 'bEA_b' }, claimedId: b }
    expect(await insertFollow(db, a, byName, quotaOf(10))).toMatchObject({ change: { followee_id: b } })
    expect(await deleteFollow(db, a, byName)).toMatchObject({ change: { followee_id: b } })
  })

  it('again changes nothing, emits nothing and costs nothing', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    await follow(a, b)
    const after = await traceOf(a, b)
    expect(await follow(a, b, 1)).toEqual({ outcome: 'followed', change: null, outbox: [] })
    expect(await traceOf(a, b)).toEqual(after)
  })

  it('asks a private account, once', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ is_private: true })]
    for (const outbox of [[notificationOf(a, b)], []]) {
      expect(await follow(a, b)).toEqual({ outcome: 'requested', change: null, outbox })
      expect(await traceOf(a, b)).toEqual({ ...NO_TRACE, requests: 1, notifications: 1, uses: 1 })
    }
  })

  it('stays a follow when the account has become private since', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ is_private: true })]
    await people.add('follows', a, b)
    expect(await follow(a, b)).toEqual({ outcome: 'followed', change: null, outbox: [] })
    expect(await traceOf(a, b)).toMatchObject({ requests: 0, fan_out: 0, notifications: 0 })
  })

  it('turns a request into a follow when the account has become public since', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    await people.add('follow_requests', a, b)
    expect(await follow(a, b)).toMatchObject({ outcome: 'followed', change: { version: 1 } })
    expect(await traceOf(a, b)).toEqual({ ...FOLLOWED, uses: 1 })
  })

  it('does not depend on mutes', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    await people.add('mutes', a, b)
    await people.add('mutes', b, a)
    expect(await follow(a, b)).toMatchObject({ outcome: 'followed' })
  })

  it.each([
    ['is suspended', { suspended_at: new Date() }, {}, 'suspended'],
    ['is deactivated', { is_active: false }, {}, 'unauthenticated'],
    ['means someone suspended', {}, { suspended_at: new Date() }, 'user_not_found'],
    ['means someone deactivated', {}, { is_active: false }, 'user_not_found'],
  ])('refuses who %s, and leaves no trace', async (_, follower, followee, outcome) => {
    const [a, b] = [await people.addUser(follower), await people.addUser(followee)]
    expect(await follow(a, b)).toEqual({ outcome })
    expect(await traceOf(a, b)).toEqual(NO_TRACE)
  })

  it.each([
    ['blocked', false, {}],
    ['blocked', false, { is_private: true }],
    ['blocking', true, {}],
    ['blocking', true, { is_private: true }],
  ])('is refused across a block: %s', async (outcome, blocksThemself, followee) => {
    const [a, b] = [await people.addUser(), await people.addUser(followee)]
    await (blocksThemself ? people.add('blocks', a, b) : people.add('blocks', b, a))
    expect(await follow(a, b)).toEqual({ outcome })
    expect(await traceOf(a, b)).toEqual(NO_TRACE)
  })

  it('refuses oneself, nobody, and another than the request claims', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    expect(await follow(a, a)).toEqual({ outcome: 'cannot_follow_self' })
    expect(await follow(a, MISSING)).toEqual({ outcome: 'user_not_found' })
    expect(await follow(MISSING, a)).toEqual({ outcome: 'unauthenticated' })
    expect(await insertFollow(db, a, meaning(b, a), quotaOf(10))).toEqual({ outcome: 'not_claimed' })
    expect(await deleteFollow(db, a, meaning(b, a))).toEqual({ outcome: 'not_claimed' })
    expect(await traceOf(a, b)).toEqual(NO_TRACE)
  })
})

describe('unfollowing', () => {
  it('takes everything back, with messages of its own', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    await follow(a, b)
    const message = { type: 'follow_changed', followee_id: b, following: false, graph_version: 2 }
    expect(await unfollow(a, b)).toMatchObject({
      outcome: 'unfollowed',
      change: { followee_id: b, version: 2 },
      outbox: [{ queue: 'fan-out', message }, notificationOf(a, b)],
    })
    expect(await traceOf(a, b)).toEqual({
      ...NO_TRACE,
      fan_out: 2,
      notifications: 2,
      graph_version: 2,
      uses: 1,
    })
  })

  it('again, or without a follow, changes nothing and emits nothing', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    expect(await unfollow(a, b)).toEqual({ outcome: 'unfollowed', change: null, outbox: [] })
    expect(await unfollow(a, a)).toEqual({ outcome: 'unfollowed', change: null, outbox: [] })
    expect(await traceOf(a, b)).toEqual(NO_TRACE)
  })

  it('withdraws a request', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ is_private: true })]
    await follow(a, b)
    expect(await unfollow(a, b)).toEqual({
      outcome: 'unfollowed',
      change: null,
      outbox: [notificationOf(a, b)],
    })
    expect(await traceOf(a, b)).toEqual({ ...NO_TRACE, notifications: 2, uses: 1 })
  })

  it.each([
    ['suspended', { suspended_at: new Date() }],
    ['deactivated', { is_active: false }],
  ])('lets go of who is %s, whom others do not find', async (_, columns) => {
    const [a, b, stranger] = [await people.addUser(), await people.addUser(columns), await people.addUser()]
    await people.add('follows', a, b)
    expect(await unfollow(stranger, b)).toEqual({ outcome: 'user_not_found' })
    expect(await unfollow(a, b)).toMatchObject({ outcome: 'unfollowed', change: { version: 1 } })
    expect(await unfollow(a, b)).toEqual({ outcome: 'user_not_found' })
  })

  it.each([
    ['suspended', { suspended_at: new Date() }, 'suspended'],
    ['deactivated', { is_active: false }, 'unauthenticated'],
  ])('is refused to who is %s', async (_, columns, outcome) => {
    const [a, b] = [await people.addUser(columns), await people.addUser()]
    await people.add('follows', a, b)
    expect(await unfollow(a, b)).toEqual({ outcome })
    expect(await traceOf(a, b)).toEqual({ ...NO_TRACE, follows: 1 })
  })

  it('finds nobody where there is nobody', async () => {
    const a = await people.addUser()
    expect(await unfollow(a, MISSING)).toEqual({ outcome: 'user_not_found' })
    expect(await unfollow(MISSING, a)).toEqual({ outcome: 'unauthenticated' })
  })
})

describe('the quota', () => {
  const useAt = (user: UserId, ...agesSeconds: number[]) =>
    people.pool.query(
      `insert into quota_windows (user_id, quota, uses)
       select $1, 'follows', array_agg(now() - make_interval(secs => age)) from unnest($2::float8[]) age`,
      [user, agesSeconds],
    )

  it('says how long until the oldest follow leaves the window', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    await useAt(a, DAY_SECONDS + 1, DAY_SECONDS - 60, 10)
    const refused = await follow(a, b, 2)
    expect(refused).toEqual({ outcome: 'rate_limited', retry_after_seconds: expect.any(Number) })
    const seconds = 'retry_after_seconds' in refused ? refused.retry_after_seconds : 0
    expect(seconds).toBeGreaterThan(50)
    expect(seconds).toBeLessThanOrEqual(60)
    expect(await traceOf(a, b)).toEqual({ ...NO_TRACE, uses: 3 })
  })

  it('slides: what is a day old counts no more', async () => {
    const [a, b, c] = [await people.addUser(), await people.addUser(), await people.addUser()]
    await useAt(a, DAY_SECONDS + 60, DAY_SECONDS + 1, 10)
    expect(await follow(a, b, 2)).toMatchObject({ outcome: 'followed' })
    expect(await traceOf(a, b)).toMatchObject({ uses: 2 })
    expect(await follow(a, c, 2)).toMatchObject({ outcome: 'rate_limited' })
  })

  it('refuses nothing that needs no new follow', async () => {
    const [a, b, c] = [await people.addUser(), await people.addUser(), await people.addUser()]
    await follow(a, b, 1)
    expect(await follow(a, c, 1)).toMatchObject({ outcome: 'rate_limited' })
    expect(await follow(a, b, 1)).toEqual({ outcome: 'followed', change: null, outbox: [] })
    expect(await follow(a, MISSING, 1)).toEqual({ outcome: 'user_not_found' })
    expect(await unfollow(a, b)).toMatchObject({ outcome: 'unfollowed' })
  })

  it('counts requests too', async () => {
    const [a, b, c] = [
      await people.addUser(),
      await people.addUser({ is_private: true }),
      await people.addUser(),
    ]
    await follow(a, b, 1)
    expect(await follow(a, c, 1)).toMatchObject({ outcome: 'rate_limited' })
  })
})
