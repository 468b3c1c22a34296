import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { beginErasures } from '../../src/db/statements/account-erasure.ts'
import { deactivateAccount, findCredentials } from '../../src/db/statements/accounts.ts'
import { insertSession, rotateSession } from '../../src/db/statements/sessions.ts'
import { commitWarm } from '../../src/db/statements/timelines.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { deactivatedLongAgo } from './harness/erasure.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const HASH = 'the hash of the password'
const newcomer = (columns: Record<string, unknown> = {}) =>
  people.addUser({ password_hash: HASH, ...columns })
const session = (id = crypto.randomUUID()) => ({ id, tokenHash: 'token', userAgent: '' })
const signIn = (user: UserId, hash = HASH) => insertSession(db, user, hash, session())
/** What search is told of somebody who is gone, or there again. */
const searchedAnew = (user: UserId, revision: number) => [
  { id: expect.any(Number), queue: 'search', message: { type: 'user_changed', v: 1, user_id: user } },
  {
    id: expect.any(Number),
    queue: 'search',
    message: { type: 'tweets_of_changed', v: 1, user_id: user, before_id: null, revision },
  },
]
const waits = () => vi.waitFor(async () => expect(await somebodyWaits(people.pool)).toBe(true), 5_000)

async function stateOf(user: UserId): Promise<Record<string, unknown> | undefined> {
  const { rows } = await database.pool.query<Record<string, unknown>>(
    `select is_active, deactivated_at is not null as is_deactivated, revision,
            (select count(*)::int from sessions s where s.user_id = u.id and revoked_at is null) as sessions,
            (select count(*)::int from push_subscriptions p where p.user_id = u.id) as browsers
     from users u where id = $1`,
    [user],
  )
  return rows[0]
}

const ACTIVE = { is_active: true, is_deactivated: false }
const DEACTIVATED = { is_active: false, is_deactivated: true, sessions: 0, browsers: 0 }

describe('an account that its owner deactivates', () => {
  it('is gone at once, signed out everywhere, and pushed to nowhere, in one round trip', async () => {
    const user = await newcomer()
    const { id } = session()
    await insertSession(db, user, HASH, session(id))
    await signIn(user)
    await database.pool.query(
      `insert into push_subscriptions (user_id, session_id, endpoint, p256dh, auth) values ($1, $2, $3, '', '')`,
      [user, id, `https://push.example/${id}`],
    )
    const trips = await roundTripsOf(database, async () => {
      expect(await deactivateAccount(db, user, HASH)).toEqual([
        {
          id: expect.any(Number),
          queue: 'fan-out',
          message: { type: 'session_ended', v: 1, user_id: user, session_id: null, except_session_id: null },
        },
        ...searchedAnew(user, 2),
      ])
    })
    expect(trips).toBe(1)
    expect(await stateOf(user)).toEqual({ ...DEACTIVATED, revision: 2 })
    expect(
      await rotateSession(db, { sessionId: id, userId: user, tokenHash: 'token', successorHash: 'next' }),
    ).toBeNull()
    expect(await commitWarm(db, user, 1)).toBeNull()
    // Again, it changes nothing.
    expect(await deactivateAccount(db, user, HASH)).toBeNull()
    expect(await stateOf(user)).toEqual({ ...DEACTIVATED, revision: 2 })
  })

  it.each([
    ['the password is another by now', { password_hash: 'another' }],
    ['it is suspended', { suspended_at: new Date() }],
  ])('is let be when %s', async (_, columns) => {
    const user = await newcomer(columns)
    expect(await deactivateAccount(db, user, HASH)).toBeNull()
    expect(await stateOf(user)).toMatchObject({ ...ACTIVE, revision: 1 })
  })

  it('waits for who is signing in, and signs them out', async () => {
    const user = await newcomer()
    let deactivated: Promise<unknown> = Promise.resolve()
    const signingIn = [
      { text: 'select from users where id = $1 for share', values: [user] },
      {
        text: `insert into sessions (id, user_id, token_hash, expires_at) values ($2, $1, '', now() + interval '1 day')`,
        values: [user, crypto.randomUUID()],
      },
    ]
    await inTransaction(people.pool, signingIn, async () => {
      deactivated = deactivateAccount(db, user, HASH)
      await waits()
    })
    expect(await deactivated).not.toBeNull()
    expect(await stateOf(user)).toMatchObject(DEACTIVATED)
  })
})

describe('signing in', () => {
  it('makes an account active again that its owner had deactivated', async () => {
    const user = await newcomer()
    await deactivateAccount(db, user, HASH)
    expect(await findCredentials(db, { id: user })).toMatchObject({ is_active: false, is_deactivated: true })
    const started = await signIn(user)
    expect(started?.expires_at_ms).toBeGreaterThan(Date.now())
    expect(started?.outbox).toEqual(searchedAnew(user, 3))
    expect(await stateOf(user)).toEqual({ ...ACTIVE, revision: 3, sessions: 1, browsers: 0 })
    expect((await signIn(user))?.outbox).toEqual([])
  })

  it('several times at once makes it active once, and refuses nobody who tries again', async () => {
    const user = await newcomer()
    await deactivateAccount(db, user, HASH)
    const tries = await Promise.all(
      Array.from({ length: 8 }, async () => (await signIn(user)) ?? (await signIn(user))),
    )
    expect(tries.every((started) => started !== null)).toBe(true)
    expect(tries.flatMap((started) => started?.outbox ?? [])).toHaveLength(2)
    expect(await stateOf(user)).toEqual({ ...ACTIVE, revision: 3, sessions: 8, browsers: 0 })
  })

  it.each([
    ['that was closed by other means', { is_active: false }, HASH],
    [
      'that is suspended, too',
      { is_active: false, deactivated_at: new Date(), suspended_at: new Date() },
      HASH,
    ],
    ['with another password', { is_active: false, deactivated_at: new Date() }, 'another'],
  ])('brings no account back %s', async (_, columns, hash) => {
    const user = await newcomer(columns)
    expect(await signIn(user, hash)).toBeNull()
    expect(await stateOf(user)).toMatchObject({ is_active: false, sessions: 0, revision: 1 })
  })
})

describe('erasing', () => {
  const begun = async () => (await beginErasures(db, 100)).map(({ message }) => message)
  const ofUser = (user: UserId) => ({ type: 'erase_account', v: 1, user_id: user, part: 'timeline', nth: 0 })

  it('begins 30 days later, and with it the name and the address are free again', async () => {
    const [lately, byOthers, user] = [
      await newcomer(),
      await newcomer({ is_active: false }),
      await newcomer(),
    ]
    await deactivateAccount(db, lately, HASH)
    await database.pool.query(
      `update users set deactivated_at = now() - interval '29 days 23 hours' where id = $1`,
      [lately],
    )
    await deactivatedLongAgo(database.pool, user)
    const { rows } = await database.pool.query<{ username: string; email: string }>(
      'select username, email from users where id = $1',
      [user],
    )
    expect(await begun()).toEqual([ofUser(user)])
    expect(await begun()).toEqual([])
    expect(await stateOf(byOthers)).toMatchObject({ revision: 1 })
    const [{ username, email } = { username: '', email: '' }] = rows
    await people.addUser({ username, email })
    for (const ref of [{ id: user }, { username: `~${user}` }, { email: `~${user}` }]) {
      expect(await findCredentials(db, ref)).toBeNull()
    }
    expect(await signIn(user, '')).toBeNull()
  })

  it('does not begin while the account is suspended', async () => {
    const user = await newcomer({ suspended_at: new Date() })
    await deactivatedLongAgo(database.pool, user)
    expect(await begun()).toEqual([])
    await database.pool.query('update users set suspended_at = null where id = $1', [user])
    expect(await begun()).toEqual([ofUser(user)])
  })

  it('passes over whoever is just coming back', async () => {
    const user = await newcomer()
    await deactivatedLongAgo(database.pool, user)
    const comingBack = [
      {
        text: 'update users set is_active = true, deactivated_at = null where id = $1',
        values: [user],
      },
    ]
    await inTransaction(people.pool, comingBack, async () => {
      expect(await begun()).toEqual([])
    })
    expect(await begun()).toEqual([])
    expect(await stateOf(user)).toMatchObject(ACTIVE)
  })

  it('is waited for by who signs in too late: nothing is there any more', async () => {
    const user = await newcomer()
    await deactivatedLongAgo(database.pool, user)
    let late: ReturnType<typeof signIn> = Promise.resolve(null)
    const beginning = [
      {
        text: `update users set password_hash = '', deactivated_at = null, username = '~' || id, email = '~' || id where id = $1`,
        values: [user],
      },
    ]
    await inTransaction(people.pool, beginning, async () => {
      late = signIn(user)
      await waits()
    })
    await expect(late).resolves.toBeNull()
    expect(await stateOf(user)).toMatchObject({ is_active: false, sessions: 0 })
  })

  it('and coming back at once: one of the two has it', async () => {
    for (let round = 0; round < 10; round++) {
      const user = await newcomer()
      await deactivatedLongAgo(database.pool, user)
      const [signedIn, messages] = await Promise.all([signIn(user), begun()])
      const state = await stateOf(user)
      expect([signedIn !== null, messages.length, state?.is_active]).toEqual(
        signedIn === null ? [false, 1, false] : [true, 0, true],
      )
    }
  })
})
