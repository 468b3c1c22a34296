import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { newTweetId, type TweetId, type UserId } from '../../src/domain/ids.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { roundTripsOf, withFaults } from './harness/endpoint.ts'
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

const draft = {
  content: 'hello #world',
  isSensitive: false,
  replyToId: null,
  quoteTweetId: null,
  poll: null,
  idempotencyKey: null,
}

/** Each of `RANDOM` makes another id of one shard and millisecond. */
const RANDOM = [0, 0.25, 0.5, 0.75]

/** A clock that stands still, a moment ago, and the ids that there are at that time. */
async function standStill(author: UserId): Promise<{ now: () => number; ids: TweetId[] }> {
  const nowMs = Date.now() - 60_000
  return { now: () => nowMs, ids: RANDOM.map((random) => newTweetId(nowMs, author, () => random)) }
}

/** Random numbers as given, one after the other. */
function inTurn(numbers: number[]): () => number {
  const left = [...numbers]
  return () => left.shift() ?? Number.NaN
}

async function tweetsOf(author: UserId): Promise<number[]> {
  const { rows } = await database.pool.query<{ id: number }>(
    'select id::float8 as id from tweets where user_id = $1 order by id',
    [author],
  )
  return rows.map(({ id }) => id)
}

async function owedFor(tweet: number): Promise<number> {
  const { rowCount } = await database.pool.query(
    "select from outbox where (message ->> 'tweet_id')::bigint = $1 and queue = 'fan-out'",
    [tweet],
  )
  return rowCount ?? 0
}

describe('publishing when the id is taken', () => {
  it('tries another, a round trip each', async () => {
    const author = await people.addUser()
    const { now, ids } = await standStill(author)
    await addTweet(database.pool, author, { id: ids[0] })
    await addTweet(database.pool, author, { id: ids[1] })
    const { deps, told } = depsOn(db, { now, random: inTurn([0, 0.25, 0.5]) })

    const trips = await roundTripsOf(database, async () => {
      expect((await publishTweet(deps, viewerOf(author), draft)).id).toBe(ids[2])
    })
    expect(trips).toBe(3)
    expect(await tweetsOf(author)).toEqual(ids.slice(0, 3))
    expect(told.timelines.get(author)).toMatchObject([
      { type: 'deliver', entry: { id: ids[2], authorId: author } },
    ])
  })

  it('gives up after three, and has written nothing', async () => {
    const author = await people.addUser()
    const { now, ids } = await standStill(author)
    for (const id of ids.slice(0, 3)) await addTweet(database.pool, author, { id })
    const { deps, told } = depsOn(db, { now, random: inTurn(RANDOM) })

    await expect(publishTweet(deps, viewerOf(author), draft)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await tweetsOf(author)).toEqual(ids.slice(0, 3))
    expect(told.timelines.size).toBe(0)
    const { rowCount } = await database.pool.query('select from quota_windows where user_id = $1', [author])
    expect(rowCount).toBe(0)
  })

  it('publishes all of three posts that are made in one millisecond and begin with one id', async () => {
    for (let round = 0; round < 5; round++) {
      const author = await people.addUser()
      const { now, ids } = await standStill(author)
      const published = await Promise.all(
        [0.25, 0.5, 0.75].map((second) =>
          publishTweet(depsOn(db, { now, random: inTurn([0, second]) }).deps, viewerOf(author), draft),
        ),
      )
      expect(new Set(published.map(({ id }) => id)).size).toBe(3)
      expect(await tweetsOf(author)).toHaveLength(3)
      expect(ids).toEqual(expect.arrayContaining(await tweetsOf(author)))
    }
  })

  it('publishes once for one Idempotency-Key, though all tries begin with the same id', async () => {
    for (let round = 0; round < 5; round++) {
      const author = await people.addUser()
      const { now } = await standStill(author)
      const published = await Promise.all(
        [0.25, 0.5, 0.75, 0.25, 0.5, 0.75].map((second) => {
          const { deps } = depsOn(db, { now, random: inTurn([0, second, second]) })
          return publishTweet(deps, viewerOf(author), { ...draft, idempotencyKey: 'key' })
        }),
      )
      expect(new Set(published.map(({ id }) => id)).size).toBe(1)
      expect(await tweetsOf(author)).toHaveLength(1)
    }
  })
})

describe("publishing when the database's answer is lost", () => {
  it.each([null, 'key'])(
    'after the commit answers with the one tweet (Idempotency-Key: %s)',
    async (idempotencyKey) => {
      const author = await people.addUser()
      const { deps } = depsOn(db)
      const tweet = await withFaults(database, { dropAfterCommit: 1 }, () =>
        publishTweet(deps, viewerOf(author), { ...draft, idempotencyKey }),
      )
      expect(tweet).toMatchObject({ content: 'hello #world', user: { id: author }, like_count: 0 })
      expect(await tweetsOf(author)).toEqual([tweet.id])
      expect(await owedFor(tweet.id)).toBe(1)
    },
  )

  it('before anything was done publishes at the second try', async () => {
    const author = await people.addUser()
    const tweet = await withFaults(database, { dropBefore: 1 }, () =>
      publishTweet(depsOn(db).deps, viewerOf(author), draft),
    )
    expect(await tweetsOf(author)).toEqual([tweet.id])
  })

  it('twice says that it is not available, and the key finds the tweet later', async () => {
    const author = await people.addUser()
    const keyed = { ...draft, idempotencyKey: 'key' }
    await withFaults(database, { dropAfterCommit: 2 }, async () => {
      await expect(publishTweet(depsOn(db).deps, viewerOf(author), keyed)).rejects.toThrow()
    })
    const tweet = await publishTweet(depsOn(db).deps, viewerOf(author), keyed)
    expect(await tweetsOf(author)).toEqual([tweet.id])
  })
})

describe('the text of a post', () => {
  it('is stored without what Postgres cannot hold', async () => {
    const author = await people.addUser()
    const tweet = await publishTweet(depsOn(db).deps, viewerOf(author), {
      ...draft,
      content: ' a\0b\ud800\r\nc ',
    })
    expect(tweet.content).toBe('ab\ufffd\nc')
  })

  it('is refused when it is empty or too long, without asking the database', async () => {
    const author = await people.addUser()
    const { deps } = depsOn(db)
    const trips = await roundTripsOf(database, async () => {
      for (const content of ['', ' \n ', '\0', 'x'.repeat(281)]) {
        await expect(publishTweet(deps, viewerOf(author), { ...draft, content })).rejects.toMatchObject({
          code: 'validation_failed',
        })
      }
    })
    expect(trips).toBe(0)
  })
})
