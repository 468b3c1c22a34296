import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters, readUnfoldedSubjects } from '../../src/db/statements/counters.ts'
import { deleteTweet } from '../../src/db/statements/delete-tweet.ts'
import { eraseDependants } from '../../src/db/statements/erase-dependants.ts'
import { eraseDeletedTweets } from '../../src/db/statements/maintenance.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { eraseDependants as eraseService } from '../../src/services/erase-deleted.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn } from './harness/deps.ts'
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

async function rowsOf(statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>(statement, values)).rows
}

let entries = 1

/** Puts each of them on the tweet: a retweet, a bookmark, a like and its notification, and what those count. */
async function hang(tweet: TweetId, author: UserId, actors: UserId[]): Promise<void> {
  const firstEntry = entries
  entries += actors.length
  await rowsOf(
    `insert into retweets (id, user_id, tweet_id)
     select $3 + place, id, $1 from unnest($2::bigint[]) with ordinality as a(id, place)`,
    [tweet, actors, firstEntry],
  )
  await rowsOf('insert into bookmarks (user_id, tweet_id) select unnest($2::bigint[]), $1', [tweet, actors])
  await rowsOf('insert into likes (user_id, tweet_id) select unnest($2::bigint[]), $1', [tweet, actors])
  await rowsOf(
    "insert into notifications (user_id, actor_id, type, tweet_id) select $3, unnest($2::bigint[]), 'like', $1",
    [tweet, actors, author],
  )
  await rowsOf(
    `insert into counter_deltas (subject, subject_id, counter, delta)
     select 'tweet', $1, unnest(array['retweet_count', 'bookmark_count', 'like_count']), $2::int`,
    [tweet, actors.length],
  )
}

const left = async (tweet: TweetId) => {
  const count = (table: string) => `(select count(*)::int from ${table} where tweet_id = $1) as ${table}`
  return (
    await rowsOf(`select ${['retweets', 'bookmarks', 'notifications', 'likes'].map(count)}`, [tweet])
  )[0]
}

/** The outbox row of the tweet's erasure. */
async function owed(tweet: TweetId): Promise<number | null> {
  const [row] = await rowsOf(
    "select id::float8 from outbox where queue = 'engagement' and message ->> 'tweet_id' = $1",
    [String(tweet)],
  )
  return row === undefined ? null : Number(row.id)
}

async function deletedWith(actors: UserId[]): Promise<{ tweet: TweetId; author: UserId; outboxId: number }> {
  const author = await people.addUser()
  const tweet = await publish(db, author, 'to be deleted')
  await hang(tweet, author, actors)
  await deleteTweet(db, tweet, { id: author, isModerator: false })
  return { tweet, author, outboxId: (await owed(tweet)) ?? Number.NaN }
}

async function countersOf(tweet: TweetId): Promise<unknown> {
  await foldCounters(db, await readUnfoldedSubjects(db, 10_000), 1_000_000)
  const [row] = await rowsOf('select retweet_count, bookmark_count, like_count from tweets where id = $1', [
    tweet,
  ])
  return row
}

describe('what hangs on a deleted tweet', () => {
  it('goes step by step, with its counters; likes stay, and notifications until their own consumer withdraws them', async () => {
    const { tweet, author, outboxId } = await deletedWith(await people.addUsers(5))
    const step = async () => {
      const { left, outbox } = await eraseDependants(db, outboxId, tweet, 2)
      return { left, undone: outbox.length, owed: (await owed(tweet)) !== null }
    }
    const trips = await roundTripsOf(database, async () => {
      expect((await eraseDependants(db, outboxId, tweet, 2)).left).toBe(true)
    })
    expect(trips).toBe(1)
    expect(await left(tweet)).toEqual({ retweets: 3, bookmarks: 3, notifications: 5, likes: 5 })
    expect(await countersOf(tweet)).toEqual({ retweet_count: 3, bookmark_count: 3, like_count: 5 })
    expect(await step()).toEqual({ left: true, undone: 2, owed: true })
    expect(await step()).toEqual({ left: false, undone: 1, owed: false })
    expect(await left(tweet)).toEqual({ retweets: 0, bookmarks: 0, notifications: 5, likes: 5 })
    expect(await countersOf(tweet)).toEqual({ retweet_count: 0, bookmark_count: 0, like_count: 5 })
    // A delivery that comes again finds nothing to do.
    expect(await step()).toEqual({ left: false, undone: 0, owed: false })
    expect(
      await rowsOf(
        "select (message ->> 'author_id')::float8 as author from outbox where message ->> 'type' = 'retweet_undone' and message ->> 'tweet_id' = $1",
        [String(tweet)],
      ),
    ).toEqual(Array.from({ length: 5 }, () => ({ author })))
  })

  it('is counted right when steps and the people themselves take it away at once', async () => {
    const actors = await people.addUsers(20)
    for (let round = 0; round < 5; round++) {
      const { tweet, outboxId } = await deletedWith(actors)
      const undo = (user: UserId) =>
        rowsOf(
          `with gone as (delete from bookmarks where user_id = $1 and tweet_id = $2 returning tweet_id)
           insert into counter_deltas (subject, subject_id, counter, delta)
           select 'tweet', tweet_id, 'bookmark_count', -1 from gone`,
          [user, tweet],
        )
      await Promise.all([
        ...Array.from({ length: 4 }, () => eraseDependants(db, outboxId, tweet, 4)),
        ...actors.slice(0, 8).map(undo),
      ])
      for (let more = true; more; ) more = (await eraseDependants(db, outboxId, tweet, 4)).left
      expect(await left(tweet)).toMatchObject({ retweets: 0, bookmarks: 0, notifications: actors.length })
      expect(await owed(tweet)).toBeNull()
      expect(await countersOf(tweet)).toMatchObject({ retweet_count: 0, bookmark_count: 0 })
    }
  })

  it('of a tweet that is there stays, whatever a message says', async () => {
    const author = await people.addUser()
    const tweet = await publish(db, author, 'still here')
    await hang(tweet, author, await people.addUsers(2))
    await eraseDependants(db, 1_000_000, tweet, 10)
    expect(await left(tweet)).toEqual({ retweets: 2, bookmarks: 2, notifications: 2, likes: 2 })
  })

  it('asks for the next step by the queue, and tells who undid and what to fold', async () => {
    const { tweet, outboxId } = await deletedWith(await people.addUsers(3))
    const folds: unknown[] = []
    const { deps, told } = depsOn(db)
    const message = {
      outbox_id: outboxId,
      event: { type: 'erase_dependants', v: 1, tweet_id: tweet } as const,
    }
    const queues = { ...deps.queues, sendFold: async (subjects: unknown) => void folds.push(subjects) }
    await eraseService({ ...deps, queues }, message, 2)
    expect(told.sent).toHaveLength(3)
    expect(told.sent).toContain(outboxId)
    expect(folds).toEqual([[{ subject: 'tweet', id: tweet }]])
    expect(
      await rowsOf("select next_attempt_at > now() + interval '25 s' as later from outbox where id = $1", [
        outboxId,
      ]),
    ).toEqual([{ later: true }])
    await eraseService({ ...deps, queues }, message, 2)
    expect(told.sent).toHaveLength(4)
  })
})

describe('the content of a deleted tweet', () => {
  const deletedAgo = async (interval: string) => {
    const author = await people.addUser({ username: `author_${crypto.randomUUID().slice(0, 8)}` })
    const id = await publish(db, author, 'secret #words for @author')
    await rowsOf(
      'insert into tweet_versions select id, 1, content, entities, created_at from tweets where id = $1',
      [id],
    )
    await rowsOf('update tweets set is_deleted = true, deleted_at = now() - $2::interval where id = $1', [
      id,
      interval,
    ])
    return id
  }
  const contentOf = async (id: TweetId) =>
    (await rowsOf('select content, entities from tweets where id = $1', [id]))[0]
  const besides = async (id: TweetId) => {
    const count = (table: string) => `(select count(*)::int from ${table} where tweet_id = $1) as ${table}`
    return (await rowsOf(`select ${['tweet_versions', 'tweet_hashtags'].map(count)}`, [id]))[0]
  }

  it('is erased after 30 days with its versions, and not before, nor that of others', async () => {
    const [old, recent] = [await deletedAgo('30 days 1 minute'), await deletedAgo('29 days 23 hours')]
    const live = await addTweet(database.pool, await people.addUser())
    expect(await eraseDeletedTweets(db, 100)).toBe(1)
    expect(await contentOf(old)).toEqual({ content: '', entities: { hashtags: [], mentions: [], urls: [] } })
    expect(await besides(old)).toEqual({ tweet_versions: 0, tweet_hashtags: 0 })
    expect(await contentOf(recent)).toMatchObject({ content: 'secret #words for @author' })
    expect(await besides(recent)).toEqual({ tweet_versions: 1, tweet_hashtags: 1 })
    expect(await contentOf(live)).toMatchObject({ content: 'hello' })
    expect(await eraseDeletedTweets(db, 100)).toBe(0)
  })

  it('goes a bounded number at a time', async () => {
    for (let made = 0; made < 5; made++) await deletedAgo('31 days')
    const runs = []
    for (let run = 0; run < 4; run++) runs.push(await eraseDeletedTweets(db, 2))
    expect(runs).toEqual([2, 2, 1, 0])
  })
})
