import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { insertAccount } from '../../src/db/statements/accounts.ts'
import { foldCounters } from '../../src/db/statements/counters.ts'
import { readSearchable, type SearchableStep } from '../../src/db/statements/searchable.ts'
import { updateProfile } from '../../src/db/statements/update-profile.ts'
import { newUserId, type TweetId, type UserId } from '../../src/domain/ids.ts'
import { indexChangesOf } from '../../src/queues/index-changes.ts'
import type { TweetDraft } from '../../src/services/check-draft.ts'
import { deleteTweet } from '../../src/services/delete-tweet.ts'
import type { Deps } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { publishThread } from '../../src/services/publish-thread.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { updateProfile as changeProfile } from '../../src/services/update-profile.ts'
import { verifyUser } from '../../src/services/verify-user.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet, publish } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

/** What doing something owes to search; and that it is sent. */
async function owedBy(work: (deps: Deps) => Promise<unknown>): Promise<unknown[]> {
  const { deps, told } = depsOn(db)
  await work(deps)
  const { rows } = await database.pool.query<{ message: unknown }>(
    `select message from outbox where queue = 'search' and id = any($1) order by id`,
    [told.sent],
  )
  const { rows: all } = await database.pool.query(`delete from outbox where queue = 'search' returning id`)
  expect(all).toHaveLength(rows.length)
  return rows.map(({ message }) => message)
}

const draftOf = (content: string): TweetDraft => {
  return { content, isSensitive: false, replyToId: null, quoteTweetId: null, poll: null }
}
const post = (author: UserId, content: string) => (deps: Deps) =>
  publishTweet(deps, viewerOf(author), { ...draftOf(content), idempotencyKey: null })

const ofTweet = (tweet_id: unknown) => ({ type: 'tweet_changed', v: 1, tweet_id })
const ofUser = (user_id: UserId) => ({ type: 'user_changed', v: 1, user_id })
const someTweet = ofTweet(expect.any(Number))

describe('search is owed', () => {
  it('each tweet that is posted, a private author’s too', async () => {
    const [author, hidden] = [await people.addUser(), await people.addUser({ is_private: true })]
    expect(await owedBy(post(author, 'plain'))).toEqual([someTweet])
    expect(await owedBy(post(hidden, 'for few'))).toEqual([someTweet])
    const drafts = [draftOf('one'), draftOf('two'), draftOf('three')]
    const thread = (deps: Deps) => publishThread(deps, viewerOf(author), { drafts, idempotencyKey: null })
    expect(await owedBy(thread)).toEqual([someTweet, someTweet, someTweet])
  })

  it('an edit and a deletion, each once, and no retweet', async () => {
    const [author, moderator] = [await people.addUser(), await people.addUser()]
    const created_at = new Date()
    const id = await addTweet(database.pool, author, { created_at })
    const other = await addTweet(database.pool, author)
    const edit = (deps: Deps) => editTweet(deps, viewerOf(author), { id, content: 'new' })
    expect(await owedBy(edit)).toEqual([ofTweet(id)])
    expect(await owedBy(edit)).toEqual([])
    expect(await owedBy((deps) => retweetTweet(deps, viewerOf(moderator), id))).toEqual([])
    const remove = (deps: Deps) => deleteTweet(deps, viewerOf(author), id)
    expect(await owedBy(remove)).toEqual([ofTweet(id)])
    expect(await owedBy(remove)).toEqual([])
    expect(await owedBy((deps) => deleteTweet(deps, viewerOf(moderator, 'moderator'), other))).toEqual([
      ofTweet(other),
    ])
  })

  it('what people are found by, and whether all may read what they wrote', async () => {
    const user = await people.addUser({ bio: 'old' })
    const change = (asked: object) => (deps: Deps) => changeProfile(deps, viewerOf(user), { id: user }, asked)
    const ofTweets = (revision: number) => {
      return { type: 'tweets_of_changed', v: 1, user_id: user, before_id: null, revision }
    }
    expect(await owedBy(change({ bio: 'new' }))).toEqual([ofUser(user)])
    expect(await owedBy(change({ bio: 'new', location: 'there' }))).toEqual([])
    expect(await owedBy(change({ is_private: true }))).toEqual([ofTweets(3)])
    expect(await owedBy(change({ is_private: true }))).toEqual([])
    expect(await owedBy(change({ is_private: false, display_name: 'Other' }))).toEqual([
      ofUser(user),
      ofTweets(4),
    ])
  })

  it('who is verified, and who has come', async () => {
    const [moderator, user] = [await people.addUser({ role: 'moderator' }), await people.addUser()]
    const verify = (deps: Deps) => verifyUser(deps, viewerOf(moderator, 'moderator'), { id: user }, true)
    expect(await owedBy(verify)).toEqual([ofUser(user)])
    expect(await owedBy(verify)).toEqual([])
    const id = newUserId(Date.now(), Math.random)
    const account = {
      id,
      username: 'newcomer',
      email: 'newcomer@example.com',
      displayName: 'N',
      passwordHash: '',
    }
    const session = { id: crypto.randomUUID(), tokenHash: '', userAgent: '' }
    const { outbox } = await insertAccount(db, account, session)
    expect(outbox).toEqual([{ id: expect.any(Number), queue: 'search', message: ofUser(id) }])
  })

  it('what was liked or followed twice as much', async () => {
    const author = await people.addUser()
    const tweet = await addTweet(database.pool, author)
    const fold = async (subject: 'tweet' | 'user', id: number, counter: string, delta: number) => {
      await database.pool.query(
        'insert into counter_deltas (subject, subject_id, counter, delta) values ($1, $2, $3, $4)',
        [subject, id, counter, delta],
      )
      return (await foldCounters(db, [{ subject, id }], 1_000_000)).outbox.map(({ message }) => message)
    }
    const like = (delta: number) => fold('tweet', tweet, 'like_count', delta)
    const told = [[ofTweet(tweet)], []]
    const counts = [1, 1, 1, 1, 1, 1, 1, 1]
    const owed = []
    for (const delta of counts) owed.push((await like(delta)).length)
    expect(owed).toEqual([1, 1, 0, 1, 0, 0, 0, 1])
    expect([await like(-1), await like(0)]).toEqual(told)
    expect(await fold('tweet', tweet, 'reply_count', 100)).toEqual([ofTweet(tweet)])
    expect(await fold('tweet', tweet, 'bookmark_count', 1000)).toEqual([])
    expect(await fold('user', author, 'follower_count', 5)).toEqual([ofUser(author)])
    expect(await fold('user', author, 'follower_count', 2)).toEqual([])
    expect(await fold('user', author, 'tweet_count', 50)).toEqual([])
  })
})

const read = (tweets: readonly number[], users: readonly number[] = [], steps: SearchableStep[] = []) =>
  readSearchable(db, { outboxIds: [], tweets, people: users, steps, stepSize: 3 })

describe('what search is told of a tweet', () => {
  it('is all that it is found by', async () => {
    const [ada, bob] = [await people.addUser({ username: 'Ada' }), await people.addUser({ username: 'Bob' })]
    const asked = await publish(db, bob, 'a question')
    const id = await publish(db, ada, 'An answer, @BOB, about #Wings and #wings', {
      replyToId: asked,
      isSensitive: true,
    })
    await database.pool.query(
      'update tweets set like_count = 1, retweet_count = 2, reply_count = 4, quote_count = 8, bookmark_count = 16 where id = $1',
      [id],
    )
    const { tweets, people: none } = indexChangesOf({ tweets: [id], people: [] }, await read([id]), 1)
    expect(none).toEqual([])
    expect(tweets).toEqual([
      {
        id,
        version: 2 ** 32 + 2,
        authorId: ada,
        username: 'Ada',
        content: 'An answer, @BOB, about #Wings and #wings',
        hashtags: ['wings'],
        mentions: ['BOB'],
        replyTo: 'Bob',
        hasMedia: false,
        isSensitive: true,
        engagement: 15,
      },
    ])
  })

  it.each([
    [
      'deleted',
      (id: TweetId) => [`update tweets set is_deleted = true, revision = revision + 1 where id = ${id}`],
    ],
    [
      'of a private author',
      (_: TweetId, author: UserId) => [updateProfile(db, author, { is_private: true })],
    ],
    [
      'of a suspended author',
      (_: TweetId, author: UserId) => [`update users set suspended_at = now() where id = ${author}`],
    ],
    [
      'of a deactivated author',
      (_: TweetId, author: UserId) => [`update users set is_active = false where id = ${author}`],
    ],
  ])('is that it is gone when it is %s', async (_, change) => {
    const author = await people.addUser()
    const id = await publish(db, author, 'seen by all')
    const before = indexChangesOf({ tweets: [id], people: [] }, await read([id]), 1)
    for (const done of change(id, author)) {
      if (typeof done === 'string') await database.pool.query(done)
      else await done
    }
    const after = indexChangesOf({ tweets: [id], people: [] }, await read([id]), 1)
    expect([before.tweets.length, before.removedTweets]).toEqual([1, []])
    expect([after.tweets, after.removedTweets]).toEqual([[], [{ id, version: expect.any(Number) }]])
    expect(after.removedTweets[0]?.version).toBeGreaterThanOrEqual(before.tweets[0]?.version ?? Infinity)
  })

  it('is that it is gone for good when it is not there; and after a restore, what is said then', async () => {
    const author = await people.addUser()
    const id = await publish(db, author, 'there')
    const named = { tweets: [id, 5], people: [7] }
    const first = indexChangesOf(named, await read(named.tweets, named.people), 1)
    expect(first.removedTweets).toEqual([{ id: 5, version: 2 * 2 ** 32 - 1 }])
    expect(first.removedPeople).toEqual([{ id: 7, version: 2 * 2 ** 32 - 1 }])
    const later = indexChangesOf(named, await read(named.tweets, named.people), 2)
    expect(later.tweets[0]?.version).toBeGreaterThan(first.removedTweets[0]?.version ?? Infinity)
    expect(Number.isSafeInteger(1_000_000 * 2 ** 32 + 2 ** 32)).toBe(true)
  })
})

describe('a step', () => {
  it('goes through an author’s tweets, the newest first, and says where it ended', async () => {
    const author = await people.addUser()
    const ids: TweetId[] = []
    for (let n = 0; n < 7; n++) ids.unshift(await addTweet(database.pool, author))
    const seen: number[][] = []
    for (let beforeId: number | null = null; ; ) {
      const { tweets, steps } = await read([], [], [{ outboxId: 1, of: 'author', userId: author, beforeId }])
      seen.push(tweets.map(({ id }) => id).sort((a, b) => b - a))
      beforeId = steps[0]?.last_id ?? null
      if (beforeId === null) break
    }
    expect(seen).toEqual([ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)])
  })

  it('goes through all people and all tweets, the oldest first, the deleted ones too', async () => {
    for (const of of ['people', 'tweets'] as const) {
      const table = of === 'people' ? 'users' : 'tweets'
      const { rows } = await database.pool.query<{ id: string }>(`select id from ${table} order by id`)
      const seen: number[] = []
      for (let afterId: number | null = 0; afterId !== null; ) {
        const found = await read([], [], [{ outboxId: 1, of, afterId }])
        seen.push(...found[of].map(({ id }) => id).sort((a, b) => a - b))
        afterId = found.steps[0]?.last_id ?? null
      }
      expect(seen).toEqual(rows.map(({ id }) => Number(id)))
    }
  })

  it('is one round trip, together with all else', async () => {
    const author = await people.addUser()
    const id = await addTweet(database.pool, author)
    const steps: SearchableStep[] = [
      { outboxId: 1, of: 'author', userId: author, beforeId: null },
      { outboxId: 2, of: 'tweets', afterId: id - 1 },
      { outboxId: 3, of: 'people', afterId: author - 1 },
    ]
    expect(await roundTripsOf(database, () => read([id], [author], steps))).toBe(1)
    const found = await read([id], [author], steps)
    expect(found.tweets.filter((tweet) => tweet.id === id)).toHaveLength(1)
    expect(found.people.filter((user) => user.id === author)).toHaveLength(1)
  })
})
