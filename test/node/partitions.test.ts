import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db, sqlState } from '../../src/db/client.ts'
import { ensureTweetPartitionsSql, PARTITION_MONTHS_AHEAD, partitionsUntil } from '../../src/db/partitions.ts'
import { readDatabaseHealth } from '../../src/db/statements/health.ts'
import { ensureTweetPartitions } from '../../src/db/statements/maintenance.ts'
import { insertTweets } from '../../src/db/statements/publish-tweet.ts'
import { idFloor, newTweetId, type TweetId, timeOf } from '../../src/domain/ids.ts'
import { type Community, communityIn, inTransaction } from './harness/community.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { AMPLE_QUOTA, addTweet, newPublication } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

async function partitions(): Promise<string[]> {
  const { rows } = await database.pool.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'tweets'::regclass order by 1`,
  )
  return rows.map(({ name }) => name)
}

/** Leaves only the partitions of these months. */
async function startFrom(...kept: string[]): Promise<void> {
  for (const name of await partitions())
    if (!kept.includes(name)) await database.pool.query(`drop table ${name}`)
  for (const name of kept) {
    const at = Date.parse(`${name.slice('tweets_'.length).replace('_', '-')}-01T00:00:00Z`)
    await database.pool.query(ensureTweetPartitionsSql(at, at))
  }
}

const NOW = Date.UTC(2026, 10, 15, 12)
const FROM_NOVEMBER = ['tweets_2026_11', 'tweets_2026_12', 'tweets_2027_01', 'tweets_2027_02']

describe('the months ahead', () => {
  it('are three, counted from the month of the moment', () => {
    expect(PARTITION_MONTHS_AHEAD).toBe(3)
    expect(partitionsUntil(Date.UTC(2026, 10, 1))).toBe(Date.UTC(2027, 1, 1))
    expect(partitionsUntil(Date.UTC(2026, 10, 30, 23, 59, 59, 999))).toBe(Date.UTC(2027, 1, 1))
    // Not the 31st of a month that has 30 days, which would be a month later.
    expect(partitionsUntil(Date.UTC(2026, 7, 31))).toBe(Date.UTC(2026, 10, 1))
    expect(partitionsUntil(Date.UTC(2024, 11, 31))).toBe(Date.UTC(2025, 2, 1))
  })

  it.each([
    ['the first moment', Date.UTC(2026, 10, 1)],
    ['the middle', NOW],
    ['the last moment', Date.UTC(2026, 11, 1) - 1],
  ])('are attached with the month itself, at %s of it', async (_, nowMs) => {
    await startFrom()
    await ensureTweetPartitions(db, nowMs)
    expect(await partitions()).toEqual(FROM_NOVEMBER)
  })

  it('are attached behind those that are there, which keep their tweets', async () => {
    await startFrom('tweets_2026_11')
    const author = await people.addUser()
    const id = newTweetId(NOW, author, Math.random)
    await addTweet(database.pool, author, { id })
    await ensureTweetPartitions(db, NOW)
    await ensureTweetPartitions(db, NOW)
    await ensureTweetPartitions(db, Date.UTC(2027, 0, 31))
    expect(await partitions()).toEqual([...FROM_NOVEMBER, 'tweets_2027_03', 'tweets_2027_04'])
    expect((await database.pool.query('select from tweets where id = $1', [id])).rowCount).toBe(1)
  })

  it('are attached once by eight runs at once', async () => {
    for (let round = 0; round < 3; round++) {
      await startFrom('tweets_2026_11')
      await Promise.all(Array.from({ length: 8 }, () => ensureTweetPartitions(db, NOW)))
      expect(await partitions()).toEqual(FROM_NOVEMBER)
    }
  })

  it('are attached while tweets are written', async () => {
    await startFrom('tweets_2026_11')
    const author = await people.addUser()
    const write = async (index: number) => {
      const createdAtMs = NOW + 60_000 + index
      const id = newTweetId(createdAtMs, author, Math.random)
      return insertTweets(db, newPublication(author, `tweet ${index}`, { id, createdAtMs }), AMPLE_QUOTA)
    }
    const [, ...answers] = await Promise.all([
      ensureTweetPartitions(db, NOW),
      ...Array.from({ length: 40 }, (_, index) => write(index)),
    ])
    expect(answers.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 40 }, () => 'published'))
    expect(await partitions()).toEqual(FROM_NOVEMBER)
  })
})

describe('a lock that somebody holds', () => {
  const LOCKS: [string, pg.QueryConfig][] = [
    ['on tweets', { text: 'lock table tweets in access exclusive mode' }],
    ['of maintenance on tweets', { text: 'lock table tweets in share update exclusive mode' }],
    ['by a write to users', { text: 'lock table users in row exclusive mode' }],
  ]
  it.each(LOCKS)(
    '%s makes the run give up in about two seconds, and the next one succeeds',
    async (_, lock) => {
      await startFrom('tweets_2026_11')
      await inTransaction(database.pool, [lock], async () => {
        const start = performance.now()
        const failure = await ensureTweetPartitions(db, NOW).catch((error) => error)
        expect(sqlState(failure)).toBe('55P03')
        expect(performance.now() - start).toBeGreaterThan(1_500)
        expect(performance.now() - start).toBeLessThan(6_000)
      })
      expect(await partitions()).toEqual(['tweets_2026_11'])
      await ensureTweetPartitions(db, NOW)
      expect(await partitions()).toEqual(FROM_NOVEMBER)
    },
  )

  it('does not disturb a run that has nothing to do', async () => {
    await startFrom(...FROM_NOVEMBER)
    const lock = { text: 'lock table tweets in share update exclusive mode' }
    await inTransaction(database.pool, [lock], () => ensureTweetPartitions(db, NOW))
  })
})

describe('the runway', () => {
  it('ends where the last partition does', async () => {
    await startFrom(...FROM_NOVEMBER)
    const { partitionsUntilId } = await readDatabaseHealth(db)
    expect(partitionsUntilId).toBe(idFloor(Date.UTC(2027, 2, 1)))
    expect(timeOf(partitionsUntilId as TweetId)).toBe(Date.UTC(2027, 2, 1))
  })

  it('is shorter when a partition is missing at its end, and nothing without any', async () => {
    await startFrom('tweets_2026_11')
    expect((await readDatabaseHealth(db)).partitionsUntilId).toBe(idFloor(Date.UTC(2026, 11, 1)))
    await startFrom()
    expect((await readDatabaseHealth(db)).partitionsUntilId).toBe(0)
  })
})

describe('a tweet outside of every partition', () => {
  it('is refused by the database with a clear message, and costs nothing', async () => {
    await startFrom('tweets_2026_11')
    const author = await people.addUser()
    const createdAtMs = Date.UTC(2026, 11, 1)
    const write = (id: TweetId) =>
      insertTweets(db, newPublication(author, 'too late', { id, createdAtMs }), AMPLE_QUOTA)
    const failure = await write(idFloor(createdAtMs) as TweetId).catch((error) => error)
    expect(sqlState(failure)).toBe('23514')
    expect(String(failure.cause)).toContain('no partition of relation "tweets" found for row')
    const { rowCount } = await database.pool.query('select from quota_windows where user_id = $1', [author])
    expect(rowCount).toBe(0)
    expect(await write((idFloor(createdAtMs) - 1) as TweetId)).toMatchObject({ outcome: 'published' })
  })
})
