import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { ensureTweetPartitionsSql } from '../../src/db/partitions.ts'
import { pullTimeline } from '../../src/db/statements/home-timeline.ts'
import { ID_EPOCH_MS, idFloor, MAX_ID, type UserId } from '../../src/domain/ids.ts'
import { runOf, type Step, stepsOf } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const DAY_MS = 86_400_000
/** Late in the 36th month that ids know. */
const NOW = Date.UTC(2026, 11, 20)
const PARTITIONS = 36
const NEWEST = 'tweets_2026_12'
const KEPT = 800
/** The windows of a pull and what is older than they. */
const WINDOWS = 5

const authorIds = (from: number, count: number) => ({ from, to: from + count - 1 })
/** Write every 18 days, so that the newest partition has enough for either reader. */
const REGULAR = authorIds(1_000_001, 5_000)
/** Wrote once in three years. */
const SPARSE = authorIds(2_000_001, 5_000)
const READER_OF_1000 = 3_000_001 as UserId
const READER_OF_5000 = 3_000_002 as UserId
const READER_OF_SPARSE = 3_000_003 as UserId

let database: TestDatabase
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  await database.pool.query(ensureTweetPartitionsSql(ID_EPOCH_MS, NOW))
  await addUsers(REGULAR)
  await addUsers(SPARSE)
  await addUsers({ from: READER_OF_1000, to: READER_OF_SPARSE })
  await addFollows(READER_OF_1000, { from: REGULAR.from, to: REGULAR.from + 999 })
  await addFollows(READER_OF_5000, REGULAR)
  await addFollows(READER_OF_SPARSE, SPARSE)
  await addTweets(REGULAR, 18 * DAY_MS)
  await addTweets(SPARSE, NOW - ID_EPOCH_MS)
  await patiently('vacuum analyze')
}, 180_000)

afterAll(() => database.stop())

/** Without the limit that the database sets to statements: other tests may keep the machine busy. */
async function patiently(text: string, values: unknown[] = []): Promise<void> {
  const client = await database.pool.connect()
  try {
    await client.query('set statement_timeout = 0')
    await client.query(text, values)
  } finally {
    client.release(true)
  }
}

interface Range {
  from: number
  to: number
}

async function addUsers({ from, to }: Range): Promise<void> {
  await patiently(
    `insert into users (id, username, email, password_hash, display_name)
     select id, 'user_' || id, 'user_' || id || '@example.com', '', 'User ' || id
     from generate_series($1::bigint, $2) id`,
    [from, to],
  )
}

async function addFollows(follower: UserId, { from, to }: Range): Promise<void> {
  await patiently(
    'insert into follows (follower_id, following_id) select $1, id from generate_series($2::bigint, $3) id',
    [follower, from, to],
  )
}

/** A tweet of each author every `everyMs` of history, the authors spread evenly over it, and some retweets of them. */
async function addTweets({ from, to }: Range, everyMs: number): Promise<void> {
  await patiently(
    `insert into tweets (id, user_id, content, entities, conversation_id, nonce)
     select id, author, 'hello', '{"hashtags": [], "mentions": [], "urls": []}', id, gen_random_uuid()
     from generate_series($1::bigint, $2) author,
          generate_series(0, $3::int - 1) n,
          lateral (select n * $4::bigint + (author * 7919 % 5000) * ($4::bigint / 5000) as age) written,
          lateral (select $5::bigint - (age + 1) * 4096 + author % 4096 as id) made`,
    [from, to, Math.floor((NOW - ID_EPOCH_MS) / everyMs), everyMs, idFloor(NOW)],
  )
  await patiently(
    `insert into retweets (id, user_id, tweet_id)
     select t.id + 1, $1::bigint + t.user_id * 31 % 5000, t.id
     from tweets t
     where t.user_id between $1 and $2 and t.user_id % 10 = 0`,
    [from, to],
  )
}

const build = (reader: UserId) => () => pullTimeline(db, reader, { before: MAX_ID, nowMs: NOW, limit: KEPT })

const ofTweets = ({ relation }: Step) => relation?.startsWith('tweets_') === true

/** The statement that leaves the newest partition alone, until the transaction is undone. */
async function detachOthers(): Promise<string> {
  const { rows } = await database.pool.query<{ detach: string }>(
    `select string_agg(format('alter table tweets detach partition %s', inhrelid::regclass), '; ') as detach
     from pg_inherits
     where inhparent = 'tweets'::regclass and inhrelid <> $1::regclass`,
    [NEWEST],
  )
  return rows[0]?.detach ?? ''
}

describe('a cold build on 36 partitions', () => {
  it.each([
    ['1,000', READER_OF_1000],
    ['5,000', READER_OF_5000],
  ])(
    'of a reader of %s followees reads at most three times what the newest alone takes',
    async (_, reader) => {
      const whole = await runOf(database.pool, build(reader))
      const alone = await runOf(database.pool, build(reader), await detachOthers())
      expect((await build(reader)()).entries).toHaveLength(KEPT)
      expect(
        new Set(whole.steps.filter(ofTweets).map(({ relation }) => relation)).size,
      ).toBeGreaterThanOrEqual(PARTITIONS)
      expect(new Set(alone.steps.filter(ofTweets).map(({ relation }) => relation)).size).toBe(1)
      expect(whole.pages).toBeLessThanOrEqual(3 * alone.pages)
    },
  )

  it('of a reader whose followees wrote little asks once for each of them in each partition and window', async () => {
    const { entries, followees } = await build(READER_OF_SPARSE)()
    expect(entries).toHaveLength(KEPT)
    const byAuthor = (await stepsOf(database.pool, build(READER_OF_SPARSE))).filter(({ index }) =>
      index?.endsWith('_user_id_id_idx'),
    )
    const probes = byAuthor.reduce((sum, { loops }) => sum + loops, 0)
    expect(probes).toBeGreaterThan(followees.length)
    expect(probes).toBeLessThanOrEqual((followees.length + 1) * (PARTITIONS + WINDOWS))
  })

  it('plans each partition twice: for what authors wrote, and for what they retweeted', async () => {
    const steps = await stepsOf(database.pool, build(READER_OF_1000))
    const times = Map.groupBy(steps.filter(ofTweets), ({ relation }) => relation)
    expect(times.size).toBeGreaterThanOrEqual(PARTITIONS)
    expect(Math.max(...[...times.values()].map(({ length }) => length))).toBe(2)
  })
})
