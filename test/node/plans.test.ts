import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { ensureTweetPartitionsSql } from '../../src/db/partitions.ts'
import { readFresh } from '../../src/db/statements/freshen.ts'
import {
  pullTimeline,
  readBackfill,
  readHomeAbove,
  readHomeBelow,
} from '../../src/db/statements/home-timeline.ts'
import { readUserEntries } from '../../src/db/statements/tweets.ts'
import { whichUser } from '../../src/db/statements/users.ts'
import { idFloor, MAX_ID, type UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { runOf, type Step, stepsOf } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MONTHS = 12
const NOW = Date.now()
const EVERYTHING = { replies: true, media: false }

let database: TestDatabase
let people: Community
let db: Db
/** Thirty write every twelve hours, and three once in fifty days. */
let busy: UserId[]
let quiet: UserId[]
let readerOfBusy: UserId
let readerOfQuiet: UserId

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })

  await database.pool.query(ensureTweetPartitionsSql(NOW - MONTHS * 30 * DAY_MS, NOW))
  busy = await people.addUsers(30)
  quiet = await people.addUsers(3)
  readerOfBusy = await people.addUser()
  readerOfQuiet = await people.addUser()
  await addTweets(busy, 12 * HOUR_MS)
  await addTweets(quiet, 50 * DAY_MS)
  for (const author of busy) await people.add('follows', readerOfBusy, author)
  for (const author of quiet) await people.add('follows', readerOfQuiet, author)
  await database.pool.query('vacuum analyze')
})

afterAll(() => database.stop())

/** A tweet of each author every `everyMs` for as long as there are partitions, the authors one after the other. */
async function addTweets(authors: UserId[], everyMs: number): Promise<void> {
  const count = Math.floor((MONTHS * 30 * DAY_MS) / everyMs)
  await database.pool.query(
    `insert into tweets (id, user_id, content, entities, conversation_id, nonce)
     select id, author, 'hello', '{"hashtags": [], "mentions": [], "urls": []}', id, gen_random_uuid()
     from unnest($1::bigint[]) with ordinality as a(author, place),
          generate_series(0, $2::int - 1) n,
          lateral (select $3::bigint - (n * $4::bigint + place * 1000) * 4096 + author % 4096 as id) made`,
    [authors, count, idFloor(NOW), everyMs],
  )
}

/** Partitions that ended before the last two months: no newest page reaches so far back. */
const isOld = ({ relation }: Step): boolean => {
  const [, year, month] = relation?.match(/^tweets_(\d{4})_(\d{2})$/)?.map(Number) ?? []
  return year !== undefined && month !== undefined && Date.UTC(year, month, 1) < NOW - 62 * DAY_MS
}

/** Rows that were read where they are found by their author. */
const readByAuthor = (steps: Step[]): number =>
  steps.filter(({ index }) => index?.endsWith('_user_id_id_idx')).reduce((sum, { rows }) => sum + rows, 0)

describe('the newest page', () => {
  it.each([
    [
      'of a user reads as many rows as it shows',
      () =>
        readUserEntries(db, whichUser({ id: busy[0] as UserId }), null, EVERYTHING, {
          before: null,
          offset: 0,
          limit: 21,
        }),
      21,
    ],
    [
      'of a backfill reads no more than it gives from each window',
      () => readBackfill(db, readerOfBusy, busy[0] as UserId, { before: MAX_ID, nowMs: NOW, limit: 20 }),
      2 * 20,
    ],
    [
      'of a home timeline reads no more than two days of each author',
      () => pullTimeline(db, readerOfBusy, { before: MAX_ID, nowMs: NOW, limit: 40 }),
      30 * 4 + 30,
    ],
    [
      'below a place reads no more than its own days of each author',
      () =>
        readHomeBelow(db, readerOfBusy, {
          before: idFloor(NOW - 3 * DAY_MS),
          top: MAX_ID,
          nowMs: NOW,
          limit: 40,
          offset: 0,
        }),
      30 * 23,
    ],
  ])('%s, and never looks into the months before', async (_, read, rowsMax) => {
    const steps = await stepsOf(database.pool, read)
    const old = steps.filter(isOld)
    expect(old.length).toBeGreaterThan(MONTHS - 5)
    expect(old.filter(({ loops }) => loops > 0)).toEqual([])
    expect(readByAuthor(steps)).toBeGreaterThan(0)
    expect(readByAuthor(steps)).toBeLessThanOrEqual(rowsMax)
  })

  it('is freshened by a probe for each of its tweets', async () => {
    const { entries } = await pullTimeline(db, readerOfBusy, { before: MAX_ID, nowMs: NOW, limit: 100 })
    const known = entries.map(({ tweet_id }) => ({ id: tweet_id, revision: '1.1', wants_card: true }))
    const read = () => readFresh(db, known, [], readerOfBusy)
    const plannedBefore = 'select from tweet_by_id(0)'
    const { pages, partitions } = await runOf(database.pool, read, plannedBefore)
    expect(partitions).toBe(0)
    const PAGES_OF_A_PROBE = 5
    expect(pages).toBeLessThan(100 * 2 * PAGES_OF_A_PROBE)
    expect((await read()).tweets).toHaveLength(100)
  })

  it('far down reads its own days and nothing before them', async () => {
    const before = idFloor(NOW - 200 * DAY_MS)
    const read = () =>
      readHomeBelow(db, readerOfBusy, { before, top: MAX_ID, nowMs: NOW, limit: 40, offset: 0 })
    expect((await read()).rows).toHaveLength(40)
    expect(readByAuthor(await stepsOf(database.pool, read))).toBeLessThanOrEqual(30 * 4 + 30)
  })

  it('looks further back while it is not full', async () => {
    const read = () => pullTimeline(db, readerOfQuiet, { before: MAX_ID, nowMs: NOW, limit: 40 })
    const steps = await stepsOf(database.pool, read)
    expect(steps.filter((step) => isOld(step) && step.loops > 0).length).toBeGreaterThan(MONTHS - 5)
    expect((await read()).entries).toHaveLength(Math.floor((MONTHS * 30) / 50) * 3)
  })
})

describe('the entries of a home timeline', () => {
  it('are the newest of all below any place, whatever windows they are read in', async () => {
    const { rows } = await database.pool.query<{ id: number; author: UserId }>(
      'select id::float8 as id, user_id::float8 as author from tweets order by id desc',
    )
    const place = fc.oneof(
      fc.integer({ min: 0, max: MONTHS * 31 * 24 }).map((hours) => idFloor(NOW - hours * HOUR_MS)),
      fc.constantFrom(MAX_ID, ...[2, 14, 90].map((days) => idFloor(NOW - days * DAY_MS))),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          { reader: readerOfBusy, authors: new Set(busy) },
          { reader: readerOfQuiet, authors: new Set(quiet) },
        ),
        place,
        fc.integer({ min: 1, max: 60 }),
        async ({ reader, authors }, before, limit) => {
          const expected = rows
            .filter(({ id, author }) => id < before && authors.has(author))
            .slice(0, limit)
            .map(({ id }) => id)
          const at = { before, nowMs: NOW, limit }
          expect((await pullTimeline(db, reader, at)).entries.map(({ id }) => id)).toEqual(expected)
          const { rows: below } = await readHomeBelow(db, reader, { ...at, top: MAX_ID, offset: 0 })
          expect(below.map(({ entry_id }) => entry_id)).toEqual(expected)
        },
      ),
      { numRuns: 40, endOnFailure: true },
    )
  })

  it('are the oldest of all above any place, too', async () => {
    const { rows } = await database.pool.query<{ id: number; author: UserId }>(
      'select id::float8 as id, user_id::float8 as author from tweets order by id',
    )
    const readers = [
      { reader: readerOfBusy, authors: new Set(busy) },
      { reader: readerOfQuiet, authors: new Set(quiet) },
    ]
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...readers),
        fc.integer({ min: 0, max: MONTHS * 31 * 24 }).map((hours) => idFloor(NOW - hours * HOUR_MS)),
        fc.integer({ min: 0, max: 90 * 24 }).map((hours) => idFloor(NOW - hours * HOUR_MS)),
        fc.integer({ min: 1, max: 60 }),
        async ({ reader, authors }, after, below, limit) => {
          const { rows: above } = await readHomeAbove(db, reader, { after, below, top: MAX_ID, limit })
          expect(above.map(({ entry_id }) => entry_id)).toEqual(
            rows
              .filter(({ id, author }) => id > after && id < below && authors.has(author))
              .slice(0, limit)
              .map(({ id }) => id),
          )
        },
      ),
      { numRuns: 40, endOnFailure: true },
    )
  })

  it('come page by page to the end of history, without a repeat or a gap', async () => {
    const read: number[] = []
    for (let before = MAX_ID; ; ) {
      const { rows: page } = await readHomeBelow(db, readerOfQuiet, {
        before,
        top: MAX_ID,
        nowMs: NOW,
        limit: 4,
        offset: 0,
      })
      const last = page.at(-1)
      if (last === undefined) break
      read.push(...page.map(({ entry_id }) => entry_id))
      before = last.entry_id
    }
    const { rows } = await database.pool.query<{ id: number }>(
      'select id::float8 as id from tweets where user_id = any($1) order by id desc',
      [quiet],
    )
    expect(read).toEqual(rows.map(({ id }) => id))
  })

  it('can be skipped by an offset', async () => {
    const at = { before: MAX_ID, nowMs: NOW }
    const { rows: all } = await readHomeBelow(db, readerOfQuiet, { ...at, top: MAX_ID, limit: 12, offset: 0 })
    expect(
      (await readHomeBelow(db, readerOfQuiet, { ...at, top: MAX_ID, limit: 5, offset: 7 })).rows,
    ).toEqual(all.slice(7))
  })
})
