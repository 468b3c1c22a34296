import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { insertTweets } from '../../src/db/statements/publish-tweet.ts'
import type { Sent } from '../../src/db/statements/send-message.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn } from './harness/community.ts'
import { AMPLE_MESSAGES, type Messaging, messagingIn } from './harness/messages.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { AMPLE_QUOTA, newPublication } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db
let messaging: Messaging

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  messaging = messagingIn(db, database.pool)
})

afterAll(() => database.stop())

const ONLY_ONE = { ...AMPLE_MESSAGES, limit: 1 }
const times = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index))

const withKey = (from: UserId, to: UserId, requestHash = 'body', quota = AMPLE_MESSAGES) =>
  messaging.send(from, to, { idempotency: { key: 'key', requestHash } }, quota)

/** The ids of what was answered, new or repeated. */
const answered = (results: Sent[]) =>
  results.map((result) => ('message' in result ? (result.message?.id ?? null) : result.outcome))

const age = (user: UserId, by: string) =>
  database.pool.query('update idempotency_keys set created_at = now() - $2::interval where user_id = $1', [
    user,
    by,
  ])

async function keysOf(user: UserId): Promise<number[]> {
  const { rows } = await database.pool.query<{ id: number }>(
    'select result_id::float8 as id from idempotency_keys where user_id = $1',
    [user],
  )
  return rows.map(({ id }) => id)
}

async function usesOf(user: UserId): Promise<number> {
  const { rows } = await database.pool.query<{ uses: number }>(
    `select cardinality(uses) as uses from quota_windows where user_id = $1 and quota = 'messages'`,
    [user],
  )
  return rows[0]?.uses ?? 0
}

const aPair = async (): Promise<[UserId, UserId]> => [await people.addUser(), await people.addUser()]

describe('messages with one Idempotency-Key', () => {
  it.each([2, 20])(
    'are one message when there are %i at once, and all are answered with it',
    async (count) => {
      for (let round = 0; round < 5; round++) {
        const [a, b] = await aPair()
        const results = await Promise.all(times(count, () => withKey(a, b)))
        const seen = await messaging.seen(a, b)
        expect(seen).toHaveLength(1)
        expect(answered(results)).toEqual(times(count, () => seen?.[0]))
        expect(results.filter(({ outcome }) => outcome === 'sent')).toHaveLength(1)
        expect(await keysOf(a)).toEqual(seen)
        expect(await usesOf(a)).toBe(1)
        expect(await messaging.conversation(b, a)).toMatchObject({ unread_count: 1 })
      }
    },
  )

  it('are answered as the message is now, take no quota and do not ask again who may write', async () => {
    const [a, b] = await aPair()
    const [id] = answered([await withKey(a, b)])
    await messaging.accept(b, a)
    await messaging.read(b, a)
    await age(a, '23 hours 59 minutes')
    await people.add('blocks', b, a)
    expect(await withKey(a, b, 'body', ONLY_ONE)).toMatchObject({
      outcome: 'repeated',
      message: { id, is_read: true },
    })
    expect(await usesOf(a)).toBe(1)
  })

  it('conflict when the body or the receiver is another', async () => {
    const [a, b] = await aPair()
    const c = await people.addUser()
    await withKey(a, b)
    expect(await withKey(a, b, 'other')).toEqual({ outcome: 'idempotency_conflict' })
    expect(await withKey(a, c)).toEqual({ outcome: 'idempotency_conflict' })
    expect(await withKey(c, b)).toMatchObject({ outcome: 'sent' })
    expect(await messaging.seen(a, c)).toEqual([])
    expect(await messaging.seen(a, b)).toHaveLength(1)
  })

  it('conflict when two receivers come at once, one of whom is written to', async () => {
    for (let round = 0; round < 10; round++) {
      const [a, b] = await aPair()
      const c = await people.addUser()
      const results = await Promise.all([withKey(a, b), withKey(a, c)])
      expect(results.map(({ outcome }) => outcome).sort()).toEqual(['idempotency_conflict', 'sent'])
    }
  })

  it('mean the same receiver by id and by name', async () => {
    const a = await people.addUser()
    const b = await people.addUser({ username: 'Keyed_Bea' })
    const [id] = answered([await withKey(a, b)])
    const again = { receiver: { username: 'keyed_bea' }, idempotency: { key: 'key', requestHash: 'body' } }
    expect(answered([await messaging.send(a, b, again)])).toEqual([id])
  })

  it('share their keys with tweets', async () => {
    const [a, b] = await aPair()
    const tweet = newPublication(a, 'hello', { idempotency: { key: 'key', requestHash: 'body' } })
    await insertTweets(db, tweet, AMPLE_QUOTA)
    expect(await withKey(a, b)).toEqual({ outcome: 'idempotency_conflict' })
    await withKey(b, a)
    const other = newPublication(b, 'hello', { idempotency: { key: 'key', requestHash: 'body' } })
    expect(await insertTweets(db, other, AMPLE_QUOTA)).toEqual({ outcome: 'idempotency_conflict' })
  })

  it('say so when the sender has deleted the message since', async () => {
    const [a, b] = await aPair()
    const [id] = answered([await withKey(a, b)])
    await messaging.hide(a, b, Number(id))
    expect(await withKey(a, b)).toEqual({ outcome: 'repeated', message: null })
    await messaging.hide(b, a, Number(id))
    for (let time = 0; time < 2; time++) {
      expect(await withKey(a, b)).toEqual({ outcome: 'repeated', message: null })
    }
  })
})

describe('an Idempotency-Key of a message', () => {
  it('is free again when it was refused', async () => {
    const [a, b] = await aPair()
    await messaging.send(a, b, {}, ONLY_ONE)
    expect(await withKey(a, b, 'body', ONLY_ONE)).toMatchObject({ outcome: 'rate_limited' })
    await people.add('blocks', b, a)
    expect(await withKey(a, b)).toEqual({ outcome: 'blocked' })
    expect(await withKey(a, a)).toEqual({ outcome: 'cannot_message_self' })
    expect(await keysOf(a)).toEqual([])
  })

  it('is kept when its repeat is refused', async () => {
    const [a, b] = await aPair()
    const [id] = answered([await withKey(a, b)])
    await withKey(a, b, 'other')
    await database.pool.query('update users set suspended_at = now() where id = $1', [a])
    expect(await withKey(a, b)).toEqual({ outcome: 'suspended' })
    expect(await keysOf(a)).toEqual([id])
  })

  it('is free again after 24 hours, for one of those who come then', async () => {
    const [a, b] = await aPair()
    await withKey(a, b)
    await age(a, '24 hours 1 second')
    const results = await Promise.all(times(10, () => withKey(a, b, 'other')))
    expect(await messaging.seen(a, b)).toHaveLength(2)
    expect(new Set(answered(results))).toEqual(new Set(await keysOf(a)))
    expect(await withKey(a, b)).toEqual({ outcome: 'idempotency_conflict' })
  })
})
