import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FLAG_BOOKMARKED, FLAG_LIKED, FLAG_VOTE_SHIFT } from '../../src/contracts/tweet-json.ts'
import { connect, type Db } from '../../src/db/client.ts'
import {
  deleteEngagement,
  type Engaged,
  insertEngagement,
  readFlags,
} from '../../src/db/statements/engagement.ts'
import { insertVote } from '../../src/db/statements/polls.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { until } from '../../tools/stack/until.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { AMPLE_LIKES, addPoll, countOf, eventsOf } from './harness/engagement.ts'
import { stepsOf } from './harness/plans.ts'
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

const act = (kind: Kind, viewer: UserId, tweet: TweetId) =>
  insertEngagement(db, kind, viewer, tweet, kind === 'like' ? AMPLE_LIKES : null)
const undo = (kind: Kind, viewer: UserId, tweet: TweetId) => deleteEngagement(db, kind, viewer, tweet)
const like = (viewer: UserId, tweet: TweetId, limit: number) =>
  insertEngagement(db, 'like', viewer, tweet, { ...AMPLE_LIKES, limit })

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
  const [counter, flag] = [COUNTERS[kind], FLAGS[kind]]

  it('is counted, flagged and owed to the viewer’s timeline', async () => {
    const { viewer, tweet } = await scene({ [counter]: 41 })
    const done = await act(kind, viewer, tweet)
    expect(done).toMatchObject({ outcome: 'done', changed: true, count: 42, state: { flags: flag } })
    expect(done).toHaveProperty('outbox', [
      {
        id: expect.any(Number),
        queue: 'fan-out',
        message: { type: 'flags_changed', v: 1, user_id: viewer, tweet_id: tweet },
      },
    ])
    expect(await countOf(database.pool, tweet, counter)).toBe(42)
    expect(await eventsOf(database.pool, viewer, tweet)).toEqual(['flags_changed'])
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
    expect(await eventsOf(database.pool, viewer, tweet)).toHaveLength(1)
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
    expect(await eventsOf(database.pool, viewer, tweet)).toHaveLength(3)
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
    expect(await eventsOf(database.pool, viewer, tweet)).toHaveLength(1)
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
      expect(await eventsOf(database.pool, viewer, tweet)).toHaveLength(changes)
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

describe('the quota of likes', () => {
  it('refuses the like after the last, says when it is free, and leaves nothing', async () => {
    const { viewer, tweet, author } = await scene()
    const other = await addTweet(database.pool, author)
    expect(await like(viewer, tweet, 1)).toMatchObject({ outcome: 'done' })
    const refused = await like(viewer, other, 1)
    expect(refused).toMatchObject({ outcome: 'rate_limited', retry_after_seconds: expect.any(Number) })
    await nothingOf('like', viewer, other)
  })

  it('is not used by a repeat, nor given back by an unlike', async () => {
    const { viewer, tweet } = await scene()
    await like(viewer, tweet, 1)
    expect(await like(viewer, tweet, 1)).toMatchObject({ outcome: 'done', changed: false })
    expect(await usesOf(viewer)).toBe(1)
    await undo('like', viewer, tweet)
    expect(await like(viewer, tweet, 1)).toMatchObject({ outcome: 'rate_limited' })
  })

  it('lets exactly as many of 30 likes at once through as it allows', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser()]
    const tweets = await Promise.all(Array.from({ length: 30 }, () => addTweet(database.pool, author)))
    const results = await Promise.all(tweets.map((tweet) => like(viewer, tweet, 7)))
    const refused = results.filter((result) => result.outcome === 'rate_limited')
    expect(results.filter(({ outcome }) => outcome === 'done')).toHaveLength(7)
    expect(refused).toHaveLength(23)
    expect(refused.every(({ retry_after_seconds }) => retry_after_seconds > 0)).toBe(true)
  })
})

describe('the state of the flags', () => {
  const version = (result: Engaged) => (result.outcome === 'done' ? result.state.version : Number.NaN)

  it('is newer with every change', async () => {
    const { viewer, tweet } = await scene()
    const versions: number[] = []
    for (let n = 0; n < 5; n++) {
      versions.push(version(await act('like', viewer, tweet)), version(await undo('like', viewer, tweet)))
    }
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
  })

  it('of a look is as old as what it saw, however long it then waited', async () => {
    const { viewer, tweet } = await scene()
    const bookmarked = {
      text: 'insert into bookmarks (user_id, tweet_id) values ($1, $2)',
      values: [viewer, tweet],
    }
    let looking: Promise<Engaged> | null = null
    let waited = Number.NaN
    await inTransaction(database.pool, [bookmarked], async () => {
      looking = act('bookmark', viewer, tweet)
      expect(await until(() => somebodyWaits(database.pool), { withinMs: 10_000 })).toBe(true)
      const { rows } = await database.pool.query<{ us: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000000)::float8 as us',
      )
      waited = rows[0]?.us ?? Number.NaN
    })
    const looked = await (looking ?? Promise.reject(new Error('Nobody looked')))
    expect(looked).toMatchObject({ outcome: 'done', changed: false, state: { flags: FLAG_BOOKMARKED } })
    expect(version(looked)).toBeLessThan(waited)
  })

  it('is read as the truth is, the vote with it, for timelines that are warm', async () => {
    const [viewer, cold, author] = await people.addUsers(3)
    if (viewer === undefined || cold === undefined || author === undefined) throw new Error('Nobody is there')
    const poll = await addPoll(database.pool, author)
    await database.pool.query('insert into timelines (user_id, epoch) values ($1, 1)', [viewer])
    await act('like', viewer, poll)
    await act('bookmark', viewer, poll)
    await act('like', cold, poll)
    await insertVote(db, viewer, poll, 2)
    const flags = FLAG_LIKED + FLAG_BOOKMARKED + (3 << FLAG_VOTE_SHIFT)
    expect(
      await readFlags(db, [
        { user_id: viewer, tweet_id: poll },
        { user_id: cold, tweet_id: poll },
      ]),
    ).toEqual([{ user_id: viewer, tweet_id: poll, flags, version: expect.any(Number) }])
    expect(await undo('like', viewer, poll)).toMatchObject({ state: { flags: flags - FLAG_LIKED } })
  })

  it('is read by probing keys, however much the viewer liked', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser()]
    const tweet = await addTweet(database.pool, author)
    await database.pool.query('insert into timelines (user_id, epoch) values ($1, 1)', [viewer])
    await database.pool.query(
      'insert into likes (user_id, tweet_id) select $1, n from generate_series(1, 20000) n',
      [viewer],
    )
    await database.pool.query('vacuum analyze likes')
    const pairs = Array.from({ length: 50 }, (_, n) => ({ user_id: viewer, tweet_id: (tweet + n) as TweetId }))
    const steps = await stepsOf(database.pool, () => readFlags(db, pairs))
    const read = steps.filter(({ relation }) => relation === 'likes').reduce((sum, { rows }) => sum + rows, 0)
    expect(read).toBeLessThanOrEqual(50)
    const liking = await stepsOf(database.pool, () => act('like', viewer, tweet))
    const seen = liking.filter(({ relation }) => relation === 'likes').reduce((sum, { rows }) => sum + rows, 0)
    expect(seen).toBeLessThanOrEqual(3)
  })
})
