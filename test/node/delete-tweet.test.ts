import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters, readUnfoldedSubjects } from '../../src/db/statements/counters.ts'
import { deleteTweet } from '../../src/db/statements/delete-tweet.ts'
import { readTweet } from '../../src/db/statements/tweets.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet, publish as publishTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const asUser = (id: UserId) => ({ id, isModerator: false })
const asModerator = (id: UserId) => ({ id, isModerator: true })

const publish = (author: UserId, content: string) => publishTweet(db, author, content)

async function rowsOf(statement: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>(statement, values)).rows
}

const stateOf = (id: TweetId) =>
  rowsOf('select is_deleted, deleted_at is not null as has_time, revision from tweets where id = $1', [id])

/** What deletions wrote besides the tweet. */
const effectsOf = async (id: TweetId, author: UserId) => ({
  ledger: await rowsOf(
    `select counter, delta from counter_deltas where subject = 'user' and subject_id = $1 and delta < 0`,
    [author],
  ),
  outbox: await rowsOf(
    `select queue, message from outbox
     where message ->> 'type' in ('tweet_deleted', 'erase_dependants', 'tweet_withdrawn') and (message ->> 'tweet_id')::bigint = $1
     order by id`,
    [id],
  ),
})
const NO_EFFECTS = { ledger: [], outbox: [] }
const LIVE = [{ is_deleted: false, has_time: false, revision: 1 }]
const DELETED = [{ is_deleted: true, has_time: true, revision: 2 }]

describe('deleting a tweet', () => {
  it('of one’s own takes it out of sight and out of the counters, and owes its retraction', async () => {
    const author = await people.addUser()
    const id = await publish(author, 'a tweet with #one and #two')
    const tags = (
      await rowsOf('select hashtag_id::float8 as id from tweet_hashtags where tweet_id = $1', [id])
    ).map((row) => row.id)
    const answer = await deleteTweet(db, id, asUser(author))

    const owed = [
      { queue: 'fan-out', message: { type: 'tweet_deleted', v: 1, tweet_id: id, author_id: author } },
      { queue: 'engagement', message: { type: 'erase_dependants', v: 1, tweet_id: id } },
      { queue: 'notifications', message: { type: 'tweet_withdrawn', v: 1, tweet_id: id } },
    ]
    const toSearch = { queue: 'search', message: { type: 'tweet_changed', v: 1, tweet_id: id } }
    expect(answer).toMatchObject({
      outcome: 'deleted',
      author_id: author,
      outbox: [...owed, toSearch],
      subjects: [{ subject: 'user', id: author }, ...tags.map((tag) => ({ subject: 'hashtag', id: tag }))],
    })
    expect(await stateOf(id)).toEqual(DELETED)
    expect(await effectsOf(id, author)).toEqual({
      ledger: [{ counter: 'tweet_count', delta: -1 }],
      outbox: owed,
    })
    expect(await readTweet(db, id, author)).toBeNull()

    await foldCounters(db, await readUnfoldedSubjects(db, 1000), 1_000_000)
    expect(await rowsOf('select tweet_count from users where id = $1', [author])).toEqual([
      { tweet_count: 0 },
    ])
    expect(await rowsOf('select tweet_count from hashtags where id = any($1)', [tags])).toEqual([
      { tweet_count: 0 },
      { tweet_count: 0 },
    ])
  })

  it('takes one round trip', async () => {
    const author = await people.addUser()
    const id = await publish(author, '#one')
    expect(await roundTripsOf(database, () => deleteTweet(db, id, asUser(author)))).toBe(1)
  })

  it('again changes nothing', async () => {
    const author = await people.addUser()
    const id = await publish(author, 'once')
    await deleteTweet(db, id, asUser(author))
    expect(await deleteTweet(db, id, asUser(author))).toEqual({ outcome: 'gone' })
    expect(await deleteTweet(db, id, asModerator(await people.addUser()))).toEqual({ outcome: 'gone' })
    expect(await stateOf(id)).toEqual(DELETED)
    const { ledger, outbox } = await effectsOf(id, author)
    expect([ledger.length, outbox.length]).toEqual([1, 3])
  })

  it('20 times at once deletes it once', async () => {
    const moderator = await people.addUser({ role: 'moderator' })
    for (let round = 0; round < 5; round++) {
      const author = await people.addUser()
      const id = await publish(author, '#round')
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          deleteTweet(db, id, index % 4 === 0 ? asModerator(moderator) : asUser(author)),
        ),
      )
      expect(answers.map(({ outcome }) => outcome).sort()).toEqual([
        'deleted',
        ...Array.from({ length: 19 }, () => 'gone'),
      ])
      expect(await stateOf(id)).toEqual(DELETED)
      const { ledger, outbox } = await effectsOf(id, author)
      expect([ledger.length, outbox.length]).toEqual([1, 3])
    }
  })

  it('leaves the author’s other tweets alone', async () => {
    const author = await people.addUser()
    const [one, other] = [await publish(author, 'one'), await publish(author, 'other')]
    await deleteTweet(db, one, asUser(author))
    expect(await stateOf(other)).toEqual(LIVE)
  })
})

describe('a tweet of somebody else', () => {
  it('is deleted by a moderator, whoever may see it', async () => {
    const moderator = await people.addUser({ role: 'moderator' })
    const blocker = await people.addUser()
    await people.add('blocks', blocker, moderator)
    const authors = [
      await people.addUser(),
      await people.addUser({ is_private: true }),
      await people.addUser({ suspended_at: new Date() }),
      await people.addUser({ is_active: false }),
      blocker,
    ]
    for (const author of authors) {
      const id = await addTweet(database.pool, author)
      expect(await deleteTweet(db, id, asModerator(moderator))).toMatchObject({
        outcome: 'deleted',
        author_id: author,
        subjects: [{ subject: 'user', id: author }],
      })
      expect(await stateOf(id)).toEqual(DELETED)
      expect((await effectsOf(id, author)).ledger).toHaveLength(1)
    }
  })

  it('is forbidden to a stranger who may see it', async () => {
    const [author, stranger] = [await people.addUser(), await people.addUser()]
    const id = await addTweet(database.pool, author)
    expect(await deleteTweet(db, id, asUser(stranger))).toEqual({ outcome: 'forbidden' })
    expect(await stateOf(id)).toEqual(LIVE)
    expect(await effectsOf(id, author)).toEqual(NO_EFFECTS)
  })

  it('is not there for a stranger who may not see it', async () => {
    const stranger = await people.addUser()
    const [blocked, blocking] = [await people.addUser(), await people.addUser()]
    await people.add('blocks', stranger, blocked)
    await people.add('blocks', blocking, stranger)
    const ids = [
      await addTweet(database.pool, await people.addUser({ is_private: true })),
      await addTweet(database.pool, await people.addUser({ suspended_at: new Date() })),
      await addTweet(database.pool, await people.addUser({ is_active: false })),
      await addTweet(database.pool, blocked),
      await addTweet(database.pool, blocking),
    ]
    for (const id of ids) {
      expect(await deleteTweet(db, id, asUser(stranger))).toEqual({ outcome: 'not_found' })
      expect(await stateOf(id)).toEqual(LIVE)
    }
    const gone = await addTweet(database.pool, await people.addUser(), { is_deleted: true })
    expect(await deleteTweet(db, gone, asUser(stranger))).toEqual({ outcome: 'not_found' })
  })

  it('that never was is not there for anybody', async () => {
    const user = await people.addUser()
    for (const id of [1, 4_096_000_000, Number.MAX_SAFE_INTEGER] as TweetId[]) {
      expect(await deleteTweet(db, id, asUser(user))).toEqual({ outcome: 'not_found' })
      expect(await deleteTweet(db, id, asModerator(user))).toEqual({ outcome: 'not_found' })
    }
  })
})

describe('somebody who may no longer write', () => {
  it.each([
    ['suspended', { suspended_at: new Date() }, 'suspended'],
    ['deactivated', { is_active: false }, 'unauthenticated'],
  ])('deletes nothing when %s, as author or as moderator', async (_, columns, outcome) => {
    const actor = await people.addUser(columns)
    const author = await people.addUser()
    const [own, other] = [await addTweet(database.pool, actor), await addTweet(database.pool, author)]
    expect(await deleteTweet(db, own, asUser(actor))).toEqual({ outcome })
    expect(await deleteTweet(db, other, asModerator(actor))).toEqual({ outcome })
    expect([await stateOf(own), await stateOf(other)]).toEqual([LIVE, LIVE])
    expect([await effectsOf(own, actor), await effectsOf(other, author)]).toEqual([NO_EFFECTS, NO_EFFECTS])
  })

  it('deletes nothing when they were erased', async () => {
    const id = await addTweet(database.pool, await people.addUser())
    expect(await deleteTweet(db, id, asModerator(5 as UserId))).toEqual({ outcome: 'unauthenticated' })
    expect(await stateOf(id)).toEqual(LIVE)
  })
})
