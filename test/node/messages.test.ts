import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { readConversations } from '../../src/db/statements/conversations.ts'
import { readMessages } from '../../src/db/statements/messages.ts'
import type { MessageId, UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { type Messaging, messagingIn, WRONG_CONVERSATIONS } from './harness/messages.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

const MISSING = Number.MAX_SAFE_INTEGER as UserId
const SUSPENDED = { suspended_at: new Date() }
const DEACTIVATED = { is_active: false }

let database: TestDatabase
let people: Community
let db: Db
let messaging: Messaging
/** Two who have accepted each other, new for each test. */
let a: UserId
let b: UserId

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  messaging = messagingIn(db, database.pool)
})

afterAll(() => database.stop())

beforeEach(async () => {
  ;[a, b] = [await people.addUser(), await people.addUser()]
  await people.add('follows', a, b)
  await people.add('follows', b, a)
})

async function expectCountsRight(): Promise<void> {
  expect((await database.pool.query(WRONG_CONVERSATIONS)).rows).toEqual([])
}

async function stored(id: MessageId) {
  const { rows } = await database.pool.query(
    'select is_read, hidden_by_sender, hidden_by_receiver from direct_messages where id = $1',
    [id],
  )
  return rows[0] ?? null
}

const owed = async (type: string, user: UserId) => {
  const { rows } = await database.pool.query<{ message: unknown }>(
    `select message from outbox
     where queue = 'notifications' and message ->> 'type' = $1
       and $2 in (message ->> 'sender_id', message ->> 'reader_id')
     order by id`,
    [type, String(user)],
  )
  return rows.map(({ message }) => message)
}

const listed = async (viewer: UserId, kind: 'accepted' | 'requests' = 'accepted') =>
  (await readConversations(db, viewer, kind, { after: null, offset: 0, limit: 100 })).map(
    ({ user, last_message, unread_count }) => [user.id, last_message.id, unread_count],
  )

describe('sending', () => {
  it('writes the message, both rows of the conversation, and what is owed to both', async () => {
    const sent = await messaging.send(a, b, { content: 'hi' })
    if (sent.outcome !== 'sent') throw new Error(sent.outcome)
    const { id } = sent.message
    expect(sent.message).toEqual({
      id,
      sender_id: a,
      receiver_id: b,
      content: 'hi',
      media_url: null,
      is_read: false,
      created_at_ms: expect.any(Number),
    })
    expect(Math.abs(sent.message.created_at_ms - Date.now())).toBeLessThan(60_000)
    const message = { type: 'message_sent', v: 1, message_id: id, sender_id: a, receiver_id: b }
    expect(sent.outbox).toEqual([{ id: expect.any(Number), queue: 'notifications', message }])
    expect(await owed('message_sent', a)).toEqual([message])
    expect(await messaging.conversation(a, b)).toEqual({
      last_message_id: id,
      unread_count: 0,
      is_accepted: true,
    })
    expect(await messaging.conversation(b, a)).toEqual({
      last_message_id: id,
      unread_count: 1,
      is_accepted: true,
    })
  })

  it('finds the receiver by name in any case', async () => {
    const named = await people.addUser({ username: 'Bea_Writes' })
    expect(await messaging.send(a, named, { receiver: { username: 'bEA_wRITES' } })).toMatchObject({
      outcome: 'sent',
      message: { receiver_id: named },
    })
  })

  it('touches the two rows of the pair and no other', async () => {
    const c = await people.addUser()
    await people.add('follows', b, c)
    await messaging.sent(c, b)
    const before = await messaging.conversation(b, c)
    await messaging.sent(a, b)
    expect(await messaging.conversation(b, c)).toEqual(before)
    await expectCountsRight()
  })

  it('takes a use of the quota, and is refused with the time to come back when there is none', async () => {
    const onlyOne = { name: 'messages', limit: 1, windowSeconds: 86_400 } as const
    expect(await messaging.send(a, b, {}, onlyOne)).toMatchObject({ outcome: 'sent' })
    const refused = await messaging.send(a, b, {}, onlyOne)
    expect(refused).toEqual({ outcome: 'rate_limited', retry_after_seconds: expect.any(Number) })
    const seconds = 'retry_after_seconds' in refused ? refused.retry_after_seconds : 0
    expect(seconds).toBeGreaterThan(86_400 - 60)
    expect(await owed('message_sent', a)).toHaveLength(1)
    await expectCountsRight()
  })

  it('takes no quota when it is refused for another reason', async () => {
    await people.add('blocks', b, a)
    await messaging.send(a, b)
    const { rows } = await database.pool.query('select from quota_windows where user_id = $1', [a])
    expect(rows).toEqual([])
  })
})

describe('reading', () => {
  it('marks what the other sent as far as asked, and tells the newest that was marked', async () => {
    const [first, second, third] = [
      await messaging.sent(a, b),
      await messaging.sent(a, b),
      await messaging.sent(a, b),
    ]
    const own = await messaging.sent(b, a)
    expect(await messaging.read(b, a, second)).toMatchObject({ outcome: 'read', unread_count: 1 })
    expect(await stored(first)).toMatchObject({ is_read: true })
    expect(await stored(third)).toMatchObject({ is_read: false })
    expect(await messaging.read(b, a)).toMatchObject({ unread_count: 0 })
    expect(await stored(own)).toMatchObject({ is_read: false })
    expect(await owed('messages_read', b)).toEqual(
      [second, third].map((up_to_id) => ({
        type: 'messages_read',
        v: 1,
        reader_id: b,
        other_id: a,
        up_to_id,
      })),
    )
    await expectCountsRight()
  })

  it('again marks nothing and tells nobody, nor does reading one’s own', async () => {
    await messaging.sent(a, b)
    await messaging.read(b, a)
    expect(await messaging.read(b, a)).toEqual({ outcome: 'read', unread_count: 0, outbox: [] })
    expect(await messaging.read(a, b)).toEqual({ outcome: 'read', unread_count: 0, outbox: [] })
    expect(await owed('messages_read', b)).toHaveLength(1)
  })

  it('leaves what one deleted unread: its sender is not told that it was read', async () => {
    const [hidden, shown] = [await messaging.sent(a, b), await messaging.sent(a, b)]
    await messaging.hide(b, a, hidden)
    expect(await messaging.read(b, a)).toMatchObject({ unread_count: 0 })
    expect(await stored(hidden)).toMatchObject({ is_read: false })
    expect(await stored(shown)).toMatchObject({ is_read: true })
    await expectCountsRight()
  })

  it('marks nothing of a request, and tells nobody, until it is accepted', async () => {
    const stranger = await people.addUser()
    const id = await messaging.sent(stranger, b)
    expect(await messaging.read(b, stranger)).toEqual({ outcome: 'read', unread_count: 1, outbox: [] })
    expect(await stored(id)).toMatchObject({ is_read: false })
    await messaging.accept(b, stranger)
    expect(await messaging.read(b, stranger)).toMatchObject({ unread_count: 0, outbox: [expect.anything()] })
    expect(await stored(id)).toMatchObject({ is_read: true })
  })
})

describe('deleting for oneself', () => {
  it('takes the message from one and leaves it to the other', async () => {
    const [first, second] = [await messaging.sent(a, b), await messaging.sent(b, a)]
    for (let time = 0; time < 2; time++) expect(await messaging.hide(a, b, second)).toBe('hidden')
    expect(await messaging.seen(a, b)).toEqual([first])
    expect(await messaging.seen(b, a)).toEqual([second, first])
    expect(await messaging.conversation(a, b)).toMatchObject({ last_message_id: first, unread_count: 0 })
    expect(await messaging.conversation(b, a)).toMatchObject({ last_message_id: second, unread_count: 1 })
    await expectCountsRight()
  })

  it('by both deletes the row, which then nobody finds', async () => {
    const id = await messaging.sent(a, b)
    await messaging.hide(a, b, id)
    await messaging.hide(b, a, id)
    expect(await stored(id)).toBeNull()
    expect(await messaging.hide(a, b, id)).toBe('message_not_found')
    await expectCountsRight()
  })

  it('of the last one lets the conversation vanish from the list, until the next message', async () => {
    const [first, second] = [await messaging.sent(a, b), await messaging.sent(a, b)]
    for (const id of [first, second]) await messaging.hide(a, b, id)
    expect(await listed(a)).toEqual([])
    await messaging.hide(b, a, first)
    expect(await listed(b)).toEqual([[a, second, 1]])
    await messaging.hide(b, a, second)
    expect(await listed(b)).toEqual([])
    expect(await messaging.seen(b, a)).toEqual([])
    const third = await messaging.sent(a, b)
    expect(await listed(a)).toEqual([[b, third, 0]])
    expect(await listed(b)).toEqual([[a, third, 1]])
    await expectCountsRight()
  })

  it('finds only what the two wrote to each other', async () => {
    const c = await people.addUser()
    await people.add('follows', a, c)
    const elsewhere = await messaging.sent(c, a)
    for (const [viewer, other] of [
      [a, b],
      [b, a],
      [b, c],
      [c, b],
    ] as const) {
      expect(await messaging.hide(viewer, other, elsewhere)).toBe('message_not_found')
    }
    expect(await messaging.hide(a, b, MISSING)).toBe('message_not_found')
    expect(await messaging.hide(a, MISSING, elsewhere)).toBe('user_not_found')
    expect(await messaging.seen(a, c)).toEqual([elsewhere])
  })
})

describe('a request', () => {
  let stranger: UserId

  beforeEach(async () => {
    stranger = await people.addUser()
  })

  it('waits apart from conversations, and is one to its sender', async () => {
    const id = await messaging.sent(stranger, b)
    expect(await listed(b)).toEqual([])
    expect(await listed(b, 'requests')).toEqual([[stranger, id, 1]])
    expect(await listed(stranger)).toEqual([[b, id, 0]])
    expect(await listed(stranger, 'requests')).toEqual([])
    expect(await messaging.seen(b, stranger)).toEqual([id])
  })

  it('becomes a conversation when it is accepted, and again does nothing', async () => {
    const id = await messaging.sent(stranger, b)
    for (let time = 0; time < 2; time++) expect(await messaging.accept(b, stranger)).toBe('accepted')
    expect(await listed(b)).toEqual([[stranger, id, 1]])
    expect(await listed(b, 'requests')).toEqual([])
  })

  it('vanishes when it is declined, for good but for what comes later', async () => {
    const first = await messaging.sent(stranger, b)
    for (let time = 0; time < 2; time++) expect(await messaging.decline(b, stranger)).toBe('declined')
    expect(await listed(b, 'requests')).toEqual([])
    expect(await messaging.seen(b, stranger)).toEqual([])
    expect(await messaging.accept(b, stranger)).toBe('message_request_not_found')
    expect(await messaging.seen(stranger, b)).toEqual([first])
    const second = await messaging.sent(stranger, b)
    expect(await listed(b, 'requests')).toEqual([[stranger, second, 1]])
    expect(await messaging.seen(b, stranger)).toEqual([second])
    await expectCountsRight()
  })

  it('that is declined takes with it what its sender has deleted', async () => {
    const id = await messaging.sent(stranger, b)
    await messaging.hide(stranger, b, id)
    await messaging.decline(b, stranger)
    expect(await stored(id)).toBeNull()
    await expectCountsRight()
  })

  it('is neither accepted nor declined by its sender, nor by others', async () => {
    const id = await messaging.sent(stranger, b)
    expect(await messaging.accept(a, stranger)).toBe('message_request_not_found')
    expect(await messaging.decline(a, stranger)).toBe('declined')
    expect(await messaging.decline(stranger, b)).toBe('declined')
    expect(await listed(b, 'requests')).toEqual([[stranger, id, 1]])
    expect(await listed(stranger)).toEqual([[b, id, 0]])
  })

  it('that was accepted is no longer declined', async () => {
    const id = await messaging.sent(stranger, b)
    await messaging.accept(b, stranger)
    expect(await messaging.decline(b, stranger)).toBe('declined')
    expect(await listed(b)).toEqual([[stranger, id, 1]])
  })
})

describe('a conversation with somebody who cannot be seen', () => {
  const HIDE: Record<string, () => Promise<unknown>> = {
    'blocks one': () => people.add('blocks', b, a),
    'is blocked': () => people.add('blocks', a, b),
    'is suspended': () => database.pool.query('update users set suspended_at = now() where id = $1', [b]),
    'is deactivated': () => database.pool.query('update users set is_active = false where id = $1', [b]),
  }
  const show = async () => {
    await database.pool.query('delete from blocks where $1 in (blocker_id, blocked_id)', [a])
    await database.pool.query('update users set suspended_at = null, is_active = true where id = $1', [b])
  }

  it.each(Object.entries(HIDE))('is as if it had never begun while the other %s', async (_, hide) => {
    const [first, last] = [await messaging.sent(a, b), await messaging.sent(b, a)]
    await hide()
    expect(await listed(a)).toEqual([])
    expect(await messaging.seen(a, b)).toEqual([])
    expect(await messaging.read(a, b)).toEqual({ outcome: 'read', unread_count: 0, outbox: [] })
    expect(await messaging.hide(a, b, first)).toBe('message_not_found')
    expect(await messaging.accept(a, b)).toBe('message_request_not_found')
    await show()
    expect(await listed(a)).toEqual([[b, last, 1]])
    expect(await messaging.seen(a, b)).toEqual([last, first])
    await expectCountsRight()
  })

  it.each(Object.entries(HIDE))('is no request, either, while the stranger %s', async (_, hide) => {
    await database.pool.query('delete from follows where follower_id = $1', [a])
    const id = await messaging.sent(b, a)
    await hide()
    expect(await listed(a, 'requests')).toEqual([])
    expect(await messaging.accept(a, b)).toBe('message_request_not_found')
    expect(await messaging.decline(a, b)).toBe('declined')
    await show()
    expect(await listed(a, 'requests')).toEqual([[b, id, 1]])
  })

  it('is not found where there is nobody at all', async () => {
    expect(await messaging.seen(a, MISSING)).toBeNull()
    expect(await messaging.read(a, MISSING)).toEqual({ outcome: 'user_not_found' })
    expect(await messaging.accept(a, MISSING)).toBe('user_not_found')
    expect(await messaging.decline(a, MISSING)).toBe('user_not_found')
    expect(await messaging.seen(a, a)).toEqual([])
  })
})

describe('who is suspended or gone', () => {
  it.each([
    ['suspended', SUSPENDED],
    ['unauthenticated', DEACTIVATED],
  ])('changes nothing: %s', async (outcome, columns) => {
    const gone = await people.addUser(columns)
    expect(await messaging.read(gone, b)).toEqual({ outcome })
    expect(await messaging.hide(gone, b, 1)).toBe(outcome)
    expect(await messaging.accept(gone, b)).toBe(outcome)
    expect(await messaging.decline(gone, b)).toBe(outcome)
  })
})

describe('pages', () => {
  it('of a conversation have no repeat and no gap, by cursor and by offset', async () => {
    const sent: number[] = []
    for (let n = 0; n < 11; n++)
      sent.unshift(await (n % 3 === 0 ? messaging.sent(a, b) : messaging.sent(b, a)))
    await messaging.hide(a, b, sent[4] ?? 0)
    const shown = sent.filter((_, index) => index !== 4)
    const pageAt = async (after: number | null, offset: number) =>
      (await readMessages(db, a, { id: b }, { after, offset, limit: 3 }))?.map(({ place }) => place) ?? []
    const byCursor: number[] = []
    for (let page = await pageAt(null, 0); page.length > 0; page = await pageAt(page.at(-1) ?? 0, 0)) {
      byCursor.push(...page)
    }
    expect(byCursor).toEqual(shown)
    const offsets = [0, 3, 6, 9, 12]
    const byOffset = await Promise.all(offsets.map((offset) => pageAt(null, offset)))
    expect(byOffset.flat()).toEqual(shown)
  })

  it('of conversations go from the newest message to the oldest', async () => {
    const others = await people.addUsers(5)
    const expected: unknown[][] = []
    for (const other of others) {
      await people.add('follows', a, other)
      expected.unshift([other, await messaging.sent(other, a), 1])
    }
    expect(await listed(a)).toEqual(expected)
    const [, second] = expected
    const after = Number(second?.[1])
    const rest = await readConversations(db, a, 'accepted', { after, offset: 1, limit: 2 })
    expect(rest.map(({ user }) => user.id)).toEqual(expected.slice(3).map(([other]) => other))
  })
})
