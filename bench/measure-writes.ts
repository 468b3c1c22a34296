import pg from 'pg'
import type { FanOutMessage } from '../src/contracts/queues.ts'
import { foldCounters, readUnfoldedSubjects } from '../src/db/statements/counters.ts'
import { planFanOut, splitFanOut } from '../src/db/statements/fan-out.ts'
import { pullTimeline } from '../src/db/statements/home-timeline.ts'
import { settleOutbox, takeDueOutboxRows } from '../src/db/statements/outbox.ts'
import { commitWarm } from '../src/db/statements/timelines.ts'
import { type EntryId, MAX_ID, type TweetId, type UserId } from '../src/domain/ids.ts'
import { taskOf } from '../src/queues/deliveries.ts'
import { ownDeliveries } from '../src/queues/own-deliveries.ts'
import { tellPeople } from '../src/queues/tell-people.ts'
import { bookmarkTweet } from '../src/services/bookmark-tweet.ts'
import type { Deps } from '../src/services/deps.ts'
import { followUser } from '../src/services/follow-user.ts'
import { likeTweet } from '../src/services/like-tweet.ts'
import { publishTweet } from '../src/services/publish-tweet.ts'
import { retweetTweet } from '../src/services/retweet-tweet.ts'
import { sendMessage } from '../src/services/send-message.ts'
import { settleTrends, trendScope } from '../src/services/settle-trends.ts'
import { atOnce } from '../test/node/harness/at-once.ts'
import { communityIn } from '../test/node/harness/community.ts'
import { viewerOf } from '../test/node/harness/deps.ts'
import { startTestDatabase } from '../test/node/harness/postgres.ts'
import { table } from '../tools/stack/table.ts'
import { chunksOf, fanOutMessages, notificationMessages, withClient } from './measure-writes/database.ts'
import { type Cost, metered } from './measure-writes/meter.ts'
import { measurePulledAuthors } from './measure-writes/pulled-author.ts'

/**
 * What each action writes, read off Postgres itself: rows from `pg_stat_user_tables`, bytes from the write-ahead log and
 * from the tables' growth. The figures of "Per action" in docs/capacity.md. Pages are not written in full after a
 * checkpoint, as on Neon; a fresh database's B-trees are flatter than those of a large one.
 */
const USERS = 600
const ACTIONS = 1_000
const CONCURRENCY = 4
const FAN_OUT_BATCH = 10
const FOLD_BATCH = 100
const NOTIFICATION_BATCH = 50
const AUDIENCE = 20_000
const PULLED_AUTHORS = 10

const TEXT =
  'The heron stood so still at the edge of the weir that the water forgot it was there and went on.'

const { databaseUrl, stop } = await startTestDatabase()
const lines: string[][] = []

/** Runs a step alone on the server and prints what one unit of it cost. */
async function step(name: string, units: (cost: Cost) => number, work: (deps: Deps) => Promise<void>) {
  const cost = await metered(databaseUrl, work)
  const per = (value: number, digits = 1) => (value / units(cost)).toFixed(digits)
  lines.push([
    name,
    per(cost.roundTrips, 2),
    per(cost.statements, 2),
    per(cost.inserted),
    per(cost.updated),
    per(cost.deleted),
    per(cost.walBytes, 0),
    per(cost.storedBytes, 0),
    per(cost.queueMessages, 2),
    per(cost.messageBytes / Math.max(1, cost.queueMessages / units(cost)), 0),
    per(cost.objectCalls, 2),
  ])
}

const each = () => ACTIONS
const turns = Array.from({ length: ACTIONS }, (_, turn) => turn)

/** What a consumer asks of the database for a batch whose objects all answer. */
async function consume({ db }: Deps, messages: FanOutMessage[]): Promise<void> {
  const tasks = messages.flatMap((message) => taskOf(message) ?? [])
  if (tasks.length > 0) await planFanOut(db, tasks)
  await ownDeliveries(db, messages)
  await settleOutbox(
    db,
    'fan-out',
    messages.map(({ outbox_id }) => outbox_id),
    [],
  )
}

const draft = { isSensitive: false, replyToId: null, quoteTweetId: null, poll: null, idempotencyKey: null }
const tweets: TweetId[] = []
const MISSING = 0 as UserId & TweetId

async function actions(users: UserId[]): Promise<void> {
  const userOf = (turn: number) => viewerOf(users[turn % USERS] ?? MISSING)
  const tweetOf = (turn: number) => tweets[(turn * 7) % tweets.length] ?? MISSING
  const doing = (work: (deps: Deps, turn: number) => Promise<unknown>) => (deps: Deps) =>
    atOnce(turns, CONCURRENCY, async (turn) => {
      await work(deps, turn)
    }).then(() => {})

  await step(
    'post, plain',
    each,
    doing(async (deps, turn) => {
      const { id } = await publishTweet(deps, userOf(turn), { ...draft, content: TEXT })
      tweets.push(id as TweetId)
    }),
  )
  await step(
    'post, 1 hashtag, 1 mention',
    each,
    doing((deps, turn) =>
      publishTweet(deps, userOf(turn), {
        ...draft,
        content: `${TEXT} #weir${turn % 100} @user_${1 + (turn % USERS)}`,
      }),
    ),
  )
  await step(
    'reply',
    each,
    doing((deps, turn) =>
      publishTweet(deps, userOf(turn), { ...draft, content: TEXT, replyToId: tweetOf(turn) }),
    ),
  )
  await step(
    'like',
    each,
    doing((deps, turn) => likeTweet(deps, userOf(turn), tweetOf(turn))),
  )
  await step(
    'retweet',
    each,
    doing((deps, turn) => retweetTweet(deps, userOf(turn), tweetOf(turn))),
  )
  await step(
    'bookmark',
    each,
    doing((deps, turn) => bookmarkTweet(deps, userOf(turn), tweetOf(turn))),
  )
  await step(
    'follow',
    each,
    doing((deps, turn) => {
      const followee = users[(turn + 1 + Math.floor(turn / USERS)) % USERS] ?? MISSING
      return followUser(deps, userOf(turn), { ref: { id: followee }, claimedId: null })
    }),
  )
  await step(
    'message',
    each,
    doing((deps, turn) =>
      sendMessage(deps, userOf(turn), {
        receiver: { id: users[(turn + 1) % USERS] ?? MISSING },
        content: TEXT,
        idempotencyKey: null,
      }),
    ),
  )
}

async function consumers(): Promise<void> {
  await withClient(databaseUrl, (client) => client.query('update outbox set next_attempt_at = now()'))
  await step('relay, a row sent again', each, async (deps) => {
    await takeDueOutboxRows(deps.db, { batch: ACTIONS, backlog: 10_000 })
  })
  const messages = await fanOutMessages(databaseUrl)
  await step(
    'fan-out, a message (batches of 10)',
    () => messages.length,
    async (deps) => {
      for (const batch of chunksOf(messages, FAN_OUT_BATCH)) await consume(deps, batch)
    },
  )
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query('select count(*)::int as n from counter_deltas'),
  )
  const deltas = Number(rows[0]?.n)
  await step(
    'fold, a delta (100 subjects at once)',
    () => deltas,
    async (deps) => {
      const subjects = await readUnfoldedSubjects(deps.db, deltas)
      for (const batch of chunksOf(subjects, FOLD_BATCH))
        await foldCounters(deps.db, batch, deps.settings.fanOutPushLimit, trendScope(deps))
    },
  )
  await countTrends('trends, an author counted (100 at once)')
  await withClient(databaseUrl, (client) =>
    client.query(`insert into trend_marks (author_id, due_at)
      select author_id, now() from trend_contributions group by author_id`),
  )
  await countTrends('trends, an author counted again, as before')
}

async function countTrends(name: string): Promise<void> {
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query('select count(*)::int as n from trend_marks'),
  )
  await step(
    name,
    () => Number(rows[0]?.n),
    async (deps) => {
      const later = { ...deps, now: () => Date.now() + 60_000 }
      while ((await settleTrends(later)) > 0);
    },
  )
}

/** What people are told of, as if all of their timelines were warm and answered. */
async function tellings(users: readonly UserId[]): Promise<void> {
  await withClient(databaseUrl, (client) =>
    client.query(
      'insert into timelines (user_id, epoch) select unnest($1::bigint[]), 1 on conflict do nothing',
      [users],
    ),
  )
  for (const type of ['like_changed', 'follow_changed', 'tweet_changed', 'message_sent'] as const) {
    const messages = await notificationMessages(databaseUrl, type)
    await step(
      `${type}, told (batches of ${NOTIFICATION_BATCH})`,
      () => messages.length,
      async (deps) => {
        for (const batch of chunksOf(messages, NOTIFICATION_BATCH)) await tellPeople(deps, batch, false)
      },
    )
  }
}

async function builds(users: UserId[]): Promise<void> {
  await step(
    'cold build',
    () => USERS,
    async (deps) => {
      for (const user of users) {
        const nowMs = Date.now()
        await commitWarm(deps.db, user, nowMs)
        await pullTimeline(deps.db, user, { before: MAX_ID, nowMs, limit: 800 })
      }
    },
  )
}

async function split(author: UserId, tweet: TweetId): Promise<void> {
  const { rows } = await withClient(databaseUrl, async (client) => {
    await client.query(`
      insert into users (id, username, email, password_hash, display_name)
      select 5000000 + n, 'fan_' || n, 'fan_' || n || '@example.com', '', 'Fan' from generate_series(1, ${AUDIENCE}) n`)
    await client.query(
      `insert into follows (follower_id, following_id)
       select 5000000 + n, ${author} from generate_series(1, ${AUDIENCE}) n`,
    )
    await client.query(
      `insert into timelines (user_id, epoch) select 5000000 + n, 1 from generate_series(1, ${AUDIENCE}) n`,
    )
    await client.query('analyze')
    return client.query(`
      insert into outbox (queue, message, next_attempt_at)
      values ('fan-out', '{}', now()) returning id::float8 as id`)
  })
  const task = {
    outbox_id: Number(rows[0]?.id),
    effect: 'deliver' as const,
    entry_id: tweet as number as EntryId,
    tweet_id: tweet,
    author_id: author,
    by_id: author,
    from_follower: 0,
    to_follower: MAX_ID,
    to: null,
  }
  let tookMs = 0
  await step(
    'split, a chunk of 500',
    () => Math.ceil(AUDIENCE / 500),
    async (deps) => {
      const start = performance.now()
      await deps.queues.sendOutbox(await splitFanOut(deps.db, task))
      tookMs = performance.now() - start
    },
  )
  const perFollower = ((tookMs / AUDIENCE) * 1000).toFixed(1)
  console.log(`Splitting ${AUDIENCE} warm followers: ${tookMs.toFixed(0)} ms, ${perFollower} µs a follower`)
  const chunks = await fanOutMessages(databaseUrl)
  await step(
    'chunk of 500, batches of 10',
    () => chunks.length,
    async (deps) => {
      const begun = performance.now()
      for (const batch of chunksOf(chunks, FAN_OUT_BATCH)) await consume(deps, batch)
      const perChunk = (performance.now() - begun) / chunks.length
      console.log(
        `Planning a chunk and deleting its row, without the object calls: ${perChunk.toFixed(1)} ms`,
      )
    },
  )
}

try {
  const pool = new pg.Pool({ connectionString: databaseUrl })
  const users = await communityIn(pool)
    .addUsers(USERS)
    .finally(() => pool.end())
  await actions(users)
  await tellings(users)
  await consumers()
  await builds(users)
  await split(users[0] ?? MISSING, tweets[0] ?? MISSING)
  await metered(databaseUrl, (deps) => measurePulledAuthors(deps, users.slice(-PULLED_AUTHORS), TEXT))
  console.log(
    table(
      ['', 'trips', 'stmts', 'ins', 'upd', 'del', 'WAL B', 'stored B', 'messages', 'B each', 'calls'],
      lines,
    ),
  )
} finally {
  await stop()
}
