import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { firstTrendHour } from '../../src/db/statements/trend-marks.ts'
import { readTrendCandidates } from '../../src/db/statements/trend-rankings.ts'
import { readTrends } from '../../src/db/statements/trend-readers.ts'
import { type TrendWork, takeTrendWork, writeTrends } from '../../src/db/statements/trends.ts'
import { newTweetId, type TweetId, type UserId } from '../../src/domain/ids.ts'
import { contributionsOf } from '../../src/domain/trends/contributions.ts'
import { ageOfBucket, HOUR_MS, hourOf, trendScore } from '../../src/domain/trends/score.ts'
import { extractEntities } from '../../src/domain/tweet-text.ts'
import { deleteTweet } from '../../src/services/delete-tweet.ts'
import type { Deps } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { exploreFor } from '../../src/services/explore.ts'
import { likeTweet, unlikeTweet } from '../../src/services/like-tweet.ts'
import { listTrends } from '../../src/services/list-trends.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { forgetTrends, rankTrends } from '../../src/services/rank-trends.ts'
import { settleTrends, TREND_STEP } from '../../src/services/settle-trends.ts'
import { sweepLedger } from '../../src/services/sweep-ledger.ts'
import { seedDemoCommunity } from '../../tools/seed/demo.ts'
import { withClient } from '../../tools/stack/databases.ts'
import { rebuildTrends } from '../../tools/stack/trends.ts'
import { type Community, communityIn, inTransaction } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'
import { wrongTrends } from './harness/wrong-trends.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

beforeEach(() =>
  database.pool.query(`
    truncate tweets, hashtags, tweet_hashtags, likes, counter_deltas, trend_buckets, trend_contributions, trend_marks,
      trending_tweets, cron_state`),
)

const plain = { isSensitive: false, replyToId: null, quoteTweetId: null, poll: null, idempotencyKey: null }

/** The present, or another moment. Marks are due a while after they were made. */
const depsAt = (nowMs = Date.now() + 60_000): Deps => depsOn(db, { now: () => nowMs }).deps

async function tweetBy(author: UserId, content: string, changes = {}): Promise<TweetId> {
  const { id } = await publishTweet(depsOn(db).deps, viewerOf(author), { ...plain, content, ...changes })
  return id as TweetId
}

async function like(tweet: TweetId, users: readonly UserId[]): Promise<void> {
  for (const user of users) await likeTweet(depsOn(db).deps, viewerOf(user), tweet)
}

/** Folds and counts all that was done. */
async function count(deps = depsAt()): Promise<void> {
  while ((await sweepLedger(deps)) > 0);
  while ((await settleTrends(deps)) > 0);
}

function counted({ tweets, ...whose }: TrendWork) {
  return { ...whose, hours: contributionsOf(tweets) }
}

interface Bucket {
  accounts: number
  tweets: number
  engagement: number
}

async function waitingForLocks(): Promise<number | null> {
  const waiting = await database.pool.query(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return waiting.rowCount
}

/** The sums of a term over all hours: one hour may end while a test runs. */
async function bucketOf(term: string): Promise<Bucket | undefined> {
  const { rows } = await database.pool.query(
    `select sum(accounts)::int as accounts, sum(tweets)::int as tweets, sum(engagement)::int as engagement
     from trend_buckets where term = $1 group by term`,
    [term],
  )
  return rows[0]
}

describe('what counts', () => {
  it('is who used a term, in how many tweets, and the engagement with them', async () => {
    const [ada, grace, fan] = (await people.addUsers(3)) as [UserId, UserId, UserId]
    const first = await tweetBy(ada, 'A heron #weir')
    await tweetBy(grace, 'Another heron #weir', { replyToId: first })
    await like(first, [grace, fan])
    await count()
    expect(await bucketOf('weir')).toEqual({ accounts: 2, tweets: 2, engagement: 3 })
    expect(await bucketOf('heron')).toEqual({ accounts: 2, tweets: 2, engagement: 3 })
    await unlikeTweet(depsOn(db).deps, viewerOf(fan), first)
    await count()
    expect(await bucketOf('weir')).toEqual({ accounts: 2, tweets: 2, engagement: 2 })
  })

  it('is a burst by one account once, and each who likes all of it once', async () => {
    const [loud, fan] = (await people.addUsers(2)) as [UserId, UserId]
    const burst: TweetId[] = []
    for (let n = 0; n < 20; n++) burst.push(await tweetBy(loud, `Buy teasel ${n} #teasel`))
    for (const tweet of burst) await like(tweet, [fan])
    await count()
    const { rows } = await database.pool.query(
      `select accounts, engagement from trend_buckets where term = 'teasel'`,
    )
    for (const row of rows) expect(row).toEqual({ accounts: 1, engagement: 1 })
    expect(await bucketOf('teasel')).toMatchObject({ tweets: 40 })
  })

  it('is what a tweet says now: an edit moves it with all of its engagement, a deletion takes it away', async () => {
    const [author, fan] = (await people.addUsers(2)) as [UserId, UserId]
    const tweet = await tweetBy(author, 'A heron #before')
    await like(tweet, [fan])
    await count()
    await editTweet(depsOn(db).deps, viewerOf(author), { id: tweet, content: 'A teasel #after' })
    await count()
    expect(await bucketOf('after')).toEqual({ accounts: 1, tweets: 1, engagement: 1 })
    expect(await bucketOf('teasel')).toEqual({ accounts: 1, tweets: 1, engagement: 1 })
    for (const gone of ['before', 'heron']) {
      expect(await bucketOf(gone)).toEqual({ accounts: 0, tweets: 0, engagement: 0 })
    }
    await deleteTweet(depsOn(db).deps, viewerOf(author), tweet)
    await count()
    expect(await bucketOf('after')).toEqual({ accounts: 0, tweets: 0, engagement: 0 })
  })

  it.each(['is_private = true', 'suspended_at = now()', 'is_active = false'])(
    'is nothing of an author of whom %s, until they are back',
    async (change) => {
      const author = await people.addUser()
      await tweetBy(author, 'A heron #weir')
      await count()
      expect(await bucketOf('weir')).toMatchObject({ accounts: 1 })
      await database.pool.query(`update users set ${change} where id = $1`, [author])
      await count()
      expect(await bucketOf('weir')).toMatchObject({ accounts: 0 })
      await database.pool.query(
        'update users set is_private = false, suspended_at = null, is_active = true where id = $1',
        [author],
      )
      await count()
      expect(await bucketOf('weir')).toMatchObject({ accounts: 1 })
    },
  )

  it('is nothing sensitive, and nothing older than the window', async () => {
    const author = await people.addUser()
    await tweetBy(author, 'A bare heron #bare', { isSensitive: true })
    await tweetBy(author, 'A teasel #weir')
    await count()
    expect(await bucketOf('bare')).toBeUndefined()
    await database.pool.query('insert into trend_marks (author_id, due_at) values ($1, now())', [author])
    await settleTrends(depsAt(Date.now() + 26 * HOUR_MS))
    expect(await bucketOf('weir')).toMatchObject({ accounts: 1 })
  })

  it('writes nothing for likes of what has no hashtag, where no account is drawn for topics', async () => {
    const [author, fan] = (await people.addUsers(2)) as [UserId, UserId]
    const deps = depsAt()
    deps.settings.trendSample = 0
    const tweet = await tweetBy(author, 'A heron')
    await like(tweet, [fan])
    while ((await sweepLedger(deps)) > 0);
    expect((await database.pool.query('select from trend_marks')).rowCount).toBe(0)
    const tagged = await tweetBy(author, 'A heron #weir')
    await count(deps)
    expect(await bucketOf('weir')).toMatchObject({ accounts: 1 })
    expect(await bucketOf('heron')).toBeUndefined()
    await deleteTweet(depsOn(db).deps, viewerOf(author), tagged)
    await count(deps)
    expect(await bucketOf('weir')).toMatchObject({ accounts: 0 })
  })
})

describe('counting', () => {
  it('counts an author who is marked again meanwhile, and counts them once more in ten seconds', async () => {
    const [author, ...fans] = (await people.addUsers(4)) as [UserId, ...UserId[]]
    const tweet = await tweetBy(author, 'A heron #weir')
    while ((await sweepLedger(depsAt())) > 0);
    for (const [n, fan] of fans.entries()) {
      const nowMs = Date.now() + (n + 1) * 60_000
      const work = await takeTrendWork(db, { nowMs, topicShare: 1 }, TREND_STEP)
      await like(tweet, [fan])
      while ((await sweepLedger(depsAt())) > 0);
      expect(await writeTrends(db, work.map(counted))).toBe(1)
      expect(await bucketOf('weir')).toEqual({ accounts: 1, tweets: 1, engagement: n })
      const { rows } = await database.pool.query(
        'select extract(epoch from due_at - now())::float8 as seconds from trend_marks',
      )
      expect(rows).toEqual([{ seconds: expect.closeTo(10, -1) }])
    }
    await count(depsAt(Date.now() + 300_000))
    expect(await bucketOf('weir')).toEqual({ accounts: 1, tweets: 1, engagement: 3 })
    expect((await database.pool.query('select from trend_marks')).rowCount).toBe(0)
  })

  it('leaves an author to whoever took them last, and to a mark that came since', async () => {
    const [author, fan] = (await people.addUsers(2)) as [UserId, UserId]
    const tweet = await tweetBy(author, 'A heron #weir')
    while ((await sweepLedger(depsAt())) > 0);
    const nowMs = Date.now() + 60_000
    const late = (await takeTrendWork(db, { nowMs, topicShare: 1 }, TREND_STEP)).map(counted)
    const last = (await takeTrendWork(db, { nowMs: nowMs + 61_000, topicShare: 1 }, TREND_STEP)).map(counted)
    expect(await writeTrends(db, late)).toBe(0)
    expect(await writeTrends(db, last)).toBe(1)
    await like(tweet, [fan])
    while ((await sweepLedger(depsAt())) > 0);
    expect(await writeTrends(db, last)).toBe(0)
    await count()
    expect(await bucketOf('weir')).toEqual({ accounts: 1, tweets: 1, engagement: 1 })
  })

  it('again, late and at once changes nothing', async () => {
    const authors = await people.addUsers(5)
    for (const author of authors) await tweetBy(author, 'A heron #weir')
    while ((await sweepLedger(depsAt())) > 0);
    const scope = { nowMs: Date.now() + 60_000, topicShare: 1 }
    const work = await takeTrendWork(db, scope, TREND_STEP)
    expect(await takeTrendWork(db, scope, TREND_STEP)).toEqual([])
    const anew = work.map(counted)
    const writing: Promise<number>[] = []
    await inTransaction(database.pool, [{ text: 'select from trend_marks for update' }], async () => {
      for (let n = 0; n < 6; n++) writing.push(writeTrends(db, n % 2 ? anew : anew.toReversed()))
      await vi.waitFor(async () => expect(await waitingForLocks()).toBe(6))
    })
    const settled = await Promise.all(writing)
    expect(settled.toSorted()).toEqual([0, 0, 0, 0, 0, 5])
    expect(await bucketOf('weir')).toEqual({ accounts: 5, tweets: 5, engagement: 0 })
    expect((await database.pool.query(wrongTrends())).rows).toEqual([])
  })

  it('is tried again a minute after who had taken it has died', async () => {
    await tweetBy(await people.addUser(), 'A heron #weir')
    while ((await sweepLedger(depsAt())) > 0);
    const nowMs = Date.now() + 60_000
    expect(await takeTrendWork(db, { nowMs, topicShare: 1 }, TREND_STEP)).toHaveLength(1)
    expect(await takeTrendWork(db, { nowMs: nowMs + 59_000, topicShare: 1 }, TREND_STEP)).toEqual([])
    await count(depsAt(nowMs + 61_000))
    expect(await bucketOf('weir')).toMatchObject({ accounts: 1 })
  })

  it('takes authors until their tweets are enough for a step, in the order in which they are due', async () => {
    const authors = await people.addUsers(5)
    for (const author of authors) {
      for (const n of [1, 2]) await tweetBy(author, `A heron ${n} #weir`)
      while ((await sweepLedger(depsAt())) > 0);
    }
    const bounds = { ...TREND_STEP, tweets: 3 }
    expect(await settleTrends(depsAt(), bounds)).toBe(2)
    const left = await database.pool.query(
      'select author_id::float8 as id from trend_marks where due_at < now() + $1',
      ['11 s'],
    )
    expect(left.rows.map(({ id }) => id).toSorted()).toEqual(authors.slice(2).toSorted())
    expect(await settleTrends(depsAt(), bounds)).toBe(2)
    expect(await settleTrends(depsAt(), { ...bounds, tweets: 1 })).toBe(1)
    expect(await bucketOf('weir')).toEqual({ accounts: 5, tweets: 10, engagement: 0 })
  })

  it('reads of an author and hour so many tweets, those with the most engagement, else the first', async () => {
    const [author, fan] = (await people.addUsers(2)) as [UserId, UserId]
    const texts = ['first', 'second', 'third', 'fourth']
    const tweets: TweetId[] = []
    for (const text of texts) tweets.push(await tweetBy(author, `${text} #${text}`))
    await like(tweets[3] as TweetId, [fan])
    // One more of the hour before, whenever the test runs.
    const before = newTweetId(Date.now() - HOUR_MS, author, Math.random)
    await addTweet(database.pool, author, {
      id: before,
      content: 'before #before',
      entities: JSON.stringify(extractEntities('before #before')),
      created_at: new Date(Date.now() - HOUR_MS),
    })
    while ((await sweepLedger(depsAt())) > 0);
    const scope = { nowMs: Date.now() + 60_000, topicShare: 1 }
    const [work] = await takeTrendWork(db, scope, { ...TREND_STEP, tweetsOfHour: 2 })
    expect(work?.tweets.map(({ id }) => id).toSorted()).toEqual([before, tweets[0], tweets[3]].toSorted())
  })

  it('takes two round trips, however many authors there are', async () => {
    for (const author of await people.addUsers(20)) await tweetBy(author, 'A heron #weir')
    while ((await sweepLedger(depsAt())) > 0);
    expect(await roundTripsOf(database, () => settleTrends(depsAt()))).toBe(2)
  })
})

describe('counting anew', () => {
  it('has the buckets be what the tables say, whatever they were, and the week before as a baseline', async () => {
    const [ada, grace, fan] = (await people.addUsers(3)) as [UserId, UserId, UserId]
    await tweetBy(ada, 'A heron #weir')
    const tweet = await tweetBy(grace, 'Another heron #weir')
    await like(tweet, [fan])
    await count()
    const lastWeek = Date.now() - 100 * HOUR_MS
    await addTweet(database.pool, ada, {
      id: newTweetId(lastWeek, ada, Math.random),
      content: 'teasel #weir',
      entities: JSON.stringify(extractEntities('teasel #weir')),
      created_at: new Date(lastWeek),
    })
    await database.pool.query(`update trend_buckets set accounts = 9 where term = 'weir'`)
    await database.pool.query(`delete from trend_contributions where author_id = $1`, [ada])
    await withClient(database.databaseUrl, rebuildTrends)
    await count()
    expect(await bucketOf('weir')).toEqual({ accounts: 3, tweets: 3, engagement: 1 })
    expect(await bucketOf('teasel')).toEqual({ accounts: 1, tweets: 1, engagement: 0 })
    await rankTrends(depsAt())
    expect((await readTrends(db, null)).trends?.tweets).toEqual([tweet])
    await forgetTrends(depsAt())
    await count()
    expect(await bucketOf('teasel')).toMatchObject({ accounts: 1 })
  })
})

/** What was said of a term in an hour so many hours ago. */
async function bucket(kind: 'hashtag' | 'topic', term: string, hoursAgo: number, of: Partial<Bucket>) {
  const { accounts = 0, tweets = accounts, engagement = 0 } = of
  await database.pool.query('insert into trend_buckets values ($1, $2, $3, $4, $5, $6)', [
    kind,
    term,
    hourOf(NOW) - hoursAgo,
    accounts,
    tweets,
    engagement,
  ])
}

const NOW = Date.UTC(2026, 10, 1, 12, 30)

describe('ranking', () => {
  it('scores as the specification says, the same in SQL as in the domain', async () => {
    const hours = [0, 1, 2, 12, 23, 24, 30]
    for (const ago of hours) await bucket('hashtag', 'weir', ago, { accounts: 3 + ago, engagement: 7 * ago })
    await bucket('hashtag', 'fresh', 0, { accounts: 1 })
    const { hashtags } = await readTrendCandidates(db, NOW, 10)
    const expected = hours
      .filter((ago) => ago < 24)
      .map((ago) => trendScore(3 + ago + 7 * ago, ageOfBucket(hourOf(NOW) - ago, NOW)))
      .reduce((sum, score) => sum + score, 0)
    expect(hashtags).toEqual([
      { name: 'weir', score: expect.closeTo(expected, 9), tweet_count: 3 + 4 + 5 + 15 + 26 },
      { name: 'fresh', score: 1, tweet_count: 1 },
    ])
  })

  it('shows topics that rise against their own week, and not those that are always said', async () => {
    for (let ago = 0; ago < 24 + 168; ago++) {
      await bucket('topic', 'coffee', ago, { accounts: 40 })
      await bucket('topic', 'rain', ago, { accounts: ago < 24 ? 6 : 1 })
    }
    for (let ago = 0; ago < 3; ago++) await bucket('topic', 'eclipse', ago, { accounts: 3 })
    await bucket('topic', 'once', 0, { accounts: 3 })
    const at = depsAt(NOW)
    await rankTrends(at)
    const { trends } = await readTrends(db, null)
    expect(trends?.topics.map(({ name }) => name)).toEqual(['rain', 'eclipse'])
    // A day later all of it is usual, or over.
    await rankTrends(depsAt(NOW + 30 * HOUR_MS))
    expect((await readTrends(db, null)).trends?.topics).toEqual([])
  })

  it('keeps the tweets with the best scores, which everybody may see', async () => {
    const [author, locked, ...fans] = (await people.addUsers(6)) as [UserId, UserId, ...UserId[]]
    const [plainOne, better, hidden, bare, unliked] = [
      await tweetBy(author, 'one'),
      await tweetBy(author, 'two'),
      await tweetBy(locked, 'three'),
      await tweetBy(author, 'four', { isSensitive: true }),
      await tweetBy(author, 'five'),
    ]
    await like(plainOne, fans.slice(0, 1))
    for (const tweet of [better, hidden, bare]) await like(tweet, fans)
    await database.pool.query('update users set is_private = true where id = $1', [locked])
    await count()
    await rankTrends(depsAt())
    const { trends } = await readTrends(db, null)
    expect(trends?.tweets).toEqual([better, plainOne])
    expect(trends?.tweets).not.toContain(unliked)
    const { rows } = await database.pool.query(
      'select tweet_id::float8 as id from trending_tweets order by 1',
    )
    expect(rows.map(({ id }) => id)).toEqual([plainOne, better])
    await rankTrends(depsAt(Date.now() + 25 * HOUR_MS))
    expect((await readTrends(db, null)).trends?.tweets).toEqual([])
    expect((await database.pool.query('select from trending_tweets')).rowCount).toBe(0)
  })

  it('takes no tweet for a candidate that is below the last of them', async () => {
    const [author, ...fans] = (await people.addUsers(4)) as [UserId, ...UserId[]]
    const [below, above] = [await tweetBy(author, 'one'), await tweetBy(author, 'two')]
    await database.pool.query(
      `insert into cron_state (name, value) values ('trends', '{"tweet_floor": 1.5}')`,
    )
    await like(below, fans.slice(0, 1))
    await like(above, fans)
    await count()
    const { rows } = await database.pool.query('select tweet_id::float8 as id from trending_tweets')
    expect(rows).toEqual([{ id: above }])
  })
})

it('is nothing, plainly, before anything was ranked', async () => {
  const reader = viewerOf(await people.addUser())
  for (const viewer of [null, reader]) {
    expect(await exploreFor(depsAt(), viewer)).toMatchObject({ tweets: [], topics: [], hashtags: [] })
    expect(await listTrends(depsAt(), viewer, 'topics', { offset: 0, limit: 5 })).toEqual({
      trends: [],
      hasMore: false,
    })
  }
})

it('forgets buckets behind the baseline, those that came to nothing, and contributions behind the window', async () => {
  const first = firstTrendHour(NOW)
  const ago = (hour: number) => hourOf(NOW) - hour
  await bucket('hashtag', 'old', ago(first - 169), { accounts: 1 })
  await bucket('topic', 'baseline', ago(first - 168), { accounts: 1 })
  await bucket('topic', 'nothing', ago(first - 1), { accounts: 0 })
  await bucket('topic', 'gone', ago(first), { accounts: 0 })
  await database.pool.query(`insert into trend_contributions values (1, $1, '[]'), (1, $2, '[]')`, [
    first - 2,
    first - 1,
  ])
  await forgetTrends(depsAt(NOW))
  const { rows } = await database.pool.query('select term from trend_buckets order by term')
  expect(rows.map(({ term }) => term)).toEqual(['baseline', 'gone'])
  expect((await database.pool.query('select hour from trend_contributions')).rows).toEqual([
    { hour: first - 1 },
  ])
})

it('shows what goes on in the demo community at once', async () => {
  await seedDemoCommunity(database.databaseUrl)
  await rankTrends(depsAt(Date.now()))
  const { trends } = await readTrends(db, null)
  expect(trends?.hashtags.length).toBeGreaterThan(5)
  expect(trends?.tweets.length).toBeGreaterThan(5)
})
