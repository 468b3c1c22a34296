import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FLAG_BOOKMARKED, FLAG_LIKED } from '../../src/contracts/tweet-json.ts'
import { connect, type Db } from '../../src/db/client.ts'
import { deleteEngagement, insertEngagement } from '../../src/db/statements/engagement.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { AMPLE_LIKES, countOf, eventsOf } from './harness/engagement.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const KINDS = ['like', 'bookmark'] as const
type Kind = (typeof KINDS)[number]
const TABLES = { like: 'likes', bookmark: 'bookmarks' }
const COUNTERS = { like: 'like_count', bookmark: 'bookmark_count' }
const FLAGS = { like: FLAG_LIKED, bookmark: FLAG_BOOKMARKED }
/** What each way of another's tweet owes. */
const OWED = { like: ['flags_changed', 'like_changed'], bookmark: ['flags_changed'] }

const act = (kind: Kind, viewer: UserId, tweet: TweetId) =>
  insertEngagement(db, kind, viewer, tweet, kind === 'like' ? AMPLE_LIKES : null)
const undo = (kind: Kind, viewer: UserId, tweet: TweetId) => deleteEngagement(db, kind, viewer, tweet)
async function rowsOf(kind: Kind, tweet: TweetId): Promise<number> {
  const { rowCount } = await database.pool.query(`select from ${TABLES[kind]} where tweet_id = $1`, [tweet])
  return rowCount ?? 0
}

async function usesOf(user: UserId): Promise<number> {
  const { rows } = await database.pool.query<{ uses: number }>(
    `select cardinality(uses) as uses from quota_windows where user_id = $1 and quota = 'likes'`,
    [user],
  )
  return rows[0]?.uses ?? 0
}

const scene = async (columns: Record<string, unknown> = {}) => {
  const [viewer, author] = [await people.addUser(), await people.addUser()]
  return { viewer, author, tweet: await addTweet(database.pool, author, columns) }
}

const nothingOf = async (kind: Kind, viewer: UserId, tweet: TweetId) => {
  expect(await rowsOf(kind, tweet)).toBe(0)
  expect(await countOf(database.pool, tweet, COUNTERS[kind])).toBe(0)
  expect(await eventsOf(database.pool, viewer, tweet)).toEqual([])
}

describe.each(KINDS)('a %s', (kind) => {
  const [counter, flag, owed] = [COUNTERS[kind], FLAGS[kind], OWED[kind]]

  it('is counted, flagged and owed to the viewer’s timeline, and a like to the author', async () => {
    const { viewer, tweet } = await scene({ [counter]: 41 })
    const done = await act(kind, viewer, tweet)
    expect(done).toMatchObject({ outcome: 'done', changed: true, count: 42, state: { flags: flag } })
    const ofTimeline = { type: 'flags_changed', v: 1, user_id: viewer, tweet_id: tweet }
    const ofAuthor = { type: 'like_changed', v: 1, actor_id: viewer, tweet_id: tweet }
    expect(done).toHaveProperty('outbox', [
      { id: expect.any(Number), queue: 'fan-out', message: ofTimeline },
      ...(kind === 'like' ? [{ id: expect.any(Number), queue: 'notifications', message: ofAuthor }] : []),
    ])
    expect(await countOf(database.pool, tweet, counter)).toBe(42)
    expect(await eventsOf(database.pool, viewer, tweet)).toEqual(owed)
  })

  it('touches no row of the tweet', async () => {
    const { viewer, tweet } = await scene()
    const version = () => database.pool.query('select xmin, xmax, ctid from tweets where id = $1', [tweet])
    const before = (await version()).rows
    await act(kind, viewer, tweet)
    expect((await version()).rows).toEqual(before)
  })

  it('again changes nothing and owes nothing', async () => {
    const { viewer, tweet } = await scene()
    await act(kind, viewer, tweet)
    expect(await act(kind, viewer, tweet)).toMatchObject({
      outcome: 'done',
      changed: false,
      count: 0,
      state: { flags: flag },
      outbox: [],
    })
    expect(await rowsOf(kind, tweet)).toBe(1)
    expect(await countOf(database.pool, tweet, counter)).toBe(1)
    expect(await eventsOf(database.pool, viewer, tweet)).toEqual(owed)
  })

  it('is taken back once, with its flag alone', async () => {
    const { viewer, tweet } = await scene()
    await act('like', viewer, tweet)
    await act('bookmark', viewer, tweet)
    const rest = FLAG_LIKED + FLAG_BOOKMARKED - flag
    expect(await undo(kind, viewer, tweet)).toMatchObject({ changed: true, state: { flags: rest } })
    expect(await undo(kind, viewer, tweet)).toMatchObject({
      outcome: 'done',
      changed: false,
      count: 0,
      state: { flags: rest },
      outbox: [],
    })
    expect(await rowsOf(kind, tweet)).toBe(0)
    expect(await countOf(database.pool, tweet, counter)).toBe(0)
    expect(await eventsOf(database.pool, viewer, tweet)).toEqual([...OWED.like, ...OWED.bookmark, ...owed])
  })

  it('takes one round trip each way', async () => {
    const { viewer, tweet } = await scene()
    expect(await roundTripsOf(database, () => act(kind, viewer, tweet))).toBe(1)
    expect(await roundTripsOf(database, () => undo(kind, viewer, tweet))).toBe(1)
  })

  it('is impossible for what the viewer may not see, and leaves nothing', async () => {
    const viewer = await people.addUser()
    const [blocked, blocking] = [await people.addUser(), await people.addUser()]
    await people.add('blocks', viewer, blocked)
    await people.add('blocks', blocking, viewer)
    const hidden = [
      await addTweet(database.pool, await people.addUser({ is_private: true })),
      await addTweet(database.pool, await people.addUser({ suspended_at: new Date() })),
      await addTweet(database.pool, await people.addUser({ is_active: false })),
      await addTweet(database.pool, blocked),
      await addTweet(database.pool, blocking),
      await addTweet(database.pool, await people.addUser(), { is_deleted: true }),
    ]
    for (const tweet of hidden) {
      expect(await act(kind, viewer, tweet)).toEqual({ outcome: 'tweet_not_found' })
      expect(await undo(kind, viewer, tweet)).toEqual({ outcome: 'tweet_not_found' })
      await nothingOf(kind, viewer, tweet)
    }
    expect(await act(kind, viewer, 1 as TweetId)).toEqual({ outcome: 'tweet_not_found' })
    expect(await usesOf(viewer)).toBe(0)
  })

  it('is possible for a follower of a private account', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser({ is_private: true })]
    await people.add('follows', viewer, author)
    const tweet = await addTweet(database.pool, author)
    expect(await act(kind, viewer, tweet)).toMatchObject({ outcome: 'done', changed: true })
  })

  it('can be taken back from what was deleted since', async () => {
    const { viewer, tweet } = await scene()
    await act(kind, viewer, tweet)
    await database.pool.query('update tweets set is_deleted = true where id = $1', [tweet])
    expect(await undo(kind, viewer, tweet)).toMatchObject({ outcome: 'done', changed: true })
    expect(await undo(kind, viewer, tweet)).toEqual({ outcome: 'tweet_not_found' })
    expect(await rowsOf(kind, tweet)).toBe(0)
  })

  it.each([
    ['suspended', { suspended_at: new Date() }, 'suspended'],
    ['deactivated', { is_active: false }, 'unauthenticated'],
  ])('is not for somebody who is %s, either way', async (_, columns, outcome) => {
    const { viewer, tweet } = await scene()
    await act(kind, viewer, tweet)
    const [[column, value] = ['', null]] = Object.entries(columns)
    await database.pool.query(`update users set ${column} = $2 where id = $1`, [viewer, value])
    expect(await act(kind, viewer, tweet)).toEqual({ outcome })
    expect(await undo(kind, viewer, tweet)).toEqual({ outcome })
    expect(await rowsOf(kind, tweet)).toBe(1)
  })

  it('of one user 20 times at once is one', async () => {
    const { viewer, tweet } = await scene()
    const results = await Promise.all(Array.from({ length: 20 }, () => act(kind, viewer, tweet)))
    expect(results.filter((result) => result.outcome === 'done' && result.changed)).toHaveLength(1)
    expect(results.every(({ outcome }) => outcome === 'done')).toBe(true)
    expect(await rowsOf(kind, tweet)).toBe(1)
    expect(await countOf(database.pool, tweet, counter)).toBe(1)
    expect(await eventsOf(database.pool, viewer, tweet)).toEqual(owed)
  })

  it('and its end at once leave the rows, the ledger and the outbox of one order of events', async () => {
    for (let round = 0; round < 10; round++) {
      const { viewer, tweet } = await scene()
      const results = await Promise.all(
        Array.from({ length: 24 }, (_, n) =>
          (n + round) % 2 === 0 ? act(kind, viewer, tweet) : undo(kind, viewer, tweet),
        ),
      )
      const changes = results.filter((result) => result.outcome === 'done' && result.changed).length
      const left = await rowsOf(kind, tweet)
      expect(left).toBe(changes % 2)
      expect(await countOf(database.pool, tweet, counter)).toBe(left)
      const events = await eventsOf(database.pool, viewer, tweet)
      expect(events).toEqual(Array.from({ length: changes }, () => owed).flat())
    }
  })

  it('against the deletion of the tweet answers one or the other, and stays counted', async () => {
    for (let round = 0; round < 10; round++) {
      const { tweet } = await scene()
      const viewers = await people.addUsers(10)
      const [results] = await Promise.all([
        Promise.all(viewers.map((viewer) => act(kind, viewer, tweet))),
        database.pool.query('update tweets set is_deleted = true where id = $1', [tweet]),
      ])
      const done = results.filter(({ outcome }) => outcome === 'done').length
      const missed = results.filter(({ outcome }) => outcome === 'tweet_not_found').length
      expect(done + missed).toBe(viewers.length)
      expect(await rowsOf(kind, tweet)).toBe(done)
      expect(await countOf(database.pool, tweet, counter)).toBe(done)
    }
  })

  it('does not wait for who changes the tweet', async () => {
    const { viewer, tweet } = await scene()
    const update = { text: 'update tweets set like_count = like_count where id = $1', values: [tweet] }
    await inTransaction(database.pool, [update], async () => {
      expect(await act(kind, viewer, tweet)).toMatchObject({ outcome: 'done', changed: true })
      expect(await somebodyWaits(database.pool)).toBe(false)
    })
  })
})
