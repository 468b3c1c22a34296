import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import {
  insertDismissal,
  type RecommendedRow,
  readRecommendations,
} from '../../src/db/statements/recommendations.ts'
import { newTweetId, type UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

const DAY_MS = 86_400_000

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

async function readFor(viewer: UserId, limit = 100): Promise<RecommendedRow[]> {
  const rows = await readRecommendations(db, viewer, { nowMs: Date.now(), limit })
  if (rows === null) throw new Error('There is no such viewer')
  return rows
}

/** Whom a source recommends to the viewer, the best first. */
async function from(type: RecommendedRow['type'], viewer: UserId): Promise<number[]> {
  return (await readFor(viewer)).filter((row) => row.type === type).map(({ user }) => user.id)
}

async function follow(follower: UserId, ...followees: UserId[]): Promise<void> {
  for (const followee of followees) {
    moments += 1
    await people.add('follows', follower, followee, { created_at: new Date(Date.now() + moments) })
  }
}
let moments = 0

/** A tweet with this hashtag. */
async function tweetAbout(
  tag: string,
  author: UserId,
  columns: Record<string, unknown> = {},
): Promise<number> {
  const id = await addTweet(database.pool, author, columns)
  await database.pool.query(
    `with known as (
       insert into hashtags (tag) values ($1) on conflict (tag) do update set tag = excluded.tag returning id
     )
     insert into tweet_hashtags (tweet_id, hashtag_id) select $2, id from known`,
    [tag, id],
  )
  return id
}

/** A viewer with somebody whom they follow. */
async function viewerWithFriends(count: number): Promise<{ viewer: UserId; friends: UserId[] }> {
  const [viewer, friends] = [await people.addUser(), await people.addUsers(count)]
  await follow(viewer, ...friends)
  return { viewer, friends }
}

/** What stands between a viewer and one who is otherwise to be recommended. */
const HINDRANCES: Record<string, (viewer: UserId, one: UserId) => Promise<unknown>> = {
  'is followed': (viewer, one) => people.add('follows', viewer, one),
  'was asked': (viewer, one) => people.add('follow_requests', viewer, one),
  'is blocked': (viewer, one) => people.add('blocks', viewer, one),
  blocks: (viewer, one) => people.add('blocks', one, viewer),
  'is muted': (viewer, one) => people.add('mutes', viewer, one),
  'is muted for a while': (viewer, one) =>
    people.add('mutes', viewer, one, { expires_at: new Date(Date.now() + 60_000) }),
  'was dismissed': (viewer, one) => insertDismissal(db, viewer, { id: one }),
  'is suspended': (_, one) =>
    database.pool.query('update users set suspended_at = now() where id = $1', [one]),
  'was deactivated': (_, one) =>
    database.pool.query('update users set is_active = false where id = $1', [one]),
}

describe.each(['followed_by', 'interests', 'popular'] as const)('a recommendation of %s', (type) => {
  /** A viewer, and somebody whom this source recommends to them. */
  async function scene(): Promise<{ viewer: UserId; one: UserId }> {
    const [viewer, one, other] = await people.addUsers(3)
    if (!viewer || !one || !other) throw new Error('Nobody was added')
    if (type === 'followed_by') await follow(viewer, other)
    if (type !== 'interests') await follow(other, one)
    if (type === 'interests') {
      const tag = `tag_${one}`
      await tweetAbout(tag, viewer)
      await tweetAbout(tag, one)
    }
    // Ids grow, so the last one made is the most popular.
    await database.pool.query('update users set follower_count = id where id = $1', [one])
    return { viewer, one }
  }

  it('is given, in one round trip', async () => {
    const { viewer, one } = await scene()
    const [first] = await readFor(viewer)
    expect(first).toMatchObject({
      type,
      user: { id: one },
      relationship: { is_following: false, is_blocking: false },
    })
    expect(await roundTripsOf(database, () => readFor(viewer))).toBe(1)
  })

  it.each(Object.entries(HINDRANCES))('is not of one who %s', async (_, hinder) => {
    const { viewer, one } = await scene()
    await hinder(viewer, one)
    expect((await readFor(viewer)).map(({ user }) => user.id)).not.toContain(one)
  })

  it('is of one who was muted once', async () => {
    const { viewer, one } = await scene()
    await people.add('mutes', viewer, one, { expires_at: new Date(Date.now() - 1_000) })
    expect(await from(type, viewer)).toContain(one)
  })

  it('is of one who is private only where a mutual follows them', async () => {
    const { viewer, one } = await scene()
    await database.pool.query('update users set is_private = true where id = $1', [one])
    const ids = (await readFor(viewer)).map(({ user }) => user.id)
    expect(ids.includes(one)).toBe(type === 'followed_by')
  })

  it('is never of oneself', async () => {
    const { viewer, one } = await scene()
    await follow(one, viewer)
    await database.pool.query('update users set follower_count = id where id = $1', [viewer])
    expect((await readFor(viewer)).map(({ user }) => user.id)).not.toContain(viewer)
  })
})

describe('friends of friends', () => {
  it('come by how many mutuals they have, who posted lately before who did not', async () => {
    const { viewer, friends } = await viewerWithFriends(4)
    const [three, two, active, quiet] = await people.addUsers(4)
    if (!three || !two || !active || !quiet) throw new Error('Nobody was added')
    for (const friend of friends.slice(0, 3)) await follow(friend, three)
    for (const friend of friends.slice(0, 2)) await follow(friend, two, active, quiet)
    await addTweet(database.pool, active)
    const id = newTweetId(Date.now() - 10 * DAY_MS, two, Math.random)
    await addTweet(database.pool, two, { id, conversation_id: id })
    expect(await from('followed_by', viewer)).toEqual([active, two, three, quiet])
  })

  it('name two of the mutuals, the last followed first, and count them all', async () => {
    const { viewer, friends } = await viewerWithFriends(4)
    const [one, muted] = await people.addUsers(2)
    if (!one || !muted) throw new Error('Nobody was added')
    await follow(viewer, muted)
    await people.add('mutes', viewer, muted)
    for (const friend of [...friends, muted]) await follow(friend, one)
    const [row] = await readFor(viewer)
    expect(row).toMatchObject({ type: 'followed_by', user: { id: one }, mutuals: 4, tag: null })
    expect(row?.mutual_users.map(({ id }) => id)).toEqual([friends[3], friends[2]])
  })
})

describe('people of one’s interests', () => {
  it('tweet lately with hashtags that one used or liked, and name one of them', async () => {
    const [viewer, owner, used, liked, old, deleted] = await people.addUsers(6)
    if (!viewer || !owner || !used || !liked || !old || !deleted) throw new Error('Nobody was added')
    await tweetAbout('owls', viewer)
    const tweet = await tweetAbout('larks', owner)
    await database.pool.query('insert into likes (user_id, tweet_id) values ($1, $2)', [viewer, tweet])
    await tweetAbout('owls', used)
    await tweetAbout('owls', used)
    await tweetAbout('larks', liked)
    await tweetAbout('wrens', old)
    await tweetAbout('owls', deleted, { is_deleted: true })
    const rows = (await readFor(viewer)).filter(({ type }) => type === 'interests')
    expect(rows.map(({ user, tag }) => [user.id, tag])).toEqual([
      [used, 'owls'],
      ...[owner, liked].toSorted((a, b) => a - b).map((id) => [id, 'larks']),
    ])
  })
})

describe('a page', () => {
  it('is filled up from one source after the other, each person once', async () => {
    const { viewer, friends } = await viewerWithFriends(1)
    const [friend] = friends
    const [known, alike] = await people.addUsers(2)
    if (!friend || !known || !alike) throw new Error('Nobody was added')
    await follow(friend, known)
    await tweetAbout('terns', viewer)
    for (const author of [known, alike]) await tweetAbout('terns', author)
    await database.pool.query('update users set follower_count = 9000000 where id = any($1)', [
      [known, alike],
    ])
    const rows = await readFor(viewer)
    expect(rows.slice(0, 2).map(({ user, type }) => [user.id, type])).toEqual([
      [known, 'followed_by'],
      [alike, 'interests'],
    ])
    expect(new Set(rows.map(({ user }) => user.id)).size).toBe(rows.length)
    expect(rows.slice(2).every(({ type }) => type === 'popular')).toBe(true)
    for (const limit of [1, 2, 3]) expect(await readFor(viewer, limit)).toEqual(rows.slice(0, limit))
  })

  it('is nobody’s where there is no such viewer', async () => {
    expect(await readRecommendations(db, 7 as UserId, { nowMs: Date.now(), limit: 5 })).toBeNull()
  })
})

describe('a dismissal', () => {
  it('again does nothing, in one round trip each', async () => {
    const [viewer, one] = await people.addUsers(2)
    if (!viewer || !one) throw new Error('Nobody was added')
    const dismiss = () => insertDismissal(db, viewer, { id: one })
    for (let time = 0; time < 2; time++) expect(await roundTripsOf(database, dismiss)).toBe(1)
    expect(await Promise.all([dismiss(), dismiss()])).toEqual(['done', 'done'])
    const { rowCount } = await database.pool.query(
      'select from dismissed_recommendations where user_id = $1 and dismissed_id = $2',
      [viewer, one],
    )
    expect(rowCount).toBe(1)
  })

  it('is of people there are, by people who are there', async () => {
    const viewer = await people.addUser()
    const gone = [
      await people.addUser({ is_active: false }),
      await people.addUser({ suspended_at: new Date() }),
    ]
    for (const id of [7 as UserId, ...gone]) {
      expect(await insertDismissal(db, viewer, { id })).toBe('user_not_found')
    }
    expect(await insertDismissal(db, gone[0] as UserId, { id: viewer })).toBe('unauthenticated')
    expect(await insertDismissal(db, gone[1] as UserId, { id: viewer })).toBe('suspended')
  })
})
