import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters, readUnfoldedSubjects } from '../../src/db/statements/counters.ts'
import { deleteTweet } from '../../src/db/statements/delete-tweet.ts'
import { insertTweets } from '../../src/db/statements/publish-tweet.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { AMPLE_QUOTA, addTweet, newPublication, publish } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

async function rowsOf(statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>(statement, values)).rows
}

const answer = (author: UserId, to: TweetId, changes = {}) =>
  insertTweets(db, newPublication(author, 'a reply', { replyToId: to, ...changes }), AMPLE_QUOTA)

const refused = (code: string) => ({ outcome: 'refused', code, field: 'reply_to_id', place: 0 })

async function foldAll(): Promise<void> {
  await foldCounters(db, await readUnfoldedSubjects(db, 10_000), 1_000_000)
}

describe('a reply', () => {
  it('stands in the conversation of what it answers, and names whom it answers', async () => {
    const [ann, bob, cy] = [await people.addUser(), await people.addUser(), await people.addUser()]
    const root = await publish(db, ann, 'the beginning')
    const first = await publish(db, bob, 'first', { replyToId: root })
    const second = await publish(db, cy, 'second', { replyToId: first })
    expect(
      await rowsOf(
        `select id::float8, reply_to_id::float8, reply_to_user_id::float8, conversation_id::float8
         from tweets where conversation_id = $1 order by id`,
        [root],
      ),
    ).toEqual([
      { id: root, reply_to_id: null, reply_to_user_id: null, conversation_id: root },
      { id: first, reply_to_id: root, reply_to_user_id: ann, conversation_id: root },
      { id: second, reply_to_id: first, reply_to_user_id: bob, conversation_id: root },
    ])
  })

  it('is answered as it stands, in one round trip', async () => {
    const [ann, bob] = [await people.addUser(), await people.addUser()]
    const root = await publish(db, ann, 'the beginning')
    const trips = await roundTripsOf(database, async () => {
      const record = { reply_to_id: root, conversation_id: root, user: { id: bob }, quote: null }
      expect(await answer(bob, root)).toMatchObject({
        outcome: 'published',
        tweets: [{ tweet: record, card: record }],
      })
    })
    expect(trips).toBe(1)
  })

  it('counts for what it answers, until it is deleted', async () => {
    const [ann, bob] = [await people.addUser(), await people.addUser()]
    const root = await publish(db, ann, 'the beginning')
    const replies = [
      await publish(db, bob, 'one', { replyToId: root }),
      await publish(db, ann, 'two', { replyToId: root }),
    ]
    await publish(db, bob, 'to the reply', { replyToId: replies[0] ?? null })
    await foldAll()
    const counts = () => rowsOf('select reply_count from tweets where id = $1', [root])
    expect(await counts()).toEqual([{ reply_count: 2 }])
    for (const reply of replies) await deleteTweet(db, reply, { id: ann, isModerator: true })
    await foldAll()
    expect(await counts()).toEqual([{ reply_count: 0 }])
  })

  it('answers a private author whom one follows, or oneself', async () => {
    const [ann, bob] = [await people.addUser({ is_private: true }), await people.addUser()]
    await people.add('follows', bob, ann)
    const root = await addTweet(database.pool, ann)
    expect(await answer(bob, root)).toMatchObject({ outcome: 'published' })
    expect(await answer(ann, root)).toMatchObject({ outcome: 'published' })
  })

  it('to what is not there writes nothing and costs nothing', async () => {
    const bob = await people.addUser()
    const blockedByBob = await people.addUser()
    await people.add('blocks', bob, blockedByBob)
    const missing = [
      12_345 as TweetId,
      await addTweet(database.pool, await people.addUser(), { is_deleted: true }),
      await addTweet(database.pool, await people.addUser({ is_private: true })),
      await addTweet(database.pool, await people.addUser({ suspended_at: new Date() })),
      await addTweet(database.pool, await people.addUser({ is_active: false })),
      await addTweet(database.pool, blockedByBob),
    ]
    const idempotency = { key: 'key', requestHash: 'h' }
    for (const id of missing)
      expect(await answer(bob, id, { idempotency })).toEqual(refused('tweet_not_found'))
    for (const table of ['tweets', 'quota_windows', 'idempotency_keys']) {
      expect(await rowsOf(`select from ${table} where user_id = $1`, [bob])).toEqual([])
    }
    expect(
      await rowsOf("select from counter_deltas where counter = 'reply_count' and subject_id = any($1)", [
        missing,
      ]),
    ).toEqual([])
  })

  it('to somebody who blocks one is told to be blocked, unless one could not see the tweet anyway', async () => {
    const [bob, ann, shy] = [
      await people.addUser(),
      await people.addUser(),
      await people.addUser({ is_private: true }),
    ]
    await people.add('blocks', ann, bob)
    await people.add('blocks', shy, bob)
    expect(await answer(bob, await addTweet(database.pool, ann))).toEqual(refused('blocked'))
    expect(await answer(bob, await addTweet(database.pool, ann, { is_deleted: true }))).toEqual(
      refused('tweet_not_found'),
    )
    expect(await answer(bob, await addTweet(database.pool, shy))).toEqual(refused('tweet_not_found'))
  })

  it('is answered with the first one when its key comes again, though its parent is gone by then', async () => {
    const [ann, bob] = [await people.addUser(), await people.addUser()]
    const root = await publish(db, ann, 'the beginning')
    const idempotency = { key: 'key', requestHash: 'h' }
    const first = newPublication(bob, 'a reply', { replyToId: root, idempotency })
    await insertTweets(db, first, AMPLE_QUOTA)
    await deleteTweet(db, root, { id: ann, isModerator: false })
    expect(await answer(bob, root, { idempotency })).toEqual({ outcome: 'repeated', tweet_id: first.id })
  })

  it('at the time of its parent’s deletion lands or does not, and counts as it landed', async () => {
    for (let round = 0; round < 10; round++) {
      const ann = await people.addUser()
      const authors = await people.addUsers(6)
      const root = await publish(db, ann, 'short-lived')
      const [, ...answers] = await Promise.all([
        deleteTweet(db, root, { id: ann, isModerator: false }),
        ...authors.map((author) => answer(author, root)),
      ])
      for (const { outcome } of answers) expect(['published', 'refused']).toContain(outcome)
      await foldAll()
      expect(
        await rowsOf(
          `select reply_count = (select count(*) from tweets r where r.reply_to_id = t.id and not r.is_deleted) as exact
           from tweets t where id = $1`,
          [root],
        ),
      ).toEqual([{ exact: true }])
    }
  })
})
