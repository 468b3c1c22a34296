import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { newTweetId, type TweetId, timeOf, type UserId } from '../../src/domain/ids.ts'
import type { TweetDraft } from '../../src/services/check-draft.ts'
import { publishThread } from '../../src/services/publish-thread.ts'
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

async function rowsOf(statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>(statement, values)).rows
}

const draft = (content: string, changes: Partial<TweetDraft> = {}): TweetDraft => {
  return { content, isSensitive: false, replyToId: null, quoteTweetId: null, poll: null, ...changes }
}
const drafts = (count: number) => Array.from({ length: count }, (_, index) => draft(`part ${index} #thread`))
const post = (
  author: UserId,
  parts: TweetDraft[],
  idempotencyKey: string | null = null,
  deps = depsOn(db).deps,
) => publishThread(deps, viewerOf(author), { drafts: parts, idempotencyKey })

const stored = (author: UserId) =>
  rowsOf(
    `select id::float8, content, reply_to_id::float8, reply_to_user_id::float8, conversation_id::float8
     from tweets where user_id = $1 order by id`,
    [author],
  )

describe('a thread', () => {
  it('of 25 is one round trip, one call of the own timeline, and stands in its order', async () => {
    const author = await people.addUser()
    const { deps, told } = depsOn(db)
    let calls = 0
    const timeline: typeof deps.timeline = (user) => {
      calls += 1
      return deps.timeline(user)
    }
    const trips = await roundTripsOf(database, async () => {
      const tweets = await post(author, drafts(25), null, { ...deps, timeline })
      expect(tweets.map(({ content }) => content)).toEqual(drafts(25).map(({ content }) => content))
      const rows = await stored(author)
      expect(rows).toEqual(
        tweets.map(({ id, content }, place) => ({
          id,
          content,
          reply_to_id: tweets[place - 1]?.id ?? null,
          reply_to_user_id: place === 0 ? null : author,
          conversation_id: tweets[0]?.id,
        })),
      )
      expect(told.timelines.get(author)).toMatchObject(
        tweets.map(({ id }) => ({ type: 'deliver', entry: { id } })),
      )
    })
    expect(trips).toBe(1)
    expect(calls).toBe(1)
  })

  it('counts each tweet for its author, its hashtags, and the one before', async () => {
    const author = await people.addUser()
    const tweets = await post(
      author,
      drafts(3).map((part) => ({ ...part, content: `${part.content}_of_${author}` })),
    )
    const ids = tweets.map(({ id }) => id)
    expect(
      await rowsOf(
        `select subject, subject_id::float8 as id, counter, delta from counter_deltas
         where (subject, subject_id) = ('user', $1) or subject = 'tweet' and subject_id = any($2)
            or subject = 'hashtag' and subject_id in (select id from hashtags where tag = $3)
         order by subject, subject_id`,
        [author, ids, `thread_of_${author}`],
      ),
    ).toEqual([
      { subject: 'hashtag', id: expect.anything(), counter: 'tweet_count', delta: 3 },
      { subject: 'tweet', id: ids[0], counter: 'reply_count', delta: 1 },
      { subject: 'tweet', id: ids[1], counter: 'reply_count', delta: 1 },
      { subject: 'user', id: author, counter: 'tweet_count', delta: 3 },
    ])
    expect(
      await rowsOf("select from outbox where (message ->> 'author_id')::bigint = $1", [author]),
    ).toHaveLength(3)
  })

  it('may answer somebody else’s tweet, whose conversation it joins', async () => {
    const [ann, bob] = [await people.addUser(), await people.addUser()]
    const root = await addTweet(database.pool, ann)
    const [first, second] = await post(bob, [draft('one', { replyToId: root }), draft('two')])
    expect([first, second]).toMatchObject([
      { reply_to_id: root, conversation_id: root },
      { reply_to_id: first?.id, conversation_id: root },
    ])
  })

  it('is refused whole when one of its tweets is', async () => {
    const [ann, shy] = [await people.addUser(), await people.addUser({ is_private: true })]
    const hidden = await addTweet(database.pool, shy)
    const parts = [draft('one'), draft('two'), draft('three', { quoteTweetId: hidden })]
    await expect(post(ann, parts)).rejects.toMatchObject({
      code: 'tweet_not_found',
      errors: [{ path: 'json.tweets.2.quote_tweet_id' }],
    })
    await expect(post(ann, [draft('one'), draft(' ')])).rejects.toMatchObject({
      code: 'validation_failed',
      errors: [{ path: 'json.tweets.1.content' }],
    })
    await expect(post(ann, [draft('one'), draft('two', { replyToId: hidden })])).rejects.toMatchObject({
      code: 'validation_failed',
      errors: [{ path: 'json.tweets.1.reply_to_id' }],
    })
    expect(await stored(ann)).toEqual([])
  })

  it.each([0, 26])('of %i is refused', async (count) => {
    const author = await people.addUser()
    await expect(post(author, drafts(count))).rejects.toMatchObject({ code: 'validation_failed' })
    expect(await stored(author)).toEqual([])
  })

  it('uses as much quota as it has tweets, all or none', async () => {
    const author = await people.addUser()
    const { deps } = depsOn(db)
    const tight = { ...deps, settings: { ...deps.settings, tweetsPer3Hours: 5 } }
    const uses = () =>
      rowsOf('select cardinality(uses) as uses from quota_windows where user_id = $1', [author])
    await expect(post(author, drafts(6), null, tight)).rejects.toMatchObject({ code: 'rate_limited' })
    expect(await uses()).toEqual([])
    await post(author, drafts(3), null, tight)
    await expect(post(author, drafts(3), null, tight)).rejects.toMatchObject({ code: 'rate_limited' })
    expect(await uses()).toEqual([{ uses: 3 }])
    await post(author, drafts(2), null, tight)
    expect(await uses()).toEqual([{ uses: 5 }])
  })

  it('of which several come at once never takes more than the quota', async () => {
    for (let round = 0; round < 5; round++) {
      const author = await people.addUser()
      const { deps } = depsOn(db)
      const tight = { ...deps, settings: { ...deps.settings, tweetsPer3Hours: 10 } }
      await Promise.allSettled(Array.from({ length: 8 }, () => post(author, drafts(3), null, tight)))
      expect(await stored(author)).toHaveLength(9)
    }
  })

  it('is told when there will be room for all of it', async () => {
    const author = await people.addUser()
    const { deps } = depsOn(db)
    const tight = { ...deps, settings: { ...deps.settings, tweetsPer3Hours: 4 } }
    await rowsOf(
      `insert into quota_windows values ($1, 'tweets', array[now() - interval '10000 s', now() - interval '5000 s', now()])`,
      [author],
    )
    await expect(post(author, drafts(2), null, tight)).rejects.toHaveProperty(
      'retryAfterSeconds',
      expect.closeTo(800, -1),
    )
    await expect(post(author, drafts(3), null, tight)).rejects.toHaveProperty(
      'retryAfterSeconds',
      expect.closeTo(5800, -1),
    )
  })

  it('takes other ids when one of them is taken', async () => {
    const author = await people.addUser()
    const nowMs = Date.now() - 60_000
    await addTweet(database.pool, author, { id: newTweetId(nowMs + 1, author, () => 0) })
    const random = [0, 0, 0, 0.25, 0.25, 0.25]
    const { deps } = depsOn(db, { now: () => nowMs, random: () => random.shift() ?? Number.NaN })
    const tweets = await post(author, drafts(3), null, deps)
    expect(tweets.map(({ id }) => timeOf(id as TweetId) - nowMs)).toEqual([0, 1, 2])
    expect(await stored(author)).toHaveLength(4)
  })

  it.each([null, 'key'])('is answered whole when the answer was lost (Idempotency-Key: %s)', async (key) => {
    const author = await people.addUser()
    const tweets = await withFaults(database, { dropAfterCommit: 1 }, () => post(author, drafts(4), key))
    expect(tweets.map(({ id }) => id)).toEqual((await stored(author)).map(({ id }) => id))
  })

  it('is answered whole when its key comes again, and conflicts with any other', async () => {
    const author = await people.addUser()
    await post(author, [draft('a neighbour')])
    const first = await post(author, drafts(4), 'key')
    // Another tweet of the author's that falls among them.
    const firstId = first[0]?.id as TweetId
    const taken = new Set(first.map(({ id }) => id))
    const between = [0, 0.25].map((random) => newTweetId(timeOf(firstId) + 1, author, () => random))
    await addTweet(database.pool, author, { id: between.find((id) => !taken.has(id)) })
    expect((await post(author, drafts(4), 'key')).map(({ id }) => id)).toEqual(first.map(({ id }) => id))
    for (const other of [drafts(3), drafts(4).map((part) => ({ ...part, isSensitive: true }))]) {
      await expect(post(author, other, 'key')).rejects.toMatchObject({ code: 'idempotency_conflict' })
    }
    expect(await stored(author)).toHaveLength(6)
  })
})
