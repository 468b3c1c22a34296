import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { ensureTweetPartitionsSql } from '../../src/db/partitions.ts'
import { readListEntries } from '../../src/db/statements/list-timeline.ts'
import { idFloor, type ListId, type UserId } from '../../src/domain/ids.ts'
import { addList } from './harness/lists.ts'
import { type Run, runOf, type Step } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const DAY_MS = 86_400_000
const MONTHS = 12
const MEMBERS = 500
const NOW = Date.now()
const LIMIT = 21
/** The windows of a read and what is older than they. */
const WINDOWS = 5

const VIEWER = 900_001 as UserId
/** Write every three days. */
const REGULAR = 1_000_001
/** Wrote once in a year. */
const SPARSE = 2_000_001
/** Twenty wrote a thousand tweets each within the last day. */
const LOUD = 3_000_001
/** On no list. */
const CROWD = 4_000_001

let database: TestDatabase
let db: Db
let regular: ListId
let sparse: ListId
let loud: ListId

beforeAll(async () => {
  database = await startTestDatabase()
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  await database.pool.query(ensureTweetPartitionsSql(NOW - MONTHS * 30 * DAY_MS, NOW))
  await addUsers(VIEWER, 1)
  regular = await addListOf(REGULAR, MEMBERS)
  sparse = await addListOf(SPARSE, MEMBERS)
  loud = await addListOf(LOUD, 20)
  await addTweets(REGULAR, MEMBERS, { each: MONTHS * 10, everyMs: 3 * DAY_MS })
  await addTweets(SPARSE, MEMBERS, { each: 1, everyMs: MONTHS * 30 * DAY_MS })
  await addTweets(LOUD, 20, { each: 1_000, everyMs: 60_000 })
  await addUsers(CROWD, 500)
  await database.pool.query(
    `insert into retweets (id, user_id, tweet_id)
     select $2::bigint + n * 4096, $1::bigint + n, (select max(id) from tweets where user_id = $3) from generate_series(0, 499) n`,
    [CROWD, idFloor(NOW - 60_000), LOUD],
  )
  await database.pool.query('vacuum analyze')
}, 180_000)

afterAll(() => database.stop())

async function addUsers(from: number, count: number): Promise<void> {
  await database.pool.query(
    `insert into users (id, username, email, password_hash, display_name)
     select id, 'user_' || id, 'user_' || id || '@example.com', '', 'User ' || id
     from generate_series($1::bigint, $1::bigint + $2 - 1) id`,
    [from, count],
  )
}

async function addListOf(from: number, count: number): Promise<ListId> {
  await addUsers(from, count)
  const members = Array.from({ length: count }, (_, n) => (from + n) as UserId)
  return addList(database.pool, VIEWER, { members })
}

/** So many tweets of each, the authors spread evenly over the time between two of one author. */
async function addTweets(
  from: number,
  authors: number,
  { each, everyMs }: { each: number; everyMs: number },
): Promise<void> {
  await database.pool.query(
    `insert into tweets (id, user_id, content, entities, conversation_id, nonce)
     select id, author, 'hello', '{"hashtags": [], "mentions": [], "urls": []}', id, gen_random_uuid()
     from generate_series($1::bigint, $1::bigint + $2 - 1) author,
          generate_series(0, $3::int - 1) n,
          lateral (select n * $4::bigint + (author - $1 + 1) * ($4::bigint / $2) as age) written,
          lateral (select $5::bigint - age * 4096 + author % 4096 as id) made`,
    [from, authors, each, everyMs, idFloor(NOW)],
  )
}

const read = (list: ListId, before: number | null = null) =>
  readListEntries(db, list, VIEWER, { before, top: null, nowMs: NOW, limit: LIMIT, offset: 0 })
const run = (list: ListId, before: number | null = null): Promise<Run> =>
  runOf(database.pool, () => read(list, before))

/** Partitions that ended before the last two months: no newest page reaches so far back. */
const isOld = ({ relation }: Step): boolean => {
  const [, year, month] = relation?.match(/^tweets_(\d{4})_(\d{2})$/)?.map(Number) ?? []
  return year !== undefined && month !== undefined && Date.UTC(year, month, 1) < NOW - 62 * DAY_MS
}

const byAuthor = ({ steps }: Run) => steps.filter(({ index }) => index?.endsWith('_user_id_id_idx'))
const sum = (numbers: number[]) => numbers.reduce((all, one) => all + one, 0)

describe('a page of a list of 500 members', () => {
  it('reads a day of each and nothing of the months before', async () => {
    const done = await run(regular)
    expect(await read(regular)).toHaveLength(LIMIT)
    const old = done.steps.filter(isOld)
    expect(old.length).toBeGreaterThan(MONTHS - 5)
    expect(old.filter(({ loops }) => loops > 0)).toEqual([])
    expect(sum(byAuthor(done).map(({ rows }) => rows))).toBeGreaterThanOrEqual(LIMIT)
    expect(sum(byAuthor(done).map(({ rows }) => rows))).toBeLessThanOrEqual(MEMBERS)
    expect(done.pages).toBeLessThan(MEMBERS * 30)
  })

  it('reads its own days far down', async () => {
    const done = await run(regular, idFloor(NOW - 200 * DAY_MS))
    expect(sum(byAuthor(done).map(({ rows }) => rows))).toBeLessThanOrEqual(MEMBERS)
  })

  it('who hardly write asks once for each of them in each partition and window', async () => {
    expect(await read(sparse)).toHaveLength(LIMIT)
    const oldest = idFloor(NOW - 340 * DAY_MS)
    const rows = await read(sparse, oldest)
    expect(rows?.length).toBeGreaterThan(LIMIT / 2)
    for (const before of [null, oldest]) {
      const probes = sum(byAuthor(await run(sparse, before)).map(({ loops }) => loops))
      expect(probes).toBeGreaterThanOrEqual(MEMBERS)
      expect(probes).toBeLessThanOrEqual(MEMBERS * (MONTHS + 2 + WINDOWS))
    }
  })

  it('plans each partition twice: for what members wrote, and for what they retweeted', async () => {
    const { steps } = await run(regular)
    const ofTweets = steps.filter(({ relation }) => relation?.startsWith('tweets_'))
    const times = Map.groupBy(ofTweets, ({ relation }) => relation)
    expect(times.size).toBeGreaterThanOrEqual(MONTHS)
    expect(Math.max(...[...times.values()].map(({ length }) => length))).toBe(2)
  })
})

describe('a page of a list whose members write much', () => {
  it('reads no more of each than it shows', async () => {
    const done = await run(loud)
    expect(await read(loud)).toHaveLength(LIMIT)
    expect(sum(byAuthor(done).map(({ rows }) => rows))).toBeLessThanOrEqual(20 * LIMIT)
  })

  it('looks for newer retweets by its members, not through all there are', async () => {
    const { steps } = await run(loud)
    const ofRetweets = steps.filter(({ relation }) => relation === 'retweets')
    expect(ofRetweets.filter(({ type }) => type === 'Seq Scan')).toEqual([])
    expect(sum(ofRetweets.map(({ rows }) => rows))).toBeLessThan(100)
    const probes = sum(ofRetweets.map(({ loops }) => loops))
    expect(probes).toBeLessThanOrEqual(LIMIT * (1 + 3) + 20 * LIMIT + 20)
  })
})
