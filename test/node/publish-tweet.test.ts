import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { brokenConstraint, connect, type Db, sqlState } from '../../src/db/client.ts'
import { insertTweets, type Publication } from '../../src/db/statements/publish-tweet.ts'
import { readTweet } from '../../src/db/statements/tweets.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn, somebodyWaits } from './harness/community.ts'
import { deadlocksIn, roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { AMPLE_QUOTA, addTweet, newPublication } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db
let ada: UserId

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

beforeAll(async () => {
  ada = await people.addUser({ username: 'Ada' })
})

afterAll(() => database.stop())

const publish = (publication: Publication) => insertTweets(db, publication, AMPLE_QUOTA)

async function rowsOf(statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>(statement, values)).rows
}

const WRITTEN = [
  ...['tweets', 'hashtags', 'tweet_hashtags', 'tweet_mentions', 'counter_deltas', 'outbox'],
  ...['idempotency_keys', 'quota_windows'],
]

/** How many rows the tables have that a publication writes to. */
function rowCounts(): Promise<Record<string, unknown>[]> {
  return rowsOf(`select ${WRITTEN.map((table) => `(select count(*)::int from ${table}) as ${table}`)}`)
}

/** A tweet that would write to all of them. */
const busyTweet = (author: UserId, changes = {}) =>
  newPublication(author, `#new_${crypto.randomUUID().replaceAll('-', '')} for @ada`, {
    idempotency: { key: crypto.randomUUID(), requestHash: 'h' },
    ...changes,
  })

describe('publishing a tweet', () => {
  it('takes one round trip, whatever is in it', async () => {
    expect(await roundTripsOf(database, () => publish(newPublication(ada, 'plain')))).toBe(1)
    expect(await roundTripsOf(database, () => publish(busyTweet(ada)))).toBe(1)
  })

  it('writes the tweet, its hashtags and mentions, the ledger and the outbox', async () => {
    const author = await people.addUser()
    const tweet = newPublication(author, 'Hello @ADA, #Wings and #Feathers', { isSensitive: true })
    const answer = await publish(tweet)

    expect(
      await rowsOf(
        `select user_id::float8, content, is_sensitive, conversation_id::float8, reply_to_id, nonce::text, is_deleted,
                (extract(epoch from created_at) * 1000)::float8 as created_at_ms
         from tweets where id = $1`,
        [tweet.id],
      ),
    ).toEqual([
      {
        user_id: author,
        content: 'Hello @ADA, #Wings and #Feathers',
        is_sensitive: true,
        conversation_id: tweet.id,
        reply_to_id: null,
        nonce: tweet.nonce,
        is_deleted: false,
        created_at_ms: tweet.tweets[0].createdAtMs,
      },
    ])
    const tags = await rowsOf(
      `select h.id::float8, h.tag, h.tweet_count from tweet_hashtags t join hashtags h on h.id = t.hashtag_id
       where t.tweet_id = $1 order by h.tag`,
      [tweet.id],
    )
    expect(tags).toMatchObject([
      { tag: 'feathers', tweet_count: 0 },
      { tag: 'wings', tweet_count: 0 },
    ])
    expect(
      await rowsOf('select user_id::float8 from tweet_mentions where tweet_id = $1', [tweet.id]),
    ).toEqual([{ user_id: ada }])
    expect(
      await rowsOf(
        `select subject, subject_id::float8 as id, counter, delta from counter_deltas
         where (subject, subject_id) = ('user', $1) or subject = 'hashtag' and subject_id = any($2) order by 1, 2`,
        [author, tags.map(({ id }) => id)],
      ),
    ).toEqual([
      ...tags
        .map(({ id }) => ({ subject: 'hashtag', id, counter: 'tweet_count', delta: 1 }))
        .sort((a, b) => Number(a.id) - Number(b.id)),
      { subject: 'user', id: author, counter: 'tweet_count', delta: 1 },
    ])
    const owed = await rowsOf(
      `select id::float8, queue, message, attempts, next_attempt_at - created_at = interval '30 s' as in_30_seconds
       from outbox where (message ->> 'tweet_id')::bigint = $1 order by id`,
      [tweet.id],
    )
    const message = { type: 'tweet_published', v: 1, tweet_id: tweet.id, author_id: author }
    const ofMention = { type: 'tweet_changed', v: 1, tweet_id: tweet.id, author_id: author }
    expect(owed).toEqual(
      [
        { queue: 'fan-out', message },
        { queue: 'search', message: { type: 'tweet_changed', v: 1, tweet_id: tweet.id } },
        { queue: 'notifications', message: ofMention },
      ].map((row) => ({ ...row, id: expect.any(Number), attempts: 0, in_30_seconds: true })),
    )
    const record = {
      id: tweet.id,
      user: { id: author, avatar_url: null, verified: false },
      revision: '1.1',
      entities: {
        hashtags: tweet.tweets[0].entities.hashtags,
        mentions: [{ id: ada, username: 'ADA', indices: [6, 10] }],
        urls: [],
      },
    }
    expect(answer).toMatchObject({
      outcome: 'published',
      tweets: [{ tweet: record, card: record }],
      outbox: owed.map(({ id, queue, message }) => ({ id, queue, message })),
    })
  })

  it('answers with the record that is read later', async () => {
    const tweet = newPublication(ada, 'Hello @ADA, #Wings')
    const answer = await publish(tweet)
    const read = (await readTweet(db, tweet.id, ada))?.tweet
    expect(answer).toHaveProperty('tweets', [{ tweet: read, card: read }])
  })

  it('mentions people who are there, under any spelling of their names, in the order of the text', async () => {
    const bob = await people.addUser({ username: 'bob' })
    await people.addUser({ username: 'left', is_active: false })
    await people.addUser({ username: 'banned', suspended_at: new Date() })
    const tweet = newPublication(ada, '@Bob @nobody @left @banned @aDa @BOB')
    const answer = await publish(tweet)
    expect(answer).toHaveProperty('tweets.0.tweet.entities.mentions', [
      { id: bob, username: 'Bob', indices: [0, 4] },
      { id: ada, username: 'aDa', indices: [27, 31] },
      { id: bob, username: 'BOB', indices: [32, 36] },
    ])
    expect(
      await rowsOf('select user_id::float8 from tweet_mentions where tweet_id = $1 order by 1', [tweet.id]),
    ).toEqual([ada, bob].sort((a, b) => a - b).map((user_id) => ({ user_id })))
  })

  it.each([
    ['emoji of several code points', '👩‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿 👍🏽 1️⃣'],
    ['many scripts', 'नमस्ते مرحبا שלום こんにちは 안녕 ខ្មែរ 𐐔𐐯𐑅𐐨𐑉𐐯𐐻'],
    ['quotes, backslashes and JSON', `'; drop table tweets; -- "\\u0041" {"a": [1]} $1 %s \\`],
    ['white space within', 'one\ttab\nand  a line\u2028of its own'],
    ['280 characters outside the BMP', '🦜'.repeat(280)],
  ])('gives back %s as written', async (_, content) => {
    const tweet = newPublication(ada, content)
    expect(await publish(tweet)).toMatchObject({ outcome: 'published' })
    expect((await readTweet(db, tweet.id, ada))?.tweet.content).toBe(content)
  })

  it('writes nothing when the database refuses the text', async () => {
    const before = await rowCounts()
    const tooLong = await publish(busyTweet(ada, { content: '🦜'.repeat(281) })).catch((error) => error)
    expect(brokenConstraint(tooLong)).toBe('content_length')
    const withNul = await publish(busyTweet(ada, { content: 'a\0b' })).catch((error) => error)
    expect(sqlState(withNul)).toBe('22P05')
    expect(await rowCounts()).toEqual(before)
  })

  it.each([
    ['suspended', { suspended_at: new Date() }, 'suspended'],
    ['deactivated', { is_active: false }, 'unauthenticated'],
    ['deactivated and suspended', { is_active: false, suspended_at: new Date() }, 'unauthenticated'],
  ])('writes nothing at all for an author who is %s', async (_, columns, outcome) => {
    const author = await people.addUser(columns)
    const before = await rowCounts()
    expect(await publish(busyTweet(author))).toEqual({ outcome })
    expect(await rowCounts()).toEqual(before)
  })

  it('writes nothing at all for an author who was erased', async () => {
    const before = await rowCounts()
    expect(await publish(busyTweet(12345 as UserId))).toEqual({ outcome: 'unauthenticated' })
    expect(await rowCounts()).toEqual(before)
  })
})

describe('hashtags that are new in several tweets at once', () => {
  it('get one row each when 50 tweets bring them, and nobody waits in a circle', async () => {
    const authors = await people.addUsers(50)
    // Among many others, so that the server looks for each tweet's hashtags in the order of the text.
    await database.pool.query(
      "insert into hashtags (tag) select 'known_' || n from generate_series(1, 20000) n",
    )
    await database.pool.query('analyze hashtags')
    const deadlocks = await deadlocksIn(database.pool)
    for (let round = 0; round < 4; round++) {
      const names = Array.from({ length: 12 }, (_, index) => `round${round}_${index}`)
      const tweets = authors.map((author, index) => {
        const turned = [...names.slice(index % 12), ...names.slice(0, index % 12)]
        return newPublication(
          author,
          (index % 2 === 0 ? turned : turned.toReversed()).map((name) => `#${name}`).join(' '),
        )
      })
      const answers = await Promise.all(tweets.map(publish))
      expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['published']))
      const rows = await rowsOf(
        `select h.tag, count(*)::int as tweets from hashtags h join tweet_hashtags t on t.hashtag_id = h.id
         where h.tag = any($1) group by h.id`,
        [names],
      )
      expect(rows).toHaveLength(12)
      expect(rows).toEqual(expect.arrayContaining(names.map((tag) => ({ tag, tweets: 50 }))))
    }
    expect(await deadlocksIn(database.pool)).toBe(deadlocks)
  })

  it('are made in one order, whatever order the text has them in', async () => {
    await database.pool.query('analyze hashtags')
    const deadlocks = await deadlocksIn(database.pool)
    const other = await database.pool.connect()
    try {
      const make = (tag: string) => other.query('insert into hashtags (tag) values ($1)', [tag])
      await other.query('begin')
      await make('order_1')
      const answer = publish(newPublication(ada, '#order_2 #order_1'))
      await expect.poll(() => somebodyWaits(database.pool)).toBe(true)
      // Whoever waits for the first has not made the second yet, or this would wait for it in turn.
      await make('order_2')
      await other.query('commit')
      expect(await answer).toMatchObject({ outcome: 'published' })
    } finally {
      await other.query('rollback')
      other.release()
    }
    expect(await deadlocksIn(database.pool)).toBe(deadlocks)
  })
})

describe('an id that is taken', () => {
  it('by another tweet is told, and costs nothing', async () => {
    const author = await people.addUser()
    const id = await addTweet(database.pool, author)
    const before = await rowCounts()
    const answer = await publish(busyTweet(author, { id, tags: [] }))
    expect(answer).toEqual({ outcome: 'taken', mine: false })
    expect(await rowCounts()).toEqual(before)
  })

  it('by the same insert, sent before, is known as its own', async () => {
    const author = await people.addUser()
    for (const tweet of [newPublication(author, 'once'), busyTweet(author)]) {
      expect(await publish(tweet)).toMatchObject({ outcome: 'published' })
      const before = await rowCounts()
      expect(await publish(tweet)).toEqual({ outcome: 'taken', mine: true })
      expect(await rowCounts()).toEqual(before)
    }
  })

  it('at the very same time is told like one taken before', async () => {
    for (let round = 0; round < 10; round++) {
      const author = await people.addUser()
      const { id } = newPublication(author, '')
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, index) => publish(newPublication(author, `tweet ${index}`, { id }))),
      )
      expect(answers.filter(({ outcome }) => outcome === 'published')).toHaveLength(1)
      expect(answers.filter(({ outcome }) => outcome === 'taken')).toEqual(
        Array.from({ length: 7 }, () => ({ outcome: 'taken', mine: false })),
      )
      expect(
        await rowsOf('select cardinality(uses) as uses from quota_windows where user_id = $1', [author]),
      ).toEqual([{ uses: 1 }])
    }
  })

  it('at the very same time by the same insert is known as its own', async () => {
    for (let round = 0; round < 10; round++) {
      const tweet = newPublication(await people.addUser(), 'sent twice')
      const answers = await Promise.all([publish(tweet), publish(tweet)])
      expect(answers).toContainEqual(expect.objectContaining({ outcome: 'published' }))
      expect(answers).toContainEqual({ outcome: 'taken', mine: true })
    }
  })
})
