import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { ensureTweetPartitionsSql } from '../../src/db/partitions.ts'
import { readRecommendations } from '../../src/db/statements/recommendations.ts'
import { idFloor, type UserId } from '../../src/domain/ids.ts'
import { type Run, runOf, type Step } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const DAY_MS = 86_400_000
const MONTHS = 12
const NOW = Date.now()

/** Follows 5,000. */
const READER = 900_001 as UserId
/** Follows nobody, but likes. */
const FAN = 900_002 as UserId
/** Is new here. */
const NEWCOMER = 900_003 as UserId
/** Each of the reader's 200 newest followees follows a thousand of the others, and some of them 5,000. */
const FIRST = 1_000_001
const PEOPLE = 6_000
/** Do nothing but be there. */
const CROWD = 50_000

let database: TestDatabase
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  const sql = (text: string, values: unknown[] = []) => database.pool.query(text, values)
  await sql(ensureTweetPartitionsSql(NOW - MONTHS * 30 * DAY_MS, NOW))
  await sql(
    `insert into users (id, username, email, password_hash, display_name, follower_count)
     select id, 'user_' || id, 'user_' || id || '@example.com', '', 'User ' || id, id % 1000
     from (select $1::bigint + n as id from generate_series(0, 2) n
           union all select $2::bigint + n from generate_series(0, $3::int - 1) n) ids`,
    [READER, FIRST, PEOPLE + CROWD],
  )
  await sql(
    `insert into follows (follower_id, following_id, created_at)
     select $1, $2::bigint + n, now() + n * interval '1 millisecond' from generate_series(0, 4999) n`,
    [READER, FIRST],
  )
  await sql(
    `insert into follows (follower_id, following_id)
     select $1::bigint + 4800 + n, $1::bigint + m
     from generate_series(0, 199) n, generate_series(0, case when n % 50 = 0 then 4999 else 999 end) k,
          lateral (select (n * 131 + k * 7) % $2::int as m) other
     where m <> 4800 + n
     on conflict do nothing`,
    [FIRST, PEOPLE],
  )
  await sql(
    `insert into tweets (id, user_id, content, entities, conversation_id, nonce)
     select id, author, 'hello', '{"hashtags": [], "mentions": [], "urls": []}', id, gen_random_uuid()
     from generate_series($1::bigint, $1::bigint + $2 - 1) author, generate_series(0, 5) n,
          lateral (select $3::bigint - (n * 60 * $4::bigint + (author - $1 + 1) * 60000) * 4096 + author % 4096 as id) made`,
    [FIRST, PEOPLE, idFloor(NOW), DAY_MS],
  )
  await sql("insert into hashtags (tag) select 'tag_' || n from generate_series(1, 500) n")
  await sql('insert into tweet_hashtags (tweet_id, hashtag_id) select id, id / 4096 % 500 + 1 from tweets')
  await sql(
    `insert into likes (user_id, tweet_id, created_at)
     select $1, id, now() - n * interval '1 second'
     from (select id, row_number() over (order by id desc) as n from tweets order by id desc limit 5000) t`,
    [FAN],
  )
  await sql('vacuum analyze')
}, 180_000)

afterAll(() => database.stop())

const read = (viewer: UserId) => readRecommendations(db, viewer, { nowMs: NOW, limit: 20 })
const run = (viewer: UserId): Promise<Run> => runOf(database.pool, () => read(viewer))
const ofTable = ({ steps }: Run, table: RegExp) =>
  steps.filter(({ relation }) => relation !== undefined && table.test(relation))
const rowsOf = (steps: Step[]) => steps.reduce((sum, { rows }) => sum + rows, 0)
const loopsOf = (steps: Step[]) => steps.reduce((sum, { loops }) => sum + loops, 0)
const reasons = async (viewer: UserId) => new Set((await read(viewer))?.map(({ type }) => type))

/** Partitions that ended before the last three months. */
const isOld = ({ relation }: Step): boolean => {
  const [, year, month] = relation?.match(/^tweets_(\d{4})_(\d{2})$/)?.map(Number) ?? []
  return year !== undefined && month !== undefined && Date.UTC(year, month, 1) < NOW - 93 * DAY_MS
}

describe('recommendations', () => {
  it('for one who follows 5,000, of whom some do, ask the newest 200 for 100 each, and nothing else', async () => {
    const done = await run(READER)
    expect(await reasons(READER)).toEqual(new Set(['followed_by']))
    const follows = ofTable(done, /^follows$/)
    expect(follows.filter(({ type }) => type === 'Seq Scan')).toEqual([])
    const newest = follows.filter(({ index }) => index === 'idx_follows_follower_id')
    expect(rowsOf(newest)).toBeLessThanOrEqual(200 + 200 * 100)
    expect(rowsOf(newest)).toBeGreaterThan(200 * 90)
    // Beside them a probe for each whom they follow, and a few for each of those who are looked at.
    expect(loopsOf(follows)).toBeLessThanOrEqual(200 + 20_000 + 4 * 400)
    expect(loopsOf(ofTable(done, /^tweets_/))).toBeLessThanOrEqual(400 * 2 * 3)
    expect(ofTable(done, /^tweets_/).filter(isOld)).toEqual([])
    // Neither interests nor popularity are looked for.
    expect(loopsOf(ofTable(done, /^tweet_hashtags$/))).toBe(0)
    expect(done.pages).toBeLessThan(100_000)
  })

  it('by interests read 50 likes, ten hashtags and 50 tweets of each', async () => {
    const done = await run(FAN)
    expect(await reasons(FAN)).toEqual(new Set(['interests']))
    expect(rowsOf(ofTable(done, /^likes$/))).toBeLessThanOrEqual(50)
    const tagged = ofTable(done, /^tweet_hashtags$/).filter(
      ({ index }) => index === 'idx_tweet_hashtags_hashtag_id',
    )
    expect(rowsOf(tagged)).toBeGreaterThan(0)
    expect(rowsOf(tagged)).toBeLessThanOrEqual(500)
    expect(ofTable(done, /^tweets_/).filter(isOld)).toEqual([])
    expect(done.pages).toBeLessThan(20_000)
  })

  it('for who is new sample the graph at 40 places', async () => {
    const done = await run(NEWCOMER)
    expect(await reasons(NEWCOMER)).toEqual(new Set(['popular']))
    const follows = ofTable(done, /^follows$/)
    expect(follows.filter(({ type }) => type === 'Seq Scan')).toEqual([])
    expect(rowsOf(follows)).toBeLessThanOrEqual(40 * 50)
    expect(ofTable(done, /^users$/).filter(({ type, loops }) => type === 'Seq Scan' && loops > 0)).toEqual([])
    expect(done.pages).toBeLessThan(30_000)
  })
})
