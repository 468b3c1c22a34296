import { performance } from 'node:perf_hooks'
import { type SQL, sql } from 'drizzle-orm'
import type pg from 'pg'
import { connect, type Db, query } from '../../src/db/client.ts'
import { foldCounters } from '../../src/db/statements/counters.ts'
import { insertEngagement } from '../../src/db/statements/engagement.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { atOnce, lockWaitsDuring } from '../../test/node/harness/at-once.ts'
import { AMPLE_LIKES } from '../../test/node/harness/engagement.ts'
import { addTweet } from '../../test/node/harness/tweets.ts'
import { StackError } from '../../tools/stack/stack-error.ts'
import { type Plan, sideBySide } from '../harness/plan.ts'
import type { Figures, Line, PartReport } from '../harness/report.ts'
import { spreadOf } from '../harness/timing.ts'
import type { World } from '../harness/world.ts'
import { addPeople, personOf } from '../seed/population.ts'

const LIKES = 700
const CONCURRENCY = 64
/** Nobody here has so many followers. */
const PUSH_LIMIT = 1_000_000
const COMMIT_DELAYS_MS = [0, 4]

interface Variant {
  name: string
  like(user: UserId, tweet: TweetId): Promise<unknown>
  /** Done again and again at the same time. */
  meanwhile?(tweet: TweetId): Promise<unknown>
  countsInRow?: boolean
  /** How often a like is counted once all is folded. */
  counted: number
}

/**
 * What a popular tweet's likes cost: the Worker's own statement, which adds to the ledger, beside the same one that also
 * counts in the tweet's row, and beside the plain update alone. All go from this process through one endpoint on the
 * same cores, which bounds them all: compare the ratios to the bare query.
 *
 * A row's lock is held until its commit is safe, so what counting in the row costs grows with that time. A disk of
 * one's own takes a fraction of a millisecond; a log that is replicated over a network, as Neon's is, takes some.
 */
export async function hotTweet(world: World, plan: Plan): Promise<PartReport> {
  if (!world.ownsServer) throw new StackError('hot-tweet sets how long commits take: unset DATABASE_URL.')
  const db = connect({ url: world.databaseUrl, endpoint: world.endpointUrl })
  const likes = plan.isQuick ? CONCURRENCY : LIKES
  await addPeople(world.pool, 0, likes + 1)
  const users = Array.from({ length: likes }, (_, index) => personOf(index).id)
  const author = personOf(likes).id
  const bare = { name: 'a bare query', like: () => query(db, sql`select 1`), counted: 0 }
  const lines: Line[] = []
  const waits: string[] = []
  for (const delayMs of COMMIT_DELAYS_MS) {
    await delayCommits(world.pool, delayMs)
    for (const variant of variantsOf(db)) {
      let waited = 0
      const rounds = await sideBySide(
        plan,
        async () => {
          const { figures, lockWaits } = await likeAll(world, db, { variant, users, author })
          waited += lockWaits
          return figures
        },
        async () => (await likeAll(world, db, { variant: bare, users, author })).figures,
      )
      lines.push({
        name: `${variant.name}, ${delayMs} ms`,
        bareName: bare.name,
        rounds,
        ratioOf: 'per_second',
        target: null,
      })
      waits.push(`${variant.name}, ${delayMs} ms: ${waited} lock waits seen`)
    }
  }
  return {
    part: 'hot-tweet',
    title: `${likes} likes of one tweet, ${CONCURRENCY} at a time`,
    lines,
    notes: ['A commit is safe after the disk’s time and so many ms.', ...waits],
  }
}

function variantsOf(db: Db): Variant[] {
  const run = (statement: SQL) => query(db, statement)
  const likeByLedger = (user: UserId, tweet: TweetId) =>
    insertEngagement(db, 'like', user, tweet, AMPLE_LIKES)
  return [
    {
      name: 'by the ledger, folds running',
      like: likeByLedger,
      meanwhile: (tweet) => fold(db, tweet),
      counted: 1,
    },
    { name: 'the same, counted in the row', like: likeByLedger, countsInRow: true, counted: 2 },
    {
      name: 'update ... like_count + 1, alone',
      like: (_user, tweet) => run(sql`update tweets set like_count = like_count + 1 where id = ${tweet}`),
      counted: 1,
    },
  ]
}

const fold = (db: Db, tweet: TweetId) => foldCounters(db, [{ subject: 'tweet', id: tweet }], PUSH_LIMIT)

/** Each user likes a new tweet; throws when they were not counted. */
async function likeAll(
  { databaseUrl, pool }: World,
  db: Db,
  { variant, users, author }: { variant: Variant; users: readonly UserId[]; author: UserId },
): Promise<{ figures: Figures; lockWaits: number }> {
  const tweet = await addTweet(pool, author)
  if (variant.countsInRow) await countInRow(pool, tweet)
  let figures: Figures = {}
  const { waits } = await lockWaitsDuring(databaseUrl, async () => {
    let done = false
    const background = async () => {
      while (!done && variant.meanwhile !== undefined) await variant.meanwhile(tweet)
    }
    const startMs = performance.now()
    const liking = atOnce(users, CONCURRENCY, async (user) => {
      await variant.like(user, tweet)
    }).finally(() => {
      done = true
    })
    const [durationsMs] = await Promise.all([liking, background()])
    const perSecond = (users.length / (performance.now() - startMs)) * 1000
    figures = { per_second: perSecond, ...spreadOf(durationsMs) }
  })
  await fold(db, tweet)
  const { rows } = await pool.query<{ like_count: number }>('select like_count from tweets where id = $1', [
    tweet,
  ])
  const counted = rows[0]?.like_count
  const expected = variant.counted * users.length
  if (counted !== expected) throw new Error(`${variant.name}: ${counted} instead of ${expected}`)
  return { figures, lockWaits: waits.length }
}

async function delayCommits(pool: pg.Pool, delayMs: number): Promise<void> {
  await pool.query('alter system set commit_siblings = 0')
  await pool.query(`alter system set commit_delay = ${delayMs * 1000}`)
  await pool.query('select pg_reload_conf()')
}

/** Counts likes of the tweet in its row, in the transaction of each. */
async function countInRow(pool: pg.Pool, tweet: TweetId): Promise<void> {
  await pool.query(`
    create or replace function count_like() returns trigger language plpgsql as
    'begin update tweets set like_count = like_count + 1 where id = new.tweet_id; return null; end'`)
  await pool.query(`
    create or replace trigger count_like after insert on likes
    for each row when (new.tweet_id = ${tweet}) execute function count_like()`)
}
