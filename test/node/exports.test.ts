import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import {
  claimExport,
  deleteExports,
  deleteExportsOf,
  type ExportRequested,
  failExport,
  finishExport,
  insertExport,
  readArchiveBytes,
  readExpiredExports,
  readExport,
  releaseExport,
} from '../../src/db/statements/exports.ts'
import { storeDeadLetters, takeDueOutboxRows } from '../../src/db/statements/outbox.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { until } from '../../tools/stack/until.ts'
import { type Community, communityIn, inTransaction, somebodyWaits } from './harness/community.ts'
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

const LEASE_SECONDS = 60
const DAY_MS = 86_400_000
const request = (user: UserId) => insertExport(db, user, crypto.randomUUID())
const claim = (outboxId: number, attempt = crypto.randomUUID()) =>
  claimExport(db, outboxId, attempt, LEASE_SECONDS)

/** The id of the outbox row that a request left. */
function owedBy(requested: ExportRequested): number {
  const [row] = requested.outcome === 'requested' ? requested.outbox : []
  if (row === undefined) throw new Error(`Nothing is owed: ${JSON.stringify(requested)}`)
  return row.id
}

/** Somebody whose export is pending. */
async function pending(): Promise<{ user: UserId; outboxId: number }> {
  const user = await people.addUser()
  return { user, outboxId: owedBy(await request(user)) }
}

/** Somebody whose export is ready. */
async function ready(): Promise<{ user: UserId; id: string; outboxId: number }> {
  const { user, outboxId } = await pending()
  const id = crypto.randomUUID()
  await claim(outboxId, id)
  expect(await finishExport(db, outboxId, id, 1234)).toBe(true)
  return { user, id, outboxId }
}

/** Puts what happened so far to somebody's exports into the past. */
async function age(user: UserId, ms: number): Promise<void> {
  await database.pool.query(
    `update exports
     set created_at = created_at - $2 * interval '1 ms', finished_at = finished_at - $2 * interval '1 ms',
         expires_at = expires_at - $2 * interval '1 ms'
     where user_id = $1`,
    [user, ms],
  )
  await database.pool.query(
    `update outbox set created_at = created_at - $2 * interval '1 ms' where (message ->> 'user_id')::bigint = $1`,
    [user, ms],
  )
}

async function isOwed(outboxId: number): Promise<boolean> {
  const { rowCount } = await database.pool.query('select from outbox where id = $1', [outboxId])
  return rowCount === 1
}

describe('asking for an export', () => {
  it('begins one, and owes its writing', async () => {
    const user = await people.addUser()
    expect(await readExport(db, user)).toBeNull()
    const asked = await request(user)
    expect(asked).toMatchObject({
      outcome: 'requested',
      export: { state: 'pending', expires_at_ms: null, bytes: null },
      outbox: [{ queue: 'exports', message: { type: 'export', v: 1, user_id: user } }],
    })
    expect(await readExport(db, user)).toEqual(asked.outcome === 'requested' ? asked.export : null)
  })

  it('answers the one that is pending, and owes nothing more', async () => {
    const { user } = await pending()
    const before = await readExport(db, user)
    expect(await request(user)).toEqual({ outcome: 'requested', export: before, outbox: [] })
  })

  it('answers the archive that is there until it expires, then begins anew', async () => {
    const { user, id } = await ready()
    expect(await request(user)).toMatchObject({ export: { id, state: 'ready', bytes: 1234 }, outbox: [] })
    await age(user, DAY_MS - 60_000)
    expect(await request(user)).toMatchObject({ export: { id, state: 'ready' }, outbox: [] })
    await age(user, 120_000)
    expect(await readExport(db, user)).toBeNull()
    expect(await request(user)).toMatchObject({ export: { state: 'pending' }, outbox: [{}] })
  })

  it('begins one however many ask at once', async () => {
    const user = await people.addUser()
    const asked = await Promise.all(Array.from({ length: 8 }, () => request(user)))
    expect(new Set(asked.map((one) => one.outcome === 'requested' && one.export.id)).size).toBe(1)
    expect(asked.flatMap((one) => (one.outcome === 'requested' ? one.outbox : []))).toHaveLength(1)
  })

  it('waits for whoever is just asking, and then answers theirs', async () => {
    const user = await people.addUser()
    const id = crypto.randomUUID()
    let second: ReturnType<typeof request> | undefined
    const first = [
      { text: `select pg_advisory_xact_lock(hashtextextended('exports:' || $1::bigint, 0))`, values: [user] },
      { text: 'insert into exports (id, user_id) values ($1, $2)', values: [id, user] },
    ]
    await inTransaction(database.pool, first, async () => {
      second = request(user)
      expect(await until(() => somebodyWaits(database.pool), { withinMs: 10_000 })).toBe(true)
    })
    expect(await second).toMatchObject({ outcome: 'requested', export: { id }, outbox: [] })
  })

  it('begins anew after a failure, three times a day', async () => {
    const user = await people.addUser()
    for (let n = 0; n < 3; n++) {
      const outboxId = owedBy(await request(user))
      const attempt = crypto.randomUUID()
      await claim(outboxId, attempt)
      expect(await failExport(db, outboxId, attempt)).toBe(true)
      expect(await isOwed(outboxId)).toBe(false)
      expect(await readExport(db, user)).toMatchObject({ state: 'failed', expires_at_ms: null, bytes: null })
    }
    const refused = await request(user)
    if (refused.outcome !== 'rate_limited') throw new Error(`Not refused: ${refused.outcome}`)
    expect(refused.retry_after_seconds).toBeGreaterThan(86_000)
    expect(refused.retry_after_seconds).toBeLessThanOrEqual(86_400)
    await age(user, DAY_MS)
    expect(await request(user)).toMatchObject({ outcome: 'requested', export: { state: 'pending' } })
  })

  it.each([
    ['unauthenticated', { is_active: false }],
    ['suspended', { suspended_at: new Date() }],
  ])('is refused: %s', async (outcome, columns) => {
    const user = await people.addUser(columns)
    expect(await request(user)).toEqual({ outcome })
    expect(await readExport(db, user)).toBeNull()
  })
})

describe('writing an export', () => {
  it('is one’s who claims it, until the lease is over', async () => {
    const { user, outboxId } = await pending()
    const [first, second] = [crypto.randomUUID(), crypto.randomUUID()]
    const before = await readExport(db, user)
    expect(await claim(outboxId, first)).toEqual({ outcome: 'claimed', previous: before?.id })
    expect(await claim(outboxId, second)).toEqual({ outcome: 'held' })
    expect(await readExport(db, user)).toMatchObject({ id: first, state: 'pending', expires_at_ms: null })
    await age(user, LEASE_SECONDS * 1000)
    expect(await claim(outboxId, second)).toEqual({ outcome: 'claimed', previous: first })
  })

  it('is one’s alone, however many claim it at once', async () => {
    const { outboxId } = await pending()
    const claims = await Promise.all(Array.from({ length: 8 }, () => claim(outboxId)))
    expect(claims.map(({ outcome }) => outcome).toSorted()).toEqual(['claimed', ...Array(7).fill('held')])
  })

  it.each([
    ['claiming', 'held', `id = gen_random_uuid(), expires_at = now() + interval '1 hour'`],
    ['finishing', 'gone', `state = 'ready', expires_at = now() + interval '1 day'`],
  ])('waits for whoever is just %s it: then it is %s', async (_, outcome, change) => {
    const { user, outboxId } = await pending()
    let second: ReturnType<typeof claim> | undefined
    const first = { text: `update exports set ${change} where user_id = $1`, values: [user] }
    await inTransaction(database.pool, [first], async () => {
      second = claim(outboxId)
      expect(await until(() => somebodyWaits(database.pool), { withinMs: 10_000 })).toBe(true)
    })
    expect(await second).toEqual({ outcome })
  })

  it('is finished by the newest attempt alone', async () => {
    const { user, outboxId } = await pending()
    const [first, second] = [crypto.randomUUID(), crypto.randomUUID()]
    await claim(outboxId, first)
    await age(user, LEASE_SECONDS * 1000)
    await claim(outboxId, second)
    expect(await finishExport(db, outboxId, first, 1)).toBe(false)
    expect(await failExport(db, outboxId, first)).toBe(false)
    expect(await isOwed(outboxId)).toBe(true)
    expect(await finishExport(db, outboxId, second, 2)).toBe(true)
    expect(await finishExport(db, outboxId, second, 3)).toBe(false)
    expect(await readExport(db, user)).toMatchObject({ id: second, state: 'ready', bytes: 2 })
    expect(await isOwed(outboxId)).toBe(false)
    expect(await claim(outboxId)).toEqual({ outcome: 'gone' })
  })

  it('can be given back, and begun by another at once', async () => {
    const { outboxId } = await pending()
    const first = crypto.randomUUID()
    await claim(outboxId, first)
    await releaseExport(db, first)
    expect(await claim(outboxId)).toEqual({ outcome: 'claimed', previous: first })
  })

  it('is not asked for again by the relay while somebody has it', async () => {
    const { user, outboxId } = await pending()
    await database.pool.query(`update outbox set next_attempt_at = now() where id = $1`, [outboxId])
    await claim(outboxId)
    const due = async () => {
      const { rows } = await takeDueOutboxRows(db, { batch: 1000, backlog: 10_000 })
      return rows.some(({ id }) => id === outboxId)
    }
    expect(await due()).toBe(false)
    await database.pool.query(
      `update outbox set next_attempt_at = next_attempt_at - $2 * interval '1 s' where id = $1`,
      [outboxId, LEASE_SECONDS],
    )
    await age(user, LEASE_SECONDS * 1000)
    expect(await due()).toBe(true)
  })

  it('has failed once its message is a dead letter, and no other export has', async () => {
    const { user, outboxId } = await pending()
    const other = await pending()
    const letter = { queue: 'exports', outboxId, message: {}, error: 'every delivery failed' }
    await Promise.all([storeDeadLetters(db, [letter]), storeDeadLetters(db, [letter])])
    expect(await readExport(db, user)).toMatchObject({ state: 'failed' })
    expect(await readExport(db, other.user)).toMatchObject({ state: 'pending' })
    expect(await claim(outboxId)).toEqual({ outcome: 'gone' })

    // A copy of the message that comes later is not about the next export.
    const next = owedBy(await request(user))
    await storeDeadLetters(db, [letter])
    expect(await readExport(db, user)).toMatchObject({ state: 'pending' })
    expect(await claim(outboxId)).toEqual({ outcome: 'gone' })
    expect(await claim(next)).toMatchObject({ outcome: 'claimed' })
  })
})

describe('an archive', () => {
  it('can be downloaded by who names its owner and its id, until it expires', async () => {
    const { user, id } = await ready()
    const stranger = await people.addUser()
    expect(await readArchiveBytes(db, { id, user_id: user })).toBe(1234)
    expect(await readArchiveBytes(db, { id, user_id: stranger })).toBeNull()
    expect(await readArchiveBytes(db, { id: crypto.randomUUID(), user_id: user })).toBeNull()
    await age(user, DAY_MS)
    expect(await readArchiveBytes(db, { id, user_id: user })).toBeNull()
  })

  it('cannot while it is written', async () => {
    const { user, outboxId } = await pending()
    const id = crypto.randomUUID()
    await claim(outboxId, id)
    expect(await readArchiveBytes(db, { id, user_id: user })).toBeNull()
  })

  it.each(['is_active = false', 'suspended_at = now()'])('cannot once its owner has %s', async (change) => {
    const { user, id } = await ready()
    await database.pool.query(`update users set ${change} where id = $1`, [user])
    expect(await readArchiveBytes(db, { id, user_id: user })).toBeNull()
  })

  it('is listed once it has expired, those that are being written never', async () => {
    const [old, fresh, { user: writing, outboxId }] = [await ready(), await ready(), await pending()]
    await claim(outboxId)
    for (const user of [old.user, writing]) await age(user, 10 * DAY_MS)
    const expired = (await readExpiredExports(db, 1_000)).map(({ id }) => id)
    expect(expired).toContain(old.id)
    expect(expired).not.toContain(fresh.id)
    await deleteExports(db, [...expired, fresh.id])
    expect(await readExport(db, fresh.user)).toMatchObject({ id: fresh.id })
    expect((await readExport(db, writing))?.state).toBe('pending')
    expect(await readExpiredExports(db, 1_000)).toEqual([])
  })

  it('that is being written when its owner’s are deleted is nobody’s', async () => {
    const { user, outboxId } = await pending()
    const id = crypto.randomUUID()
    await claim(outboxId, id)
    await deleteExportsOf(db, user)
    expect(await finishExport(db, outboxId, id, 1)).toBe(false)
    expect(await readExport(db, user)).toBeNull()

    // Nor is what is still owed about the next one.
    await request(user)
    expect(await claim(outboxId)).toEqual({ outcome: 'gone' })
    await storeDeadLetters(db, [{ queue: 'exports', outboxId, message: {}, error: 'every delivery failed' }])
    expect(await readExport(db, user)).toMatchObject({ state: 'pending' })
  })
})
