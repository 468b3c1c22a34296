import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { deleteExpired } from '../../src/db/statements/maintenance.ts'
import { insertTweets } from '../../src/db/statements/publish-tweet.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { newPublication } from './harness/tweets.ts'

const WINDOW_SECONDS = 3 * 3600

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const post = (author: UserId, limit: number) =>
  insertTweets(db, newPublication(author, 'hello'), { name: 'tweets', limit, windowSeconds: WINDOW_SECONDS })

/** Writes the author's uses as if they had been taken so many seconds ago, oldest first. */
async function setUses(author: UserId, secondsAgo: number[]): Promise<void> {
  await database.pool.query(
    `insert into quota_windows (user_id, quota, uses)
     select $1, 'tweets', array_agg(now() - make_interval(secs => ago) order by ago desc) from unnest($2::float8[]) ago
     on conflict (user_id, quota) do update set uses = excluded.uses`,
    [author, secondsAgo],
  )
}

async function secondsAgo(author: UserId): Promise<number[]> {
  const { rows } = await database.pool.query<{ ago: number }>(
    `select extract(epoch from now() - use)::float8 as ago
     from quota_windows, unnest(uses) with ordinality as u(use, place) where user_id = $1 order by place`,
    [author],
  )
  return rows.map(({ ago }) => Math.floor(ago))
}

async function passSeconds(author: UserId, seconds: number): Promise<void> {
  await database.pool.query(
    `update quota_windows
     set uses = array(select use - make_interval(secs => $2) from unnest(uses) with ordinality as u(use, place) order by place)
     where user_id = $1`,
    [author, seconds],
  )
}

async function countTweets(author: UserId): Promise<number> {
  const { rowCount } = await database.pool.query('select from tweets where user_id = $1', [author])
  return rowCount ?? 0
}

const outcomes = (answers: { outcome: string }[]) => answers.map(({ outcome }) => outcome)
const times = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index))

describe('a quota of 10 tweets in three hours', () => {
  it('lets exactly 10 of 100 posts at once through, and tells the others when', async () => {
    for (let round = 0; round < 5; round++) {
      const author = await people.addUser()
      const answers = await Promise.all(times(100, () => post(author, 10)))
      expect(outcomes(answers).filter((outcome) => outcome === 'published')).toHaveLength(10)
      expect(await countTweets(author)).toBe(10)
      const refused = answers.flatMap((answer) =>
        answer.outcome === 'rate_limited' ? [answer.retry_after_seconds] : [],
      )
      expect(refused).toHaveLength(90)
      expect(Math.min(...refused)).toBeGreaterThan(WINDOW_SECONDS - 30)
      expect(Math.max(...refused)).toBeLessThanOrEqual(WINDOW_SECONDS)
    }
  })

  it('lets exactly the rest through when some are used', async () => {
    const author = await people.addUser()
    await setUses(author, [9000, 600, 300])
    const answers = await Promise.all(times(40, () => post(author, 10)))
    expect(outcomes(answers).filter((outcome) => outcome === 'published')).toHaveLength(7)
    expect(await countTweets(author)).toBe(7)
    for (const answer of answers) {
      if (answer.outcome !== 'rate_limited') continue
      expect(answer.retry_after_seconds).toBeGreaterThan(1800 - 30)
      expect(answer.retry_after_seconds).toBeLessThanOrEqual(1800)
    }
  })

  it('is counted for each author alone', async () => {
    const authors = await people.addUsers(5)
    const answers = await Promise.all(times(20, () => authors.map((author) => post(author, 10))).flat())
    expect(outcomes(answers).filter((outcome) => outcome === 'published')).toHaveLength(50)
  })
})

describe('the window of a quota', () => {
  it('slides: each use comes free when it is three hours old, and not all of them at once', async () => {
    const author = await people.addUser()
    await setUses(author, [10_200, 5_000, 60])
    const refused = await post(author, 3)
    expect(refused).toMatchObject({ outcome: 'rate_limited' })
    expect(refused).toHaveProperty('retry_after_seconds', expect.closeTo(600, -2))

    await passSeconds(author, 590)
    expect(await post(author, 3)).toMatchObject({ outcome: 'rate_limited' })
    await passSeconds(author, 10)
    expect(outcomes([await post(author, 3), await post(author, 3)])).toEqual(['published', 'rate_limited'])
    // The next comes free with the second use, 5,600 s old by now.
    expect(await post(author, 3)).toHaveProperty('retry_after_seconds', expect.closeTo(5_200, -2))
    await passSeconds(author, 5_200)
    expect(outcomes([await post(author, 3), await post(author, 3)])).toEqual(['published', 'rate_limited'])
  })

  it('keeps twice the limit from passing around an edge', async () => {
    const author = await people.addUser()
    await setUses(author, [100, 100, 100])
    await passSeconds(author, WINDOW_SECONDS - 110)
    expect(await post(author, 3)).toMatchObject({ outcome: 'rate_limited' })
  })

  it('says when the next post passes: neither later, nor a second too early', async () => {
    const author = await people.addUser()
    await setUses(author, [WINDOW_SECONDS - 20.5])
    const refused = await post(author, 1)
    if (refused.outcome !== 'rate_limited') throw new Error('The quota was used')
    expect(refused.retry_after_seconds).toBeGreaterThanOrEqual(1)
    expect(refused.retry_after_seconds).toBeLessThanOrEqual(21)
    await passSeconds(author, refused.retry_after_seconds)
    expect(await post(author, 1)).toMatchObject({ outcome: 'published' })
  })

  it('keeps no more than the uses within it', async () => {
    const author = await people.addUser()
    await setUses(author, [50_000, 20_000, WINDOW_SECONDS + 1, 5_000, 60])
    await post(author, 10)
    expect(await secondsAgo(author)).toEqual([5_000, 60, 0].map((ago) => expect.closeTo(ago, -1.5)))
  })

  it('is left as it is by a post that is refused', async () => {
    const author = await people.addUser()
    await setUses(author, [5_000, 60])
    await post(author, 2)
    expect(await secondsAgo(author)).toEqual([5_000, 60].map((ago) => expect.closeTo(ago, -1.5)))
    expect(await countTweets(author)).toBe(0)
  })

  it('lets a post that is refused leave nothing behind but a hashtag that is on no tweet and counts none', async () => {
    const author = await people.addUser()
    await setUses(author, [10])
    const tweet = newPublication(author, '#refused by its quota')
    const answer = await insertTweets(db, tweet, { name: 'tweets', limit: 1, windowSeconds: WINDOW_SECONDS })
    expect(answer.outcome).toBe('rate_limited')
    const { rows } = await database.pool.query(
      `select h.tweet_count,
              (select count(*)::int from tweet_hashtags t where t.hashtag_id = h.id) as tweets,
              (select count(*)::int from counter_deltas d where d.subject = 'hashtag' and d.subject_id = h.id) as deltas,
              (select count(*)::int from outbox where (message ->> 'tweet_id')::bigint = $1) as owed
       from hashtags h where tag = 'refused'`,
      [tweet.id],
    )
    expect(rows).toEqual([{ tweet_count: 0, tweets: 0, deltas: 0, owed: 0 }])
  })

  it('is swept away when nothing in it was used for a day', async () => {
    const [idle, busy] = [await people.addUser(), await people.addUser()]
    await setUses(idle, [100_000, 86_500])
    await setUses(busy, [100_000, 86_300])
    await deleteExpired(db)
    expect(await secondsAgo(idle)).toEqual([])
    expect(await secondsAgo(busy)).toHaveLength(2)
  })
})
