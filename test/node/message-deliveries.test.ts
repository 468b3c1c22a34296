import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { message as messageSchema } from '../../src/contracts/http/messages.ts'
import { type NotificationMessage, notificationMessage } from '../../src/contracts/queues.ts'
import { connect, type Db } from '../../src/db/client.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { messageDeliveries } from '../../src/queues/message-deliveries.ts'
import { type Community, communityIn } from './harness/community.ts'
import { type Messaging, messagingIn } from './harness/messages.ts'
import { runOf } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

let database: TestDatabase
let people: Community
let db: Db
let messaging: Messaging
/** Two with warm timelines who have accepted each other, new for each test. */
let a: UserId
let b: UserId

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  messaging = messagingIn(db, database.pool)
})

afterAll(() => database.stop())

async function addWarm(): Promise<UserId> {
  const user = await people.addUser()
  await database.pool.query('insert into timelines (user_id, epoch) values ($1, 1)', [user])
  return user
}

const cool = (user: UserId) => database.pool.query('delete from timelines where user_id = $1', [user])

beforeEach(async () => {
  await database.pool.query('delete from outbox')
  ;[a, b] = [await addWarm(), await addWarm()]
  await people.add('follows', a, b)
  await people.add('follows', b, a)
})

/** All that the outbox owes, as the queue brings it, in any order. */
async function owed(): Promise<NotificationMessage[]> {
  const { rows } = await database.pool.query<{ outbox_id: number; event: unknown }>(
    'select id::float8 as outbox_id, message as event from outbox order by random()',
  )
  return rows.map((row) => notificationMessage.parse(row))
}

/** Who is told what, each `json` parsed, in the order in which it is told. */
async function told() {
  const { deliveries, pushable } = await messageDeliveries(db, await owed())
  const letters = deliveries.map(({ receiver, send }) => {
    if (send.type === 'message') return { receiver, message: JSON.parse(send.json), id: send.id }
    if (send.type !== 'messages_read') throw new Error(`Who would tell ${send.type}`)
    const { type: _, ...read } = send
    return { receiver, read }
  })
  return { letters, pushed: pushable.map(({ userId, messageId }) => [userId, messageId]) }
}

const both = (one: UserId, other: UserId) => [one, other].sort((x, y) => x - y)

describe('a message that was sent', () => {
  it('is told to both as they would read it, and may be pushed to its receiver', async () => {
    const id = await messaging.sent(a, b, 'a "quoted" word\nand 🐦')
    const { letters, pushed } = await told()
    expect(letters.map(({ receiver }) => receiver)).toEqual(both(a, b))
    for (const { message, id: told } of letters) {
      expect(told).toBe(id)
      expect(messageSchema.strict().parse(message)).toMatchObject({
        id,
        sender_id: a,
        receiver_id: b,
        content: 'a "quoted" word\nand 🐦',
        is_read: false,
      })
    }
    expect(pushed).toEqual([[b, id]])
  })

  it('names the outbox row that it does the effect of', async () => {
    await messaging.sent(a, b)
    const messages = await owed()
    const { deliveries, pushable } = await messageDeliveries(db, messages)
    const ids = [...deliveries, ...pushable].map(({ outboxId }) => outboxId)
    expect(ids).toEqual([messages[0]?.outbox_id, messages[0]?.outbox_id, messages[0]?.outbox_id])
  })

  it('is told to warm timelines alone, and may be pushed whether the timeline is warm or not', async () => {
    const id = await messaging.sent(a, b)
    await cool(b)
    expect(await told()).toMatchObject({ letters: [{ receiver: a }], pushed: [[b, id]] })
    await cool(a)
    expect(await told()).toEqual({ letters: [], pushed: [[b, id]] })
  })

  it('is called a request to the receiver who has not accepted it, and is not pushed', async () => {
    const stranger = await addWarm()
    const id = await messaging.sent(stranger, b)
    const { letters, pushed } = await told()
    expect(letters.find(({ receiver }) => receiver === b)?.message).toMatchObject({ id, is_request: true })
    expect(letters.find(({ receiver }) => receiver === stranger)?.message).not.toHaveProperty('is_request')
    expect(pushed).toEqual([])
    await messaging.accept(b, stranger)
    const accepted = await told()
    expect(accepted.letters.find(({ receiver }) => receiver === b)?.message).not.toHaveProperty('is_request')
    expect(accepted.pushed).toEqual([[b, id]])
  })

  it('is not told to who has deleted it since, nor to anybody when both have', async () => {
    const id = await messaging.sent(a, b)
    await messaging.hide(b, a, id)
    expect(await told()).toMatchObject({ letters: [{ receiver: a }], pushed: [] })
    await messaging.hide(a, b, id)
    expect(await told()).toEqual({ letters: [], pushed: [] })
  })

  it('that its sender has deleted is still told to the receiver', async () => {
    const id = await messaging.sent(a, b)
    await messaging.hide(a, b, id)
    expect(await told()).toMatchObject({ letters: [{ receiver: b }], pushed: [[b, id]] })
  })

  it('that was declined is not told to who declined it', async () => {
    const stranger = await addWarm()
    await messaging.sent(stranger, b)
    await messaging.decline(b, stranger)
    expect(await told()).toMatchObject({ letters: [{ receiver: stranger }], pushed: [] })
  })

  it('that was read meanwhile is told as it is, and no longer pushed', async () => {
    await messaging.sent(a, b)
    await messaging.read(b, a)
    const { letters, pushed } = await told()
    expect(letters.flatMap(({ message }) => message ?? [])).toMatchObject([
      { is_read: true },
      { is_read: true },
    ])
    expect(pushed).toEqual([])
  })
})

describe('that messages were read', () => {
  it('is told to the sender and to the reader’s other sockets', async () => {
    const id = await messaging.sent(a, b)
    await messaging.read(b, a)
    const { letters } = await told()
    const read = { readerId: b, otherId: a, upToId: id }
    expect(letters.filter((letter) => 'read' in letter)).toEqual(
      both(a, b).map((receiver) => ({ receiver, read })),
    )
  })

  it('is told to warm timelines alone', async () => {
    await messaging.sent(a, b)
    await messaging.read(b, a)
    await cool(a)
    const { letters } = await told()
    expect(letters.map(({ receiver }) => receiver)).toEqual([b, b])
  })
})

describe('nobody is told', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['across a block', () => people.add('blocks', a, b)],
    ['across a block from the other side', () => people.add('blocks', b, a)],
    [
      'by who is suspended',
      () => database.pool.query('update users set suspended_at = now() where id = $1', [a]),
    ],
    [
      'to who is deactivated',
      () => database.pool.query('update users set is_active = false where id = $1', [b]),
    ],
  ])('anything %s', async (_, part) => {
    await messaging.sent(a, b)
    await messaging.read(b, a)
    await part()
    expect(await told()).toEqual({ letters: [], pushed: [] })
  })

  it('what another delivery has told: its outbox row is gone', async () => {
    await messaging.sent(a, b)
    const messages = await owed()
    await database.pool.query('delete from outbox')
    expect(await messageDeliveries(db, messages)).toEqual({ deliveries: [], pushable: [] })
  })

  it('but the two', async () => {
    const others = [await addWarm(), await addWarm()]
    await messaging.sent(a, b)
    const { letters } = await told()
    for (const other of others) expect(letters.map(({ receiver }) => receiver)).not.toContain(other)
  })
})

it('a batch is told in the order of its commits, and asks once', async () => {
  const sent = [await messaging.sent(a, b), await messaging.sent(b, a), await messaging.sent(a, b)]
  await messaging.read(b, a)
  const messages = await owed()
  const { steps } = await runOf(database.pool, () => messageDeliveries(db, messages))
  expect(steps.some(({ relation }) => relation === 'direct_messages')).toBe(true)
  const { letters } = await told()
  const toB = letters.filter(({ receiver }) => receiver === b)
  expect(toB.map((letter) => ('read' in letter ? 'read' : letter.id))).toEqual([...sent, 'read'])
})

it('other events are passed over without asking the database', async () => {
  const other = { type: 'like_changed', v: 1, actor_id: 1, tweet_id: 2 } as const
  const unreachable = connect({
    url: 'postgres://nobody:x@127.0.0.1:1/none',
    endpoint: 'http://127.0.0.1:1/sql',
  })
  const messages = [{ outbox_id: 1, event: other }]
  expect(await messageDeliveries(unreachable, messages)).toEqual({ deliveries: [], pushable: [] })
  expect(await messageDeliveries(unreachable, [])).toEqual({ deliveries: [], pushable: [] })
})
