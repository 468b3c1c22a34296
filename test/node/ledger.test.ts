import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { CounterSubject } from '../../src/contracts/queues.ts'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters, readUnfoldedSubjects, type Subject } from '../../src/db/statements/counters.ts'
import { sweepLedger } from '../../src/services/sweep-ledger.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn } from './harness/deps.ts'
import { deadlocksIn, roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

const COUNTERS: Record<CounterSubject, { table: string; names: string[] }> = {
  user: { table: 'users', names: ['tweet_count', 'follower_count', 'following_count'] },
  tweet: {
    table: 'tweets',
    names: ['like_count', 'retweet_count', 'reply_count', 'quote_count', 'bookmark_count'],
  },
  hashtag: { table: 'hashtags', names: ['tweet_count'] },
}

interface Delta extends Subject {
  counter: string
  delta: number
}

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

beforeEach(() => database.pool.query('truncate counter_deltas'))

afterAll(() => database.stop())

const times = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index))
const pick = <Item>(items: readonly Item[]): Item[] =>
  items.slice(Math.floor(Math.random() * items.length)).slice(0, 1)
const shuffled = <Item>(items: readonly Item[]): Item[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)

async function addSubjects(userCount = 12): Promise<Subject[]> {
  const users = await people.addUsers(userCount)
  const tweets = await Promise.all(users.slice(0, 12).map((author) => addTweet(database.pool, author)))
  const { rows } = await database.pool.query<{ id: number }>(
    'insert into hashtags (tag) select gen_random_uuid() from generate_series(1, 12) returning id::float8 as id',
  )
  return [
    ...users.map((id) => ({ subject: 'user' as const, id })),
    ...tweets.map((id) => ({ subject: 'tweet' as const, id })),
    ...rows.map(({ id }) => ({ subject: 'hashtag' as const, id })),
  ]
}

function randomDeltas(subjects: Subject[], count: number): Delta[] {
  return times(count, () =>
    pick(subjects).flatMap(({ subject, id }) =>
      pick(COUNTERS[subject].names).map((counter) => ({
        subject,
        id,
        counter,
        delta: Math.random() < 0.6 ? 1 : -1,
      })),
    ),
  ).flat()
}

async function append(deltas: Delta[]): Promise<void> {
  await database.pool.query(
    `insert into counter_deltas (subject, subject_id, counter, delta)
     select subject, id, counter, delta
     from jsonb_to_recordset($1::jsonb) as d(subject text, id bigint, counter text, delta int)`,
    [JSON.stringify(deltas)],
  )
}

const countersOf = async (subjects: Subject[]): Promise<Map<string, number>> => {
  const counters = new Map<string, number>()
  for (const [subject, { table, names }] of Object.entries(COUNTERS)) {
    const ids = subjects.filter((one) => one.subject === subject).map(({ id }) => id)
    const { rows } = await database.pool.query<Record<string, number>>(
      `select id::float8, ${names} from ${table} where id = any($1)`,
      [ids],
    )
    for (const { id, ...values } of rows) {
      for (const [name, value] of Object.entries(values)) counters.set(`${subject} ${id} ${name}`, value)
    }
  }
  return counters
}

function withDeltas(counters: Map<string, number>, deltas: Delta[]): Map<string, number> {
  const sums = new Map(counters)
  for (const { subject, id, counter, delta } of deltas) {
    const key = `${subject} ${id} ${counter}`
    sums.set(key, (sums.get(key) ?? Number.NaN) + delta)
  }
  return sums
}

async function unfolded(): Promise<number> {
  return (await database.pool.query('select from counter_deltas')).rowCount ?? 0
}

describe('folding the ledger', () => {
  it('adds each delta to the counter it is of, and to no other', async () => {
    const subjects = await addSubjects()
    const before = await countersOf(subjects)
    const deltas = subjects.flatMap(({ subject, id }, index) =>
      COUNTERS[subject].names.map((counter, place) => ({
        subject,
        id,
        counter,
        delta: index * 7 + place + 1,
      })),
    )
    await append(deltas)
    expect((await foldCounters(db, subjects, 1_000_000)).deltas).toBe(deltas.length)
    expect(await countersOf(subjects)).toEqual(withDeltas(before, deltas))
    expect(await unfolded()).toBe(0)
  })

  it('takes one round trip, and none for nobody', async () => {
    const subjects = await addSubjects()
    await append(randomDeltas(subjects, 50))
    expect(await roundTripsOf(database, () => foldCounters(db, subjects, 1_000_000))).toBe(1)
    expect(await roundTripsOf(database, () => foldCounters(db, [], 1_000_000))).toBe(0)
  })

  it('of what has no deltas, or is not there, changes nothing', async () => {
    const subjects = await addSubjects()
    const before = await countersOf(subjects)
    expect((await foldCounters(db, subjects, 1_000_000)).deltas).toBe(0)
    const missing = (['user', 'tweet', 'hashtag'] as const).map((subject) => ({ subject, id: 77 }))
    expect((await foldCounters(db, missing, 1_000_000)).deltas).toBe(0)
    expect(await countersOf(subjects)).toEqual(before)
  })

  it('takes only the deltas of those it was asked for, though ids are the same', async () => {
    const id = await addTweet(database.pool, await people.addUser())
    await people.addUser({ id })
    const user = { subject: 'user' as const, id }
    const before = await countersOf([user])
    await append([
      { ...user, counter: 'tweet_count', delta: 1 },
      { subject: 'tweet', id, counter: 'like_count', delta: 1 },
    ])
    expect((await foldCounters(db, [{ subject: 'tweet', id }], 1_000_000)).deltas).toBe(1)
    expect(await countersOf([user])).toEqual(before)
    expect(await unfolded()).toBe(1)
  })

  it('drops what is owed to somebody who was erased', async () => {
    await append([{ subject: 'user', id: 77, counter: 'follower_count', delta: 1 }])
    expect((await foldCounters(db, [{ subject: 'user', id: 77 }], 1_000_000)).deltas).toBe(1)
    expect(await unfolded()).toBe(0)
  })
})

describe('eight folds at once', () => {
  it('fold every delta once, while more are written, and none waits in a circle', async () => {
    const subjects = await addSubjects(400)
    const before = await countersOf(subjects)
    const deadlocks = await deadlocksIn(database.pool)
    const all: Delta[] = []
    for (let round = 0; round < 20; round++) {
      const parts = times(8, () => ({ early: randomDeltas(subjects, 200), late: randomDeltas(subjects, 50) }))
      all.push(...parts.flatMap(({ early, late }) => [...early, ...late]))
      await Promise.all(
        parts.flatMap(({ early, late }) => [
          append(early).then(() =>
            foldCounters(db, shuffled(subjects).slice(Math.random() * subjects.length), 1_000_000),
          ),
          append(late),
        ]),
      )
    }
    await foldCounters(db, subjects, 1_000_000)
    expect(await countersOf(subjects)).toEqual(withDeltas(before, all))
    expect(await unfolded()).toBe(0)
    expect(await deadlocksIn(database.pool)).toBe(deadlocks)
  })

  it('do not wait in a circle for deltas of those who were erased either', async () => {
    // Beside many others, so that the server looks for each subject's deltas in the order of the request.
    await database.pool.query(
      `insert into counter_deltas (subject, subject_id, counter, delta)
       select 'user', 1000 + n, 'tweet_count', 1 from generate_series(1, 50000) n`,
    )
    await database.pool.query('analyze counter_deltas')
    const erased: Subject[] = times(40, (index) => ({ subject: 'user', id: 500 + index }))
    const owed = erased.flatMap(({ id }) =>
      times(20, () => ({ subject: 'user' as const, id, counter: 'tweet_count', delta: 1 })),
    )
    const deadlocks = await deadlocksIn(database.pool)
    for (let round = 0; round < 8; round++) {
      await append(owed)
      const folded = await Promise.all(times(8, () => foldCounters(db, shuffled(erased), 1_000_000)))
      expect(folded.reduce((sum, { deltas }) => sum + deltas, 0)).toBe(owed.length)
    }
    expect(await deadlocksIn(database.pool)).toBe(deadlocks)
  })
})

describe('the sweep', () => {
  it('folds what the hints missed', async () => {
    const subjects = await addSubjects()
    const before = await countersOf(subjects)
    const deltas = randomDeltas(subjects, 300)
    await append(deltas)
    expect(await sweepLedger(depsOn(db).deps)).toBe(300)
    expect(await countersOf(subjects)).toEqual(withDeltas(before, deltas))
    expect(await sweepLedger(depsOn(db).deps)).toBe(0)
  })

  it('names each subject once, those that have waited longest first', async () => {
    const deltas = [30, 10, 30, 20].map((id) => ({
      subject: 'user' as const,
      id,
      counter: 'tweet_count',
      delta: 1,
    }))
    for (const delta of deltas) await append([delta])
    expect(await readUnfoldedSubjects(db, 3)).toEqual([
      { subject: 'user', id: 10 },
      { subject: 'user', id: 30 },
    ])
    expect(await readUnfoldedSubjects(db, 100)).toHaveLength(3)
  })
})
