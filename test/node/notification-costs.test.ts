import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PushEvent } from '../../src/contracts/queues.ts'
import { forgetNotifications, readForgettable } from '../../src/db/statements/forget-notifications.ts'
import {
  markAllNotificationsRead,
  markNotificationRead,
  readNotificationGroups,
  readNotifications,
} from '../../src/db/statements/notifications.ts'
import { settleOutbox } from '../../src/db/statements/outbox.ts'
import {
  type Happening,
  planNotifications,
  splitAudience,
} from '../../src/db/statements/plan-notifications.ts'
import { writeNotifications } from '../../src/db/statements/write-notifications.ts'
import { MAX_ID, type TweetId, type UserId } from '../../src/domain/ids.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { type NotificationScene, openScene } from './harness/notification-scene.ts'
import { consumeRows } from './harness/notifications.ts'
import { runOf, type Step } from './harness/plans.ts'
import { addTweet } from './harness/tweets.ts'

const MANY = 100_000
const FOLLOWEES = 5_000
const BATCH = 50
/** Ids of those who like it; nobody else has such ids. */
const FIRST_FAN = 5_000_000
const ALL = { types: [], unreadOnly: false } as const
const FIRST_PAGE = { after: null, offset: 0, limit: 21 }

let scene: NotificationScene
/** Whose tweet a hundred thousand liked, and who was told of each but the last. */
let famous: UserId
let tweet: TweetId
/** Who follows thousands, asked to be told of a private author's tweets, and is told a lot of everything. */
let reader: UserId
let shy: UserId
let shyTweet: TweetId
/** Quotes of it by its author. */
let shyTweets: TweetId[]

beforeAll(async () => {
  scene = await openScene()
  const { pool } = scene.database
  const people = await Promise.all([scene.people.addUser(), scene.people.addUser()])
  ;[famous, reader] = people
  shy = await scene.people.addUser({ is_private: true })
  tweet = await scene.tweetOf(famous)
  shyTweet = await scene.tweetOf(shy)
  const quoting = () => addTweet(pool, shy, { quote_tweet_id: shyTweet })
  shyTweets = await Promise.all(Array.from({ length: 25 }, quoting))
  await scene.warm(famous, reader)
  const client = await pool.connect()
  try {
    // Without looking up every foreign key.
    await client.query('set session_replication_role = replica')
    const many = `generate_series(1, ${MANY}) n`
    await client.query(
      `insert into users (id, username, email, password_hash, display_name)
       select ${FIRST_FAN} + n, 'fan_' || n, 'fan_' || n || '@example.com', '', 'Fan' from ${many}`,
    )
    await client.query(`insert into likes (user_id, tweet_id) select ${FIRST_FAN} + n, ${tweet} from ${many}`)
    await client.query(
      `insert into notifications (user_id, type, actor_id, tweet_id)
       select ${famous}, 'like', ${FIRST_FAN} + n, ${tweet} from ${many} where n <= ${MANY - BATCH}`,
    )
    await client.query(
      `insert into notifications (user_id, type, actor_id, tweet_id)
       select ${reader}, (array['like', 'retweet', 'reply'])[1 + n % 3], ${FIRST_FAN} + n, n from ${many} where n <= 30000`,
    )
    await client.query(
      `insert into notifications (user_id, type, actor_id, tweet_id)
       select ${reader}, 'mention', ${shy}, unnest($1::bigint[])`,
      [shyTweets],
    )
    await client.query(
      `insert into notifications (user_id, type, actor_id, tweet_id)
       select ${FIRST_FAN} + n, 'mention', ${famous}, n from ${many} where n <= 20000`,
    )
    await client.query(
      `insert into notifications (user_id, type, actor_id, tweet_id, withdrawn_at)
       select ${FIRST_FAN} + n, 'quote', ${famous}, n, now() - interval '30 minutes' from ${many} where n <= 5000`,
    )
    await client.query(
      `insert into notification_groups (user_id, type, tweet_id, latest_id, latest_at, total, actor_ids)
       select user_id, type, tweet_id, max(id), max(created_at), count(*), (array_agg(actor_id order by id desc))[1:5]
       from notifications where withdrawn_at is null group by 1, 2, 3`,
    )
    await client.query(
      `insert into notification_inboxes (user_id, unread_count, version) select ${FIRST_FAN} + n, 0, 1 from ${many}`,
    )
    await client.query(
      `insert into notification_inboxes (user_id, unread_count, version)
       select user_id, count(*), 1 from notifications where user_id in (${famous}, ${reader}) group by user_id`,
    )
    await client.query(
      `insert into follows (follower_id, following_id)
       select ${reader}, ${FIRST_FAN} + n from ${many} where n <= ${FOLLOWEES}
       union all
       select ${FIRST_FAN} + n, ${famous} from ${many}`,
    )
    await client.query(
      `insert into follows (follower_id, following_id, notify) values (${reader}, ${shy}, true)`,
    )
    await client.query(
      `insert into timelines (user_id, epoch) select ${FIRST_FAN} + n, 1 from ${many} where n <= 20000`,
    )
    await client.query(
      `insert into outbox (queue, message, next_attempt_at)
       select 'notifications', '{}', now() from ${many} where n <= 30000`,
    )
  } finally {
    client.release(true)
  }
  await pool.query('vacuum analyze')
})

afterAll(() => scene.stop())

const LARGE = new Set([
  'notifications',
  'notification_inboxes',
  'notification_groups',
  'likes',
  'follows',
  'outbox',
])
const STEP_ROWS_MAX = 1200
/** Of the table of notifications there are some two thousand, of its indexes more. */
const PAGES_MAX = 5000

/** What a statement looks through rather than up. */
const scansIn = (steps: Step[]) =>
  steps.filter(
    ({ type, relation, rows, loops }) =>
      (type === 'Seq Scan' && LARGE.has(relation ?? '') && loops > 0) || rows > STEP_ROWS_MAX,
  )

const happenings = (event: (n: number) => Happening) =>
  Array.from({ length: BATCH }, (_, n) => ({ outbox_id: n + 1, event: event(n) }))
/** The last fans: whose likes have not been told. */
const fan = (n: number) => (FIRST_FAN + MANY - n) as UserId
const likes = () => happenings((n) => ({ type: 'like_changed', v: 1, actor_id: fan(n), tweet_id: tweet }))
const rulings = () =>
  Array.from({ length: BATCH }, (_, n) => ({
    outbox_id: n + 1,
    user_id: famous,
    type: 'like' as const,
    actor_id: fan(n),
    tweet_id: tweet,
    is_notified: true,
    is_repeat: false,
  }))
const withdrawn = { type: 'tweet_withdrawn' as const, v: 1 as const, tweet_id: 0 }
const audience = (of: 'subscribers' | 'voters', author: UserId, about: TweetId) => ({
  type: 'audience' as const,
  v: 1 as const,
  of,
  tweet_id: about,
  author_id: author,
  from_user: 1,
  to_user: MAX_ID,
})
const planOf = (event: Happening, again = false) =>
  planNotifications(scene.db, [{ outbox_id: 100, event }], again)

async function withdrawStep() {
  const [plan] = await planOf({ ...withdrawn, tweet_id: tweet }, true)
  const step = { outbox_id: 100, tweet_id: tweet, is_deleted: true, is_repeat: true, gone: plan?.gone ?? [] }
  expect(step.gone.length).toBeGreaterThanOrEqual(500)
  return step
}

describe(`with ${MANY} likes of one tweet, as many notifications of one person, and ${FOLLOWEES} followees of another`, () => {
  it.each<[string, () => Promise<() => Promise<unknown>>, string?]>([
    ['planning a batch of likes', async () => () => planNotifications(scene.db, likes(), false)],
    [
      'planning what an edit changes',
      async () => () => planOf({ type: 'tweet_changed', v: 1, tweet_id: tweet, author_id: famous }, true),
    ],
    [
      'planning for a subscriber of a private author',
      async () => () => planOf(audience('subscribers', shy, shyTweet)),
    ],
    ['planning the voters of a poll', async () => () => planOf(audience('voters', famous, tweet))],
    ['planning a step of a deletion', async () => () => planOf({ ...withdrawn, tweet_id: tweet }, true)],
    [
      'storing a batch of likes',
      async () => () => writeNotifications(scene.db, rulings(), []),
      `delete from notifications where actor_id > ${FIRST_FAN + MANY - BATCH}`,
    ],
    [
      'telling a subscriber of what a private author quotes',
      async () => {
        const told = {
          user_id: reader,
          type: 'tweet' as const,
          actor_id: shy,
          tweet_id: shyTweets[0] ?? shyTweet,
        }
        return () =>
          writeNotifications(scene.db, [{ outbox_id: 1, ...told, is_notified: true, is_repeat: true }], [])
      },
    ],
    [
      'telling a batch of likes again',
      async () => () =>
        writeNotifications(
          scene.db,
          rulings().map((one) => ({ ...one, is_repeat: true })),
          [],
        ),
    ],
    [
      'withdrawing a batch of likes',
      async () => () => writeNotifications(scene.db, rulings(), []),
      `delete from likes where user_id > ${FIRST_FAN + MANY - BATCH}`,
    ],
    [
      'withdrawing a step of a deletion',
      async () => {
        const step = await withdrawStep()
        return () => writeNotifications(scene.db, [], [step])
      },
    ],
    [
      'withdrawing what an edit drops',
      async () => () =>
        writeNotifications(scene.db, rulings(), [
          { outbox_id: 1, tweet_id: tweet, is_deleted: false, is_repeat: false, gone: [] },
        ]),
    ],
    [
      'settling a batch',
      async () => {
        const message: PushEvent = { type: 'push', v: 1, user_id: famous, of: 'notification', id: 1 }
        const ids = Array.from({ length: BATCH }, (_, n) => 200 + n)
        return () =>
          settleOutbox(
            scene.db,
            'notifications',
            ids,
            [{ outbox_id: 300, message }],
            [{ outbox_id: 200, attempts: 0 }],
          )
      },
    ],
    ['the newest page', async () => () => readNotifications(scene.db, famous, ALL, FIRST_PAGE)],
    [
      'the newest page, where a private author quotes herself',
      async () => () => readNotifications(scene.db, reader, ALL, FIRST_PAGE),
    ],
    [
      'a page far down',
      async () => () => readNotifications(scene.db, famous, ALL, { ...FIRST_PAGE, after: 500 }),
    ],
    [
      'a page of what is unread',
      async () => () => readNotifications(scene.db, famous, { types: [], unreadOnly: true }, FIRST_PAGE),
    ],
    [
      'a page of a type that there is none of',
      async () => () =>
        readNotifications(scene.db, famous, { types: ['poll'], unreadOnly: true }, FIRST_PAGE),
    ],
    ['the newest groups', async () => () => readNotificationGroups(scene.db, reader, ALL, FIRST_PAGE)],
    [
      'groups far down',
      async () => () => readNotificationGroups(scene.db, reader, ALL, { ...FIRST_PAGE, after: MANY + 100 }),
    ],
    [
      'unread groups of a type that there is none of',
      async () => () =>
        readNotificationGroups(scene.db, reader, { types: ['poll'], unreadOnly: true }, FIRST_PAGE),
    ],
    ['marking one', async () => () => markNotificationRead(scene.db, famous, 500)],
    [
      'marking as far as one that is long ago, again',
      async () => {
        await markAllNotificationsRead(scene.db, famous, 400)
        return () => markAllNotificationsRead(scene.db, famous, 300)
      },
    ],
    ['marking all', async () => () => markAllNotificationsRead(scene.db, famous, null)],
    [
      'forgetting',
      async () => {
        await scene.database.pool.query(
          `update notifications set withdrawn_at = now() - interval '2 days' where type = 'quote' and tweet_id <= 200`,
        )
        const rows = await readForgettable(scene.db, 500)
        expect(rows).toHaveLength(200)
        return () => forgetNotifications(scene.db, rows)
      },
    ],
  ])('%s looks nothing through', async (_, prepared, before = '') => {
    const work = await prepared()
    const { steps, pages } = await runOf(scene.database.pool, work, before)
    expect(scansIn(steps)).toEqual([])
    expect(pages).toBeLessThan(PAGES_MAX)
  })

  it('splitting an audience reads the subscribers alone', async () => {
    const { steps } = await runOf(scene.database.pool, () =>
      splitAudience(scene.db, { outbox_id: 101, event: audience('subscribers', famous, tweet) }),
    )
    expect(scansIn(steps)).toEqual([])
  })
})

describe('telling a thousand people of one tweet', () => {
  it('compares nobody with everybody', async () => {
    const { author, fans } = await scene.subscribed(1000)
    const about = await scene.tweetOf(author)
    const all = fans.map((user_id) => ({
      outbox_id: 400,
      user_id,
      type: 'tweet' as const,
      actor_id: author,
      tweet_id: about,
      is_notified: true,
      is_repeat: false,
    }))
    const { steps } = await runOf(
      scene.database.pool,
      () => writeNotifications(scene.db, all, []),
      `delete from notifications where actor_id = ${author}`,
    )
    // A list that is made for all of them is not gone through again for each.
    expect(steps.filter(({ type, loops }) => type === 'CTE Scan' && loops > 10)).toEqual([])
    expect(await scene.unreadOf(fans[0] as UserId)).toBe(1)
  })
})

describe('a tweet that 2,000 like within a minute', () => {
  it('costs three round trips for fifty of them, and is one line with the right count', async () => {
    const { pool } = scene.database
    await pool.query('delete from outbox')
    const author = await scene.people.addUser()
    const viral = await scene.tweetOf(author)
    const fans = await scene.people.addUsers(2000)
    await scene.warm(author)
    await pool.query('insert into likes (user_id, tweet_id) select unnest($1::bigint[]), $2', [fans, viral])
    await pool.query(
      `insert into outbox (queue, message, next_attempt_at)
       select 'notifications', jsonb_build_object('type', 'like_changed', 'v', 1, 'actor_id', id, 'tweet_id', $2::bigint), now()
       from unnest($1::bigint[]) id`,
      [fans, viral],
    )
    const owed = await scene.owed()
    for (let at = 0; at < owed.length; at += BATCH) {
      const batch = owed.slice(at, at + BATCH)
      expect(await roundTripsOf(scene.database, () => consumeRows(scene.deps, batch))).toBe(3)
    }
    expect(await scene.owed()).toEqual([])
    expect(await scene.unreadOf(author)).toBe(2000)
    const { unread_count, lines } = await readNotificationGroups(scene.db, author, ALL, FIRST_PAGE)
    expect(unread_count).toBe(2000)
    expect(lines.map(({ listed }) => listed?.total)).toEqual([2000])
    expect(lines[0]?.listed?.actors.map(({ id }) => id)).toEqual(fans.slice(-5).toReversed())
    const last = scene.tellingsTo(author).at(-1)
    expect(last).toMatchObject({ type: 'notification', unread: { count: 2000 } })
  })
})
