import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { readConversations } from '../../src/db/statements/conversations.ts'
import { hideMessage, markMessagesRead, readMessages } from '../../src/db/statements/messages.ts'
import { MAX_ID, type MessageId, type UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { type Messaging, messagingIn } from './harness/messages.ts'
import { runOf, type Step } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const LONG = 10_000
const MANY = 10_000

let database: TestDatabase
let people: Community
let db: Db
let messaging: Messaging
/** Two with a long conversation, in which only the newest few are unread. */
let a: UserId
let b: UserId
/** One with many conversations, half of them requests. */
let popular: UserId

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  messaging = messagingIn(db, database.pool)
  ;[a, b, popular] = [await people.addUser(), await people.addUser(), await people.addUser()]
  await database.pool.query(
    `insert into users (id, username, email, password_hash, display_name)
     select 10000000 + n, 'many_' || n, 'many_' || n || '@example.com', '', 'Many' from generate_series(1, $1::int) n`,
    [MANY],
  )
  // Every fifth message is of the two, among those to the popular one and to a hundred others.
  await database.pool.query(
    `insert into direct_messages (sender_id, receiver_id, content, is_read)
     select case when n % 5 > 0 then 10000000 + n % $5 + 1 when n % 2 = 0 then $1::bigint else $2 end,
            case when n % 5 > 1 then $3::bigint
                 when n % 5 = 1 then 10000000 + (n + 7) % 100 + 1
                 when n % 2 = 0 then $2::bigint else $1 end,
            'hello', true
     from generate_series(1, 5 * $4::int) n`,
    [a, b, popular, LONG, MANY],
  )
  await database.pool.query(
    `insert into conversations (user_id, other_id, last_message_id, unread_count, is_accepted)
     select receiver_id, sender_id, max(id), 0, sender_id % 2 = 0
     from direct_messages
     where receiver_id = $1
     group by receiver_id, sender_id`,
    [popular],
  )
  await messaging.sent(a, b)
  await messaging.sent(b, a)
  await database.pool.query('vacuum analyze')
})

afterAll(() => database.stop())

const ofTable = (steps: Step[], table: string) => steps.filter(({ relation }) => relation === table)
const rowsOf = (steps: Step[], table: string) =>
  ofTable(steps, table).reduce((sum, { rows }) => sum + rows, 0)
const isScan = ({ type }: Step) => type === 'Seq Scan' || type === 'Bitmap Heap Scan'

describe('a long conversation', () => {
  const read = (after: number | null, offset = 0) =>
    readMessages(db, a, { id: b }, { after, offset, limit: 21 })

  it.each([
    ['newest', null],
    ['oldest', 5 * 31],
    ['middle', (5 * LONG) / 2],
  ])('gives its %s page from two index scans that go no further than the page', async (_, after) => {
    const { steps, pages } = await runOf(database.pool, () => read(after))
    expect(await read(after)).toHaveLength(21)
    const scans = ofTable(steps, 'direct_messages').filter(({ index }) => index === 'idx_dm_sender_receiver')
    expect(scans).toHaveLength(2)
    for (const { rows } of scans) expect(rows).toBeLessThanOrEqual(21)
    expect(ofTable(steps, 'direct_messages').filter(isScan)).toEqual([])
    expect(rowsOf(steps, 'direct_messages')).toBeLessThanOrEqual(3 * 21)
    expect(pages).toBeLessThan(300)
  })

  it('is marked as read by looking at what is unread alone', async () => {
    const unread = await messaging.sent(a, b)
    const { steps } = await runOf(
      database.pool,
      () => markMessagesRead(db, b, { id: a }, MAX_ID as MessageId),
      `update direct_messages set is_read = false where id = ${unread}`,
    )
    expect(ofTable(steps, 'direct_messages').filter(isScan)).toEqual([])
    expect(ofTable(steps, 'direct_messages').find(({ index }) => index === 'idx_dm_receiver')?.rows).toBe(1)
    expect(rowsOf(steps, 'direct_messages')).toBeLessThanOrEqual(3)
  })

  it('shows the one before when its newest is deleted, without looking further', async () => {
    const newest = await messaging.sent(a, b)
    const { steps } = await runOf(
      database.pool,
      () => hideMessage(db, a, { id: b }, newest),
      `update direct_messages set hidden_by_sender = false where id = ${newest};
       update conversations set last_message_id = ${newest} where user_id = ${a} and other_id = ${b}`,
    )
    expect(ofTable(steps, 'direct_messages').filter(isScan)).toEqual([])
    const before = ofTable(steps, 'direct_messages').filter(({ index }) => index === 'idx_dm_sender_receiver')
    expect(before.map(({ rows, loops }) => [rows, loops])).toEqual([
      [1, 1],
      [1, 1],
    ])
    expect(rowsOf(steps, 'direct_messages')).toBeLessThanOrEqual(8)
  })
})

describe('the page of somebody with many conversations', () => {
  it.each(['accepted', 'requests'] as const)('reads as many of them as it shows: %s', async (kind) => {
    const read = () => readConversations(db, popular, kind, { after: null, offset: 0, limit: 21 })
    const { steps } = await runOf(database.pool, read)
    expect(await read()).toHaveLength(21)
    expect(steps.filter(isScan).filter(({ relation }) => relation !== 'blocks')).toEqual([])
    expect(ofTable(steps, 'conversations')).toMatchObject([{ index: 'conversations_latest', rows: 21 }])
    expect(rowsOf(steps, 'direct_messages')).toBe(21)
    expect(rowsOf(steps, 'users')).toBeLessThanOrEqual(2 * 21)
  })
})
