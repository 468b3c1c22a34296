import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db, transaction } from '../../src/db/client.ts'
import { foldCounters } from '../../src/db/statements/counters.ts'
import { insertEngagement } from '../../src/db/statements/engagement.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { atOnce, lockWaitsDuring } from './harness/at-once.ts'
import { communityIn } from './harness/community.ts'
import { AMPLE_LIKES, countOf } from './harness/engagement.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

const LIKES = 2000
const CONCURRENCY = 64
/** Some ten seconds on a quiet machine. */
const TIMEOUT_MS = 120_000

let database: TestDatabase
let db: Db
let users: UserId[]
let tweet: TweetId

beforeAll(async () => {
  database = await startTestDatabase()
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  const people = communityIn(database.pool)
  users = await people.addUsers(LIKES)
  tweet = await addTweet(database.pool, await people.addUser())
})

afterAll(() => database.stop())

/** Folds the tweet's counters again and again while `work` is done, as the consumer of hints does. */
async function whileFolding(work: () => Promise<unknown>): Promise<void> {
  let done = false
  const working = work().finally(() => {
    done = true
  })
  while (!done) await foldCounters(db, [{ subject: 'tweet', id: tweet }], 1_000_000)
  await working
}

describe(`${LIKES} likes of one tweet, ${CONCURRENCY} at a time`, { timeout: TIMEOUT_MS }, () => {
  it('all succeed, wait for no lock and add up, with folds running meanwhile', async () => {
    const changed: boolean[] = []
    const like = async (user: UserId) => {
      const result = await insertEngagement(db, 'like', user, tweet, AMPLE_LIKES)
      changed.push(result.outcome === 'done' && result.changed)
    }
    const { samples, waits } = await lockWaitsDuring(database.databaseUrl, () =>
      whileFolding(() => atOnce(users, CONCURRENCY, like)),
    )
    expect(changed.filter(Boolean)).toHaveLength(LIKES)
    expect(waits).toEqual([])
    expect(samples).toBeGreaterThan(20)
    expect(await countOf(database.pool, tweet, 'like_count')).toBe(LIKES)
    await foldCounters(db, [{ subject: 'tweet', id: tweet }], 1_000_000)
    const { rows } = await database.pool.query('select like_count from tweets where id = $1', [tweet])
    expect(rows).toEqual([{ like_count: LIKES }])
  })

  it('would wait for each other if each counted itself in the tweet’s row', async () => {
    const other = await addTweet(database.pool, users[0] ?? (0 as UserId))
    const like = async (user: UserId) => {
      await transaction(db, {
        main: sql`update tweets set like_count = like_count + 1 where id = ${other}`,
        after: [sql`insert into likes (user_id, tweet_id) values (${user}, ${other})`],
      })
    }
    const { waits } = await lockWaitsDuring(database.databaseUrl, () =>
      atOnce(users.slice(0, LIKES / 4), CONCURRENCY, like),
    )
    expect(waits).toContainEqual(expect.stringMatching(/^tuple tweets_\w+: update tweets/))
  })
})
