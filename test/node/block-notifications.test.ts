import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { notificationMessage } from '../../src/contracts/queues.ts'
import { connect, type Db } from '../../src/db/client.ts'
import { deleteBlock, insertBlock } from '../../src/db/statements/blocks.ts'
import { insertEngagement } from '../../src/db/statements/engagement.ts'
import { insertFollow } from '../../src/db/statements/follows.ts'
import { withdrawBetween } from '../../src/db/statements/withdraw-between.ts'
import { writeNotifications } from '../../src/db/statements/write-notifications.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { tellPeople } from '../../src/queues/tell-people.ts'
import type { Deps } from '../../src/services/deps.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
import { depsOn, type Told } from './harness/deps.ts'
import { AMPLE_LIKES } from './harness/engagement.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db
let deps: Deps
let told: Told

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  ;({ deps, told } = depsOn(db))
})

afterAll(() => database.stop())
afterEach(async () => {
  await database.pool.query('delete from outbox')
  told.timelines.clear()
})

const AMPLE_FOLLOWS = { name: 'follows', limit: 1_000_000, windowSeconds: 86_400 } as const
const follow = (follower: UserId, id: UserId) =>
  insertFollow(db, follower, { ref: { id }, claimedId: null }, AMPLE_FOLLOWS)
const like = (user: UserId, tweet: TweetId) => insertEngagement(db, 'like', user, tweet, AMPLE_LIKES)

async function owed() {
  const { rows } = await database.pool.query(
    `select id::float8 as outbox_id, message as event from outbox where queue = 'notifications' order by id`,
  )
  return rows.map((row) => notificationMessage.parse(row))
}

async function settle(again = false): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const messages = await owed()
    if (messages.length === 0) return
    await tellPeople(deps, messages, again)
  }
  throw new Error('Something is still owed')
}

async function inboxOf(user: UserId) {
  const { rows } = await database.pool.query<{ type: string; actor: UserId }>(
    `select type, actor_id::float8 as actor from notifications where user_id = $1 and withdrawn_at is null order by id`,
    [user],
  )
  const inbox = await database.pool.query<{ unread: number }>(
    'select unread_count as unread from notification_inboxes where user_id = $1',
    [user],
  )
  return { rows: rows.map(({ type, actor }) => [type, actor]), unread: inbox.rows[0]?.unread ?? 0 }
}

/** Two who follow each other and like each other's tweets, and a third who likes one of them, too. */
async function scene() {
  const [a, b, c] = await people.addUsers(3)
  if (a === undefined || b === undefined || c === undefined) throw new Error('Nobody')
  const [ofA, ofB] = [await addTweet(database.pool, a), await addTweet(database.pool, b)]
  await follow(a, b)
  await follow(b, a)
  await like(a, ofB)
  await like(b, ofA)
  await like(c, ofA)
  return { a, b, c, ofA, ofB }
}

describe('a block', () => {
  it('withdraws what each was told of the other, and nothing else, and tells warm timelines so', async () => {
    const { a, b, c } = await scene()
    await settle()
    expect((await inboxOf(a)).unread).toBe(3)
    await database.pool.query('insert into timelines (user_id, epoch) values ($1, 1), ($2, 1)', [a, b])
    await insertBlock(db, a, { id: b })
    await settle()
    expect(await inboxOf(a)).toEqual({ rows: [['like', c]], unread: 1 })
    expect(await inboxOf(b)).toEqual({ rows: [], unread: 0 })
    for (const user of [a, b]) {
      expect(told.timelines.get(user)).toMatchObject([
        { type: 'notifications_withdrawn', ids: [{}, {}].map(() => expect.any(Number)) },
      ])
    }
    await database.pool.query('delete from timelines')
  })

  it('keeps away what is heard of late, and brings nothing back when it ends', async () => {
    const { a, b, c } = await scene()
    await insertBlock(db, a, { id: b })
    await settle()
    expect((await inboxOf(a)).rows).toEqual([['like', c]])
    await deleteBlock(db, a, { id: b })
    await settle()
    expect((await inboxOf(a)).rows).toEqual([['like', c]])
  })

  it('that has ended before it is heard of takes what was before it, and leaves what came after', async () => {
    const { a, b, c, ofA } = await scene()
    await settle()
    await insertBlock(db, a, { id: b })
    await deleteBlock(db, a, { id: b })
    const [blocked] = (await owed()).filter(({ event }) => event.type === 'block_changed')
    if (blocked === undefined) throw new Error('No block is owed')
    const other = await addTweet(database.pool, a)
    await like(b, other)
    await tellPeople(
      deps,
      (await owed()).filter(({ event }) => event.type === 'like_changed'),
      false,
    )
    await tellPeople(deps, [blocked], false)
    expect((await inboxOf(a)).rows).toEqual([
      ['like', c],
      ['like', b],
    ])
    expect(ofA).not.toBe(other)
  })

  it('is done step by step, and a step that is repeated tells again what the one before has withdrawn', async () => {
    const { a, b } = await scene()
    await settle()
    await insertBlock(db, a, { id: b })
    const [message] = await owed()
    const id = message?.outbox_id ?? 0
    const first = await withdrawBetween(db, id, [a, b], false, 3)
    expect([first?.left, first?.told.flatMap(({ withdrawn }) => withdrawn).length]).toEqual([true, 3])
    const second = await withdrawBetween(db, id, [a, b], true, 3)
    expect([second?.left, second?.told.flatMap(({ withdrawn }) => withdrawn).length]).toEqual([false, 4])
    await database.pool.query('delete from outbox')
    expect(await withdrawBetween(db, id, [a, b], false, 3)).toBeNull()
  })

  it('waits for what is being told of one of the two, and withdraws that, too', async () => {
    const { a, b, c } = await scene()
    await settle()
    await insertBlock(db, a, { id: b })
    const [message] = await owed()
    let step: ReturnType<typeof withdrawBetween> | null = null
    const telling = [
      { text: 'update notification_inboxes set version = version + 1 where user_id = $1', values: [a] },
      { text: `insert into notifications (user_id, actor_id, type) values ($1, $2, 'poll')`, values: [a, b] },
    ]
    await inTransaction(database.pool, telling, async () => {
      step = withdrawBetween(db, message?.outbox_id ?? 0, [a, b], false)
      await vi.waitFor(async () => expect(await somebodyWaits(database.pool)).toBe(true))
    })
    await step
    expect((await inboxOf(a)).rows).toEqual([['like', c]])
  })

  it('keeps away what was judged before it', async () => {
    const { a, b, ofA } = await scene()
    await insertBlock(db, a, { id: b })
    const ruling = { user_id: a, type: 'like', actor_id: b, tweet_id: ofA } as const
    const outbox_id = (await owed())[0]?.outbox_id ?? 0
    await writeNotifications(db, [{ outbox_id, ...ruling, is_notified: true, is_repeat: false }], [])
    expect((await inboxOf(a)).rows).toEqual([])
  })

  it('withdraws a notification that was planned before it and is written after it', async () => {
    const { a, b, c } = await scene()
    await Promise.all([settle(), insertBlock(db, a, { id: b })])
    await settle()
    expect((await inboxOf(a)).rows).toEqual([['like', c]])
    expect((await inboxOf(b)).rows).toEqual([])
  })
})
