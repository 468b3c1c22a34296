import { performance } from 'node:perf_hooks'
import { type SQL, sql } from 'drizzle-orm'
import { connect, query } from '../src/db/client.ts'
import { foldCounters } from '../src/db/statements/counters.ts'
import { insertEngagement } from '../src/db/statements/engagement.ts'
import type { TweetId, UserId } from '../src/domain/ids.ts'
import { atOnce, lockWaitsDuring } from '../test/node/harness/at-once.ts'
import { communityIn } from '../test/node/harness/community.ts'
import { AMPLE_LIKES } from '../test/node/harness/engagement.ts'
import { startTestDatabase } from '../test/node/harness/postgres.ts'
import { addTweet } from '../test/node/harness/tweets.ts'
import { table } from '../tools/stack/table.ts'

/**
 * What a popular tweet's likes cost: the Worker's own statement, which adds to the ledger, beside the same one that also
 * counts in the tweet's row, and beside the plain update alone. All go through one endpoint on the same cores, which
 * bounds them all: compare the ratios to the bare query.
 *
 * A row's lock is held until its commit is safe, so what counting in the row costs grows with that time. A disk of
 * one's own takes a fraction of a millisecond; a log that is replicated over a network, as Neon's is, takes some.
 */
const LIKES = 700
const CONCURRENCY = 64
const COMMIT_DELAYS_MS = [0, 4]

interface Variant {
  name: string
  like(user: UserId, tweet: TweetId): Promise<unknown>
  /** Done again and again at the same time. */
  meanwhile?(tweet: TweetId): Promise<unknown>
  counts: boolean
}

const database = await startTestDatabase({ durable: true })
const db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
const fold = (tweet: TweetId) => foldCounters(db, [{ subject: 'tweet', id: tweet }], 1_000_000)
const likeByLedger = (user: UserId, tweet: TweetId) => insertEngagement(db, 'like', user, tweet, AMPLE_LIKES)

/** Counts likes of the tweet in its row, in the transaction of each. */
async function countInRow(tweet: TweetId): Promise<void> {
  const { pool } = database
  await pool.query(`
    create or replace function count_like() returns trigger language plpgsql as
    'begin update tweets set like_count = like_count + 1 where id = new.tweet_id; return null; end'`)
  await pool.query(`
    create or replace trigger count_like after insert on likes
    for each row when (new.tweet_id = ${tweet}) execute function count_like()`)
}

const VARIANTS: Variant[] = [
  { name: 'a bare query', like: () => run(sql`select 1`), counts: false },
  { name: 'like, by the ledger, folds running', like: likeByLedger, meanwhile: fold, counts: true },
  { name: 'the same, counted in the row', like: likeByLedger, counts: true },
  {
    name: 'update ... like_count + 1, alone',
    like: (_user, tweet) => run(sql`update tweets set like_count = like_count + 1 where id = ${tweet}`),
    counts: true,
  },
]

const run = (statement: SQL) => query(db, statement)

interface Measured {
  perSecond: number
  p50Ms: number
  p99Ms: number
  waits: string
}

async function measure(variant: Variant, users: UserId[], tweet: TweetId): Promise<Measured> {
  let durationsMs: number[] = []
  let totalMs = 0
  const { samples, waits } = await lockWaitsDuring(database.databaseUrl, async () => {
    let done = false
    const background = async () => {
      while (!done && variant.meanwhile !== undefined) await variant.meanwhile(tweet)
    }
    const start = performance.now()
    const likes = atOnce(users, CONCURRENCY, async (user) => {
      await variant.like(user, tweet)
    }).finally(() => {
      totalMs = performance.now() - start
      done = true
    })
    const [durations] = await Promise.all([likes, background()])
    durationsMs = durations.sort((a, b) => a - b)
  })
  const at = (share: number) => durationsMs[Math.floor(durationsMs.length * share)] ?? Number.NaN
  const perSecond = (users.length / totalMs) * 1000
  return { perSecond, p50Ms: at(0.5), p99Ms: at(0.99), waits: `${waits.length} in ${samples} looks` }
}

async function likesOf(tweet: TweetId): Promise<number> {
  await fold(tweet)
  const { rows } = await database.pool.query<{ like_count: number }>(
    'select like_count from tweets where id = $1',
    [tweet],
  )
  return rows[0]?.like_count ?? Number.NaN
}

async function compare(commitDelayMs: number, users: UserId[], author: UserId): Promise<void> {
  await database.pool.query('alter system set commit_siblings = 0')
  await database.pool.query(`alter system set commit_delay = ${commitDelayMs * 1000}`)
  await database.pool.query('select pg_reload_conf()')
  const measured: [Variant, Measured][] = []
  for (const variant of VARIANTS) {
    const tweet = await addTweet(database.pool, author)
    const inRow = variant.name.includes('in the row')
    if (inRow) await countInRow(tweet)
    await atOnce(users.slice(0, CONCURRENCY * 4), CONCURRENCY, async () => {
      await run(sql`select 1`)
    })
    measured.push([variant, await measure(variant, users, tweet)])
    const expected = variant.counts ? LIKES * (inRow ? 2 : 1) : 0
    const counted = await likesOf(tweet)
    if (counted !== expected) throw new Error(`${variant.name}: ${counted} instead of ${expected}`)
  }
  const bare = measured[0]?.[1].perSecond ?? Number.NaN
  console.log(`\nA commit is safe after the disk's time and ${commitDelayMs} ms:\n`)
  console.log(
    table(
      ['', 'per second', 'of bare', 'p50 ms', 'p99 ms', 'lock waits seen'],
      measured.map(([{ name }, { perSecond, p50Ms, p99Ms, waits }]) => [
        name,
        perSecond.toFixed(0),
        (perSecond / bare).toFixed(2),
        p50Ms.toFixed(0),
        p99Ms.toFixed(0),
        waits,
      ]),
    ),
  )
}

try {
  const people = communityIn(database.pool)
  const users = await people.addUsers(LIKES)
  const author = await people.addUser()
  console.log(`${LIKES} likes of one tweet by ${LIKES} users, ${CONCURRENCY} at a time`)
  for (const delayMs of COMMIT_DELAYS_MS) await compare(delayMs, users, author)
} finally {
  await database.stop()
}
