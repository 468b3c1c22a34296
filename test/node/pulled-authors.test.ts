import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters } from '../../src/db/statements/counters.ts'
import { readPullSet, retirePulledAuthors } from '../../src/db/statements/pulled-authors.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const LIMIT = 100
const LEAVES_BELOW = 80

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

interface Row {
  /** Whether it came in anew since it was put an hour into the past. */
  isNew: boolean
  isLeaving: boolean
  hasLeft: boolean
}

/** The author's row; null when they are not among the pulled. */
async function rowOf(author: UserId): Promise<Row | null> {
  const { rows } = await database.pool.query<Row>(
    `select since > now() - interval '30 minutes' as "isNew", leaving_at is not null as "isLeaving",
            left_at is not null as "hasLeft"
     from pulled_authors where user_id = $1`,
    [author],
  )
  return rows[0] ?? null
}

const IN: Row = { isNew: false, isLeaving: false, hasLeft: false }
const NEW: Row = { ...IN, isNew: true }
const LEAVING: Row = { ...IN, isLeaving: true }
const LEFT: Row = { ...LEAVING, hasLeft: true }

/** An author with so many followers, of whom the pull set knows nothing. */
const addAuthor = (followers: number) => people.addUser({ follower_count: followers })

/** Puts the author's row so that each of its columns is so long ago, or null. */
async function put(
  author: UserId,
  { leaving = null, left = null }: { leaving?: string | null; left?: string | null } = {},
) {
  await database.pool.query(
    `insert into pulled_authors (user_id, since, leaving_at, left_at)
     values ($1, now() - interval '100 days', now() - $2::interval, now() - $3::interval)`,
    [author, leaving, left],
  )
}

async function owe(author: UserId, delta: number): Promise<void> {
  await database.pool.query(
    `insert into counter_deltas (subject, subject_id, counter, delta) values ('user', $1, 'follower_count', $2)`,
    [author, delta],
  )
}

const fold = (...authors: UserId[]) =>
  foldCounters(
    db,
    authors.map((id) => ({ subject: 'user', id })),
    LIMIT,
  )

async function change(author: UserId, delta: number): Promise<void> {
  await owe(author, delta)
  await fold(author)
}

describe('an author', () => {
  it.each([
    [LIMIT - 2, null],
    [LIMIT - 1, NEW],
    [LIMIT, NEW],
  ])('with %i followers and one more', async (followers, row) => {
    const author = await addAuthor(followers)
    await change(author, 1)
    expect(await rowOf(author)).toEqual(row)
  })

  it.each([
    [LEAVES_BELOW + 1, IN],
    [LEAVES_BELOW, LEAVING],
    [1, LEAVING],
  ])('who is pulled, with %i followers and one less', async (followers, row) => {
    const author = await addAuthor(followers)
    await put(author)
    await change(author, -1)
    expect(await rowOf(author)).toEqual(row)
  })

  it('wavers between the two, which does nothing, whether pulled or not', async () => {
    const [pulled, pushed] = [await addAuthor(90), await addAuthor(90)]
    await put(pulled)
    for (const delta of [9, -19, 19, -18]) {
      for (const author of [pulled, pushed]) await change(author, delta)
      expect([await rowOf(pulled), await rowOf(pushed)]).toEqual([IN, null])
    }
  })

  it('is in once, however often they cross while they are', async () => {
    const author = await addAuthor(LIMIT)
    await put(author)
    await change(author, 5)
    await change(author, -10)
    await change(author, 10)
    expect(await rowOf(author)).toEqual(IN)
  })

  it('comes in anew while leaving, and leaves anew then', async () => {
    const author = await addAuthor(70)
    await put(author, { leaving: '3 days' })
    await change(author, LIMIT - 71)
    expect(await rowOf(author)).toEqual(LEAVING)
    await change(author, 1)
    expect(await rowOf(author)).toEqual(NEW)
    await change(author, -30)
    expect(await rowOf(author)).toEqual({ ...NEW, isLeaving: true })
  })

  it('does not begin to leave again while leaving', async () => {
    const author = await addAuthor(70)
    await put(author, { leaving: '3 days' })
    await change(author, -1)
    const { rows } = await database.pool.query<{ days: number }>(
      `select extract(day from now() - leaving_at)::int as days from pulled_authors where user_id = $1`,
      [author],
    )
    expect(rows).toEqual([{ days: 3 }])
  })

  it('comes in anew after having left', async () => {
    const author = await addAuthor(LIMIT - 1)
    await put(author, { leaving: '30 days', left: '10 days' })
    await change(author, 1)
    expect(await rowOf(author)).toEqual(NEW)
  })

  it('is not concerned by what is folded of others', async () => {
    const [author, other] = [await addAuthor(LIMIT + 5), await addAuthor(10)]
    await change(other, 1)
    expect([await rowOf(author), await rowOf(other)]).toEqual([null, null])
  })
})

describe('folds at once', () => {
  it('let authors in, and out again, by their sums alone', async () => {
    for (let round = 1; round <= 12; round++) {
      const rising = await addAuthor(LIMIT - 8)
      const falling = await addAuthor(LEAVES_BELOW + 7)
      const staying = await addAuthor(LEAVES_BELOW + 8)
      const below = await addAuthor(LIMIT - 9)
      for (const author of [falling, staying]) await put(author)
      await Promise.all(
        Array.from({ length: 8 }, async (_, n) => {
          for (const author of [rising, below]) await owe(author, 1)
          for (const author of [falling, staying]) await owe(author, -1)
          const all = [rising, falling, staying, below]
          await fold(...(n % 2 === 0 ? all : all.toReversed()))
        }),
      )
      const rows = await Promise.all([rising, falling, staying, below].map(rowOf))
      expect(rows).toEqual([NEW, LEAVING, IN, null])
    }
  })

  it('decide by what holds, not by what one of them saw before another had counted', async () => {
    const authors: UserId[] = []
    for (let round = 1; round <= 20; round++) {
      const author = await addAuthor(LIMIT)
      authors.push(author)
      await put(author)
      await owe(author, -25)
      await Promise.all(Array.from({ length: 8 }, () => fold(author)))
    }
    const rows = await Promise.all(authors.map(rowOf))
    expect(rows).toEqual(authors.map(() => LEAVING))
  })

  it('count each delta once, so that nobody is taken in for what was counted twice', async () => {
    const author = await addAuthor(LIMIT - 5)
    for (let n = 0; n < 4; n++) await owe(author, 1)
    await Promise.all(Array.from({ length: 8 }, () => fold(author)))
    expect(await rowOf(author)).toBeNull()
    await change(author, 1)
    expect(await rowOf(author)).toEqual(NEW)
  })
})

describe('retiring', () => {
  it.each([
    ['who has been leaving for 13 days stays', 70, { leaving: '13 days 23 hours' }, LEAVING],
    ['who has been leaving for 14 days has left', 70, { leaving: '14 days 1 minute' }, LEFT],
    ['who left 89 days ago is remembered', 70, { leaving: '103 days', left: '89 days 23 hours' }, LEFT],
    ['who left 90 days ago is forgotten', 70, { leaving: '104 days', left: '90 days 1 minute' }, null],
    ['who is at 80 % of the limit stays', LEAVES_BELOW, {}, IN],
    ['whom a raised limit has overtaken begins to leave', LEAVES_BELOW - 1, {}, LEAVING],
  ])('an author %s', async (_name, followers, row, expected) => {
    const author = await addAuthor(followers)
    await put(author, row)
    await retirePulledAuthors(db, LIMIT)
    expect(await rowOf(author)).toEqual(expected)
  })

  it('takes both steps one after the other, not at once: nobody leaves who began to leave today', async () => {
    const author = await addAuthor(10)
    await put(author)
    for (let n = 0; n < 3; n++) await retirePulledAuthors(db, LIMIT)
    expect(await rowOf(author)).toEqual(LEAVING)
  })

  it('is told to readers: those who leave are pulled on, those who left are named with their moment', async () => {
    const [inside, leaving, left] = [await addAuthor(LIMIT), await addAuthor(70), await addAuthor(70)]
    await put(inside)
    await put(leaving, { leaving: '1 day' })
    const before = await readPullSet(db)
    await put(left, { leaving: '15 days' })
    const known = await readPullSet(db)
    await retirePulledAuthors(db, LIMIT)
    const after = await readPullSet(db)
    expect(known.authors).toEqual(expect.arrayContaining([inside, leaving, left]))
    expect(after.authors).toEqual(expect.arrayContaining([inside, leaving]))
    expect(after.authors).not.toContain(left)
    const moment = after.left.find(({ id }) => id === left)?.atMs ?? 0
    expect(Math.abs(moment - after.asOfMs)).toBeLessThan(60_000)
    expect(new Set([before, known, after].map(({ hash }) => hash)).size).toBe(3)
  })
})
