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

const like = (viewer: UserId, tweet: TweetId, limit = AMPLE_LIKES.limit) =>
  insertEngagement(db, 'like', viewer, tweet, { ...AMPLE_LIKES, limit })
const unlike = (viewer: UserId, tweet: TweetId) => deleteEngagement(db, 'like', viewer, tweet)
const bookmark = (viewer: UserId, tweet: TweetId) => insertEngagement(db, 'bookmark', viewer, tweet, null)

async function usesOf(user: UserId): Promise<number> {
  const { rows } = await database.pool.query<{ uses: number }>(
    `select cardinality(uses) as uses from quota_windows where user_id = $1 and quota = 'likes'`,
    [user],
  )
  return rows[0]?.uses ?? 0
}

const scene = async () => {
  const [viewer, author] = [await people.addUser(), await people.addUser()]
  return { viewer, author, tweet: await addTweet(database.pool, author) }
}

describe('the quota of likes', () => {
  it('refuses the like after the last, says when it is free, and leaves nothing', async () => {
    const { viewer, tweet, author } = await scene()
    const other = await addTweet(database.pool, author)
    expect(await like(viewer, tweet, 1)).toMatchObject({ outcome: 'done' })
    const refused = await like(viewer, other, 1)
    expect(refused).toMatchObject({ outcome: 'rate_limited', retry_after_seconds: expect.any(Number) })
    expect(await countOf(database.pool, other, 'like_count')).toBe(0)
    expect(await eventsOf(database.pool, viewer, other)).toEqual([])
  })

  it('is not used by a repeat, nor given back by an unlike', async () => {
    const { viewer, tweet } = await scene()
    await like(viewer, tweet, 1)
    expect(await like(viewer, tweet, 2)).toMatchObject({ outcome: 'done', changed: false })
    expect(await usesOf(viewer)).toBe(1)
    await unlike(viewer, tweet)
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
      versions.push(version(await like(viewer, tweet)), version(await unlike(viewer, tweet)))
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
      looking = bookmark(viewer, tweet)
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

  describe('while another act on the tweet is being committed', () => {
    /** Commits of bookmarks take their time, with what they answer already made. */
    async function slowly<Result>(work: () => Promise<Result>): Promise<Result> {
      await database.pool.query(`
        create function slow_commit() returns trigger language plpgsql as 'begin perform pg_sleep(0.5); return null; end';
        create constraint trigger slow_commit after insert on bookmarks
        deferrable initially deferred for each row execute function slow_commit()`)
      try {
        return await work()
      } finally {
        await database.pool.query('drop trigger slow_commit on bookmarks; drop function slow_commit()')
      }
    }

    const somebodyCommits = async () => {
      const { rowCount } = await database.pool.query(
        `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
      )
      return rowCount === 1
    }

    it('is not read under a newer version without it', async () => {
      const { viewer, tweet } = await scene()
      await database.pool.query('insert into timelines (user_id, epoch) values ($1, 1)', [viewer])
      const [acted, read] = await slowly(async () => {
        const acting = bookmark(viewer, tweet)
        expect(await until(somebodyCommits, { withinMs: 10_000 })).toBe(true)
        const [state] = await readFlags(db, [{ user_id: viewer, tweet_id: tweet }])
        return [await acting, state] as const
      })
      expect(read?.version).toBeGreaterThan(version(acted))
      expect(read?.flags).toBe(FLAG_BOOKMARKED)
    })

    it('knows that one, too', async () => {
      const { viewer, tweet } = await scene()
      const liked = await slowly(async () => {
        const acting = bookmark(viewer, tweet)
        expect(await until(somebodyCommits, { withinMs: 10_000 })).toBe(true)
        const result = await like(viewer, tweet)
        await acting
        return result
      })
      expect(liked).toMatchObject({ outcome: 'done', state: { flags: FLAG_BOOKMARKED + FLAG_LIKED } })
    })
  })

  it('is read as the truth is, the vote with it, for timelines that are warm', async () => {
    const [viewer, cold, author] = await people.addUsers(3)
    if (viewer === undefined || cold === undefined || author === undefined) throw new Error('Nobody is there')
    const poll = await addPoll(database.pool, author)
    await database.pool.query('insert into timelines (user_id, epoch) values ($1, 1)', [viewer])
    await like(viewer, poll)
    await bookmark(viewer, poll)
    await like(cold, poll)
    await insertVote(db, viewer, poll, 2)
    const flags = FLAG_LIKED + FLAG_BOOKMARKED + (3 << FLAG_VOTE_SHIFT)
    expect(
      await readFlags(db, [
        { user_id: viewer, tweet_id: poll },
        { user_id: cold, tweet_id: poll },
      ]),
    ).toEqual([{ user_id: viewer, tweet_id: poll, flags, version: expect.any(Number) }])
    expect(await unlike(viewer, poll)).toMatchObject({ state: { flags: flags - FLAG_LIKED } })
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
    const pairs = Array.from({ length: 50 }, (_, n) => ({
      user_id: viewer,
      tweet_id: (tweet + n) as TweetId,
    }))
    const steps = await stepsOf(database.pool, () => readFlags(db, pairs))
    const read = steps.filter(({ relation }) => relation === 'likes').reduce((sum, { rows }) => sum + rows, 0)
    expect(read).toBeLessThanOrEqual(50)
    const liking = await stepsOf(database.pool, () => like(viewer, tweet))
    const seen = liking
      .filter(({ relation }) => relation === 'likes')
      .reduce((sum, { rows }) => sum + rows, 0)
    expect(seen).toBeLessThanOrEqual(3)
  })
})
