import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { ensureTweetPartitionsSql, PARTITION_MONTHS_AHEAD } from '../../src/db/partitions.ts'
import { foldCounters } from '../../src/db/statements/counters.ts'
import { deleteTweet } from '../../src/db/statements/delete-tweet.ts'
import { editTweet } from '../../src/db/statements/edit-tweet.ts'
import { insertEngagement } from '../../src/db/statements/engagement.ts'
import { planFanOut } from '../../src/db/statements/fan-out.ts'
import { readFresh } from '../../src/db/statements/freshen.ts'
import { readHashtagTweets } from '../../src/db/statements/hashtag-timeline.ts'
import { insertTweets, type NewTweet } from '../../src/db/statements/publish-tweet.ts'
import { insertRetweet } from '../../src/db/statements/retweets.ts'
import { readThread } from '../../src/db/statements/thread.ts'
import { readTrendCandidates } from '../../src/db/statements/trend-rankings.ts'
import { readExplore } from '../../src/db/statements/trend-readers.ts'
import { takeTrendWork } from '../../src/db/statements/trends.ts'
import { readActedOn, readActors, readAnswers, readMentions } from '../../src/db/statements/tweet-lists.ts'
import { readPublication, readTweet, readUserEntries } from '../../src/db/statements/tweets.ts'
import { whichUser } from '../../src/db/statements/users.ts'
import {
  type EntryId,
  ID_EPOCH_MS,
  MAX_ID,
  newTweetId,
  type TweetId,
  type UserId,
} from '../../src/domain/ids.ts'
import { TREND_STEP } from '../../src/services/settle-trends.ts'
import { communityIn } from './harness/community.ts'
import { runOf } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { AMPLE_QUOTA, addTweet, newPublication, ownMoment } from './harness/tweets.ts'

const ALL_TREND = () => ({ nowMs: Date.now(), topicShare: 1 })
const FIRST_PAGE = { after: null, offset: 0, limit: 20 }
/** The month of a day before the tweet, its own if that is another, and those attached ahead. */
const MONTHS_SINCE = 2 + PARTITION_MONTHS_AHEAD

let database: TestDatabase
let db: Db
let author: UserId
let reader: UserId
let tweet: TweetId

beforeAll(async () => {
  database = await startTestDatabase()
  const people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  await database.pool.query(ensureTweetPartitionsSql(ID_EPOCH_MS, Date.now()))
  author = await people.addUser()
  reader = await people.addUser()
  tweet = await addTweet(database.pool, author)
})

afterAll(() => database.stop())

async function countPartitions(): Promise<number> {
  const { rowCount } = await database.pool.query(
    "select from pg_inherits where inhparent = 'tweets'::regclass",
  )
  return rowCount ?? 0
}

const publishing =
  (content: string, changes: () => Partial<NewTweet> = () => ({})) =>
  () =>
    insertTweets(db, newPublication(author, content, changes()), AMPLE_QUOTA)
const known = () => [{ id: tweet, revision: null, wants_card: true }]
const noEntities = { entities: { hashtags: [], mentions: [], urls: [] }, tags: [], mentioned: [] }
const task = () => ({
  outbox_id: 1,
  effect: 'deliver' as const,
  entry_id: tweet as number as EntryId,
  tweet_id: tweet,
  author_id: author,
  by_id: author,
  from_follower: 0,
  to_follower: MAX_ID,
  to: null,
})

describe('what a statement plans of the partitions of tweets', () => {
  it.each<[string, number, () => Promise<unknown>]>([
    ['a page that is freshened: none', 0, () => readFresh(db, known(), [], reader)],
    ['a fan-out: none', 0, () => planFanOut(db, [task()])],
    ['a list of liked tweets: none', 0, () => readActedOn(db, 'likes', reader, FIRST_PAGE)],
    ['the mentions: none', 0, () => readMentions(db, reader, FIRST_PAGE)],
    ['a tweet: its own', 1, () => readTweet(db, tweet, reader)],
    ['who liked it: its own', 1, () => readActors(db, 'likes', tweet, reader, FIRST_PAGE)],
    ['a plain post: its own', 1, publishing('hello')],
    ['a post with all but names of other tweets: its own', 1, publishing('#hello @user_1')],
    ['a reply: its own and its parent’s', 2, publishing('hello', () => ({ replyToId: tweet }))],
    ['a quote: its own and the quoted one’s', 2, publishing('hello', () => ({ quoteTweetId: tweet }))],
    ['a like: that of the tweet', 1, () => insertEngagement(db, 'like', reader, tweet, null)],
    [
      'a retweet: that of the tweet',
      1,
      () =>
        insertRetweet(db, reader, tweet, newTweetId(ownMoment(), reader, Math.random) as number as EntryId),
    ],
    ['what was published: its own, twice', 2, () => readPublication(db, tweet, { author, tweets: 1 })],
    [
      'an edit: that of the tweet, a few times',
      3,
      () => editTweet(db, tweet, author, { content: 'other', isBlank: false, ...noEntities }),
    ],
    [
      'a fold: that of the tweet',
      2,
      () => foldCounters(db, [{ subject: 'tweet', id: tweet }], 1_000_000, ALL_TREND()),
    ],
    [
      'a fold of users: none',
      0,
      () => foldCounters(db, [{ subject: 'user', id: author }], 1_000_000, ALL_TREND()),
    ],
    ['trends of authors: none', 0, () => takeTrendWork(db, ALL_TREND(), TREND_STEP)],
    ['the tweets with a hashtag: none', 0, () => readHashtagTweets(db, 'hello', reader, FIRST_PAGE)],
    [
      'a page of what goes on: none',
      0,
      () => readExplore(db, null, { nowMs: Date.now(), tweets: 20, people: 5 }),
    ],
    ['what may trend: none', 0, () => readTrendCandidates(db, Date.now(), 100)],
    [
      'the answers: those since the tweet',
      1 + MONTHS_SINCE,
      () => readAnswers(db, 'replies', tweet, reader, FIRST_PAGE),
    ],
    [
      'a thread: those since the tweet, three times',
      1 + 3 * MONTHS_SINCE,
      () => readThread(db, tweet, reader, FIRST_PAGE),
    ],
    [
      'a deletion: that of the tweet, a few times',
      3,
      () => deleteTweet(db, tweet, { id: author, isModerator: false }),
    ],
  ])('%s', async (_, most, work) => {
    const run = await runOf(database.pool, work)
    expect(await countPartitions()).toBeGreaterThanOrEqual(35)
    expect(run.partitions).toBeLessThanOrEqual(most)
  })

  it('a user’s timeline: each once', async () => {
    const page = { before: null, offset: 0, limit: 20 }
    const filter = { replies: true, media: false }
    const run = await runOf(database.pool, () =>
      readUserEntries(db, whichUser({ id: author }), reader, filter, page),
    )
    expect(run.partitions).toBe(await countPartitions())
  })
})

describe('a plain post', () => {
  it('touches its author, who wants to be told, its own rows and the two ledgers, in one small statement', async () => {
    const { steps } = await runOf(database.pool, publishing('hello'))
    const touched = new Set(steps.flatMap(({ relation }) => relation?.replace(/^tweets_.*/, 'tweets') ?? []))
    expect([...touched].sort()).toEqual([
      'counter_deltas',
      'follows',
      'outbox',
      'quota_windows',
      'tweets',
      'users',
    ])
    expect(steps.length).toBeLessThanOrEqual(50)
  })

  it('finds who wants to be told of it by an index of its own, however many follow', async () => {
    const crowd = `
      insert into users (id, username, email, password_hash, display_name)
      select 5000000 + n, 'fan_' || n, 'fan_' || n || '@example.com', '', 'Fan' from generate_series(1, 5000) n;
      insert into follows (follower_id, following_id) select 5000000 + n, ${author} from generate_series(1, 5000) n;
      analyze follows`
    const { steps } = await runOf(database.pool, publishing('hello'), crowd)
    const looked = steps.filter(({ relation }) => relation === 'follows')
    expect(looked).toMatchObject([{ index: 'follows_notify', loops: 1, rows: 0 }])
  })
})

describe('a tweet by its id', () => {
  const idsOf = async (id: number | null) => {
    const { rows } = await database.pool.query<{ id: string }>('select id from tweet_by_id($1)', [id])
    return rows.map((row) => Number(row.id))
  }

  it('is that one, or none', async () => {
    const there = await addTweet(database.pool, author)
    expect(await idsOf(there)).toEqual([there])
    expect(await idsOf(there + 1)).toEqual([])
    expect(await idsOf(MAX_ID)).toEqual([])
    expect(await idsOf(null)).toEqual([])
  })

  it('is as the statement that asks sees it', async () => {
    const there = await addTweet(database.pool, author)
    const { rows } = await database.pool.query(
      `with changed as (update tweets set content = 'changed' where id = $1 returning id)
       select t.content from changed cross join lateral tweet_by_id(changed.id) t`,
      [there],
    )
    expect(rows).toEqual([{ content: 'hello' }])
  })

  it('is found in a partition that was attached after the plan was made', async () => {
    const client = await database.pool.connect()
    try {
      const later = newTweetId(Date.UTC(2030, 5, 2), author, Math.random)
      const find = async () => (await client.query('select from tweet_by_id($1)', [later])).rowCount
      expect(await find()).toBe(0)
      await client.query(ensureTweetPartitionsSql(Date.UTC(2030, 5, 1), Date.UTC(2030, 5, 2)))
      await addTweet(database.pool, author, { id: later, conversation_id: later })
      expect(await find()).toBe(1)
    } finally {
      client.release()
    }
  })
})
