import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { deleteExpired } from '../../src/db/statements/maintenance.ts'
import {
  insertTweets,
  type NewTweet,
  type Publication,
  type Published,
} from '../../src/db/statements/publish-tweet.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn, inTransaction } from './harness/community.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { AMPLE_QUOTA, addTweet, newPublication, type OnePublication } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const publish = (tweet: Publication, quota = AMPLE_QUOTA) => insertTweets(db, tweet, quota)
interface Keyed extends Partial<NewTweet & Publication> {
  key?: string
  requestHash?: string
}
const withKey = (author: UserId, { key = 'key', requestHash = 'body', ...changes }: Keyed = {}) =>
  newPublication(author, 'hello', { idempotency: { key, requestHash }, ...changes })
const times = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index))

async function tweetsOf(author: UserId): Promise<number[]> {
  const { rows } = await database.pool.query<{ id: number }>(
    'select id::float8 as id from tweets where user_id = $1 order by id',
    [author],
  )
  return rows.map(({ id }) => id)
}

async function usesOf(author: UserId): Promise<number> {
  const { rows } = await database.pool.query<{ uses: number }>(
    'select cardinality(uses) as uses from quota_windows where user_id = $1',
    [author],
  )
  return rows[0]?.uses ?? 0
}

async function keysOf(author: UserId): Promise<string[]> {
  const { rows } = await database.pool.query<{ key: string }>(
    'select key from idempotency_keys where user_id = $1 order by key',
    [author],
  )
  return rows.map(({ key }) => key)
}

/** Makes the author's keys so much older. */
async function age(author: UserId, interval: string): Promise<void> {
  await database.pool.query(
    'update idempotency_keys set created_at = created_at - $2::interval where user_id = $1',
    [author, interval],
  )
}

/** The tweet that each was answered with: their own, or the first one's. */
const answeredWith = (tweets: OnePublication[], answers: Published[]) =>
  answers.map((answer, index) => {
    if (answer.outcome === 'published') return tweets[index]?.id
    return answer.outcome === 'repeated' ? answer.tweet_id : answer.outcome
  })

describe('requests with one Idempotency-Key', () => {
  it.each([2, 20])(
    'publish one tweet when there are %i at once, and all are answered with it',
    async (count) => {
      for (let round = 0; round < 5; round++) {
        const author = await people.addUser()
        const tweets = times(count, () => withKey(author))
        const answers = await Promise.all(tweets.map((tweet) => publish(tweet)))
        const written = await tweetsOf(author)
        expect(written).toHaveLength(1)
        expect(answeredWith(tweets, answers)).toEqual(times(count, () => written[0]))
        expect(await usesOf(author)).toBe(1)
      }
    },
  )

  it('publish one tweet when all of them try the same id', async () => {
    for (let round = 0; round < 5; round++) {
      const author = await people.addUser()
      const { id } = newPublication(author, '')
      const answers = await Promise.all(times(8, () => publish(withKey(author, { id }))))
      expect(answers.filter(({ outcome }) => outcome === 'published')).toHaveLength(1)
      expect(answers.filter(({ outcome }) => outcome === 'taken')).toHaveLength(7)
      expect(await publish(withKey(author))).toEqual({ outcome: 'repeated', tweet_id: id })
      expect(await tweetsOf(author)).toEqual([id])
    }
  })

  it('are answered with the first tweet later on, and use no quota', async () => {
    const author = await people.addUser()
    const first = withKey(author)
    await publish(first)
    await age(author, '23 hours 59 minutes')
    const onlyOne = { ...AMPLE_QUOTA, limit: 1 }
    expect(await publish(withKey(author), onlyOne)).toEqual({ outcome: 'repeated', tweet_id: first.id })
    expect(await usesOf(author)).toBe(1)
  })

  it('conflict when the body is another', async () => {
    const author = await people.addUser()
    const first = withKey(author)
    await publish(first)
    expect(await publish(withKey(author, { requestHash: 'other' }))).toEqual({
      outcome: 'idempotency_conflict',
    })
    expect(await publish(withKey(author))).toEqual({ outcome: 'repeated', tweet_id: first.id })
    expect(await tweetsOf(author)).toEqual([first.id])
    expect(await usesOf(author)).toBe(1)
  })

  it('conflict when two bodies come at once, one of which is published', async () => {
    for (let round = 0; round < 10; round++) {
      const author = await people.addUser()
      const answers = await Promise.all(
        ['one', 'two'].map((requestHash) => publish(withKey(author, { requestHash }))),
      )
      expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['idempotency_conflict', 'published'])
    }
  })

  it("do not meet another author's, nor those with another key", async () => {
    const [one, other] = [await people.addUser(), await people.addUser()]
    const tweets = [withKey(one), withKey(other), withKey(one, { key: 'KEY' })]
    const answers = await Promise.all(tweets.map((tweet) => publish(tweet)))
    expect(answers.map(({ outcome }) => outcome)).toEqual(times(3, () => 'published'))
  })
})

describe('an Idempotency-Key', () => {
  it('is free again when the post was refused for the quota', async () => {
    const author = await people.addUser()
    const onlyOne = { ...AMPLE_QUOTA, limit: 1 }
    await publish(newPublication(author, 'first'), onlyOne)
    expect(await publish(withKey(author), onlyOne)).toMatchObject({ outcome: 'rate_limited' })
    expect(await keysOf(author)).toEqual([])
    expect(await publish(withKey(author, { requestHash: 'other' }))).toMatchObject({ outcome: 'published' })
  })

  it('is free again when the author was suspended, or the id was taken', async () => {
    const suspended = await people.addUser({ suspended_at: new Date() })
    expect(await publish(withKey(suspended))).toEqual({ outcome: 'suspended' })
    expect(await keysOf(suspended)).toEqual([])

    const author = await people.addUser()
    const id = await addTweet(database.pool, author)
    expect(await publish(withKey(author, { id }))).toEqual({ outcome: 'taken', mine: false })
    expect(await keysOf(author)).toEqual([])
    expect(await publish(withKey(author))).toMatchObject({ outcome: 'published' })
  })

  it('is free again when the database refused the tweet', async () => {
    const author = await people.addUser()
    await expect(publish(withKey(author, { content: 'x'.repeat(281) }))).rejects.toThrow()
    expect(await keysOf(author)).toEqual([])
  })

  it('goes to the next when the first, which holds it, is undone', async () => {
    const author = await people.addUser()
    const tweet = withKey(author)
    let answer: Promise<Published> | undefined
    const claim = {
      text: "insert into idempotency_keys (user_id, key, request_hash, result_id) values ($1, 'key', 'other', 1)",
      values: [author],
    }
    await inTransaction(database.pool, [claim], async () => {
      answer = publish(tweet)
      await expect
        .poll(async () => (await database.pool.query('select from pg_locks where not granted')).rowCount)
        .toBe(1)
      throw new Error('undone')
    }).catch(() => {})
    expect(await answer).toMatchObject({ outcome: 'published' })
  })

  it('is free again after 24 hours, for one of those who come then', async () => {
    const author = await people.addUser()
    await publish(withKey(author))
    await age(author, '24 hours 1 second')
    const tweets = times(10, () => withKey(author, { requestHash: 'other' }))
    const answers = await Promise.all(tweets.map((tweet) => publish(tweet)))
    const written = await tweetsOf(author)
    expect(written).toHaveLength(2)
    expect(new Set(answeredWith(tweets, answers)).size).toBe(1)
    expect(written).toContain(answeredWith(tweets, answers)[0])
    // And taken from now on, by the newer.
    expect(await publish(withKey(author))).toEqual({ outcome: 'idempotency_conflict' })
  })

  it('is swept away after 24 hours, and not before', async () => {
    const author = await people.addUser()
    await publish(withKey(author, { key: 'old' }))
    await age(author, '24 hours 1 second')
    await publish(withKey(author, { key: 'new' }))
    await deleteExpired(db)
    expect(await keysOf(author)).toEqual(['new'])
  })
})
