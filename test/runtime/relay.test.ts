import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import { array, type Db, query } from '../../src/db/client.ts'
import { settleOutbox, takeDueOutboxRows } from '../../src/db/statements/outbox.ts'
import { relayOutbox } from '../../src/services/relay-outbox.ts'
import { testDeps } from './harness.ts'
import { createOwnDatabase } from './own-database.ts'
import { range } from './stores.ts'

const NO_BACKLOG = 1_000_000

let db: Db

beforeEach(async () => {
  db = await createOwnDatabase()
})

/** Rows that became due one second after the other, the last of them just now. Answers their ids in that order. */
async function insertDue(count: number): Promise<number[]> {
  const inserted = await query<{ id: number }>(
    db,
    sql`
    insert into outbox (queue, message, next_attempt_at)
    select 'fan-out', '{}', now() - make_interval(secs => ${count}::int - n) from generate_series(1, ${count}::int) n
    returning id::float8 as id`,
  )
  return inserted.map(({ id }) => id).sort((a, b) => a - b)
}

const idsOf = (rows: readonly OutboxRow[]) => rows.map(({ id }) => id)

describe('taking due rows', () => {
  it('takes the longest due first, at most a batch, and neither what is not due nor what is dead', async () => {
    const [first = 0, second = 0, third = 0, dead = 0, later = 0] = await insertDue(5)
    await query(db, sql`update outbox set dead_at = now() where id = ${dead}`)
    await query(db, sql`update outbox set next_attempt_at = now() + interval '1 second' where id = ${later}`)
    const take = () => takeDueOutboxRows(db, { batch: 2, backlog: NO_BACKLOG })
    expect(await take()).toMatchObject({ due: 3, paused: false, rows: [{ id: first }, { id: second }] })
    expect(await take()).toMatchObject({ due: 1, rows: [{ id: third, queue: 'fan-out', message: {} }] })
    expect(await take()).toMatchObject({ due: 0, rows: [], oldestAgeSeconds: 0 })
  })

  it('waits twice as long each time, from a minute to an hour, however often it was in vain', async () => {
    const [id = 0] = await insertDue(1)
    const waits: number[] = []
    for (const _attempt of range(1, 8)) {
      await query(db, sql`update outbox set next_attempt_at = now()`)
      await takeDueOutboxRows(db, { batch: 1, backlog: NO_BACKLOG })
      const [row] = await query<{ wait: number }>(
        db,
        sql`select extract(epoch from next_attempt_at - now())::float8 as wait from outbox where id = ${id}`,
      )
      waits.push(Math.round((row?.wait ?? 0) / 60))
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
    await query(db, sql`update outbox set next_attempt_at = now(), attempts = 1000`)
    expect((await takeDueOutboxRows(db, { batch: 1, backlog: NO_BACKLOG })).rows).toHaveLength(1)
  })

  it('takes each row once for relays at the same time', async () => {
    const due = await insertDue(400)
    const runs = await Promise.all(
      range(1, 8).map(() => takeDueOutboxRows(db, { batch: 50, backlog: NO_BACKLOG })),
    )
    const taken = runs.flatMap(({ rows }) => idsOf(rows)).sort((a, b) => a - b)
    expect(taken).toEqual([...new Set(taken)])
    expect(taken.length).toBeGreaterThanOrEqual(50)
    const rest = await takeDueOutboxRows(db, { batch: 400, backlog: NO_BACKLOG })
    expect([...taken, ...idsOf(rest.rows)].sort((a, b) => a - b)).toEqual(due)
  })
})

describe('many due rows', () => {
  const LIMITS = { batch: 5, backlog: 10 }
  const take = () => takeDueOutboxRows(db, LIMITS)

  it('are a backlog when others than those sent again get done: the relay pauses until that stops', async () => {
    const due = await insertDue(40)
    expect(idsOf((await take()).rows)).toEqual(due.slice(0, 5))
    for (const done of [8, 14]) {
      await settleOutbox(db, 'fan-out', due.slice(0, done), [])
      expect(await take()).toMatchObject({ paused: true, rows: [] })
    }
    expect(await take()).toMatchObject({ paused: false, rows: due.slice(14, 19).map((id) => ({ id })) })
  })

  it('are a loss when only those sent again get done: the relay goes on', async () => {
    const due = await insertDue(40)
    const sent: number[] = []
    while (sent.length < due.length) {
      const { rows, paused } = await take()
      expect([paused, rows.length]).toEqual([false, LIMITS.batch])
      sent.push(...idsOf(rows))
      await settleOutbox(db, 'fan-out', idsOf(rows), [])
    }
    expect(sent).toEqual(due)
  })

  it('are neither below the limit', async () => {
    const due = await insertDue(15)
    expect((await take()).rows).toHaveLength(5)
    await settleOutbox(db, 'fan-out', due.slice(0, 7), [])
    expect(await take()).toMatchObject({
      due: 8,
      paused: false,
      rows: due.slice(7, 12).map((id) => ({ id })),
    })
  })
})

describe('the relay', () => {
  it('sends all that is due, in batches, each row once', async () => {
    const due = await insertDue(2_300)
    const deps = testDeps({ db })
    expect(await relayOutbox(deps)).toBe(2_300)
    expect(idsOf(deps.sent).sort((a, b) => a - b)).toEqual(due)
    expect(await relayOutbox(deps)).toBe(0)
  })

  it('lays aside what names no queue, and sends the rest', async () => {
    const [odd = 0, ...others] = await insertDue(3)
    await query(db, sql`update outbox set queue = 'unknown' where id = ${odd}`)
    const deps = testDeps({ db })
    await relayOutbox(deps)
    expect(idsOf(deps.sent)).toEqual(others)
    const letters = await query(
      db,
      sql`select queue, outbox_id::float8 as outbox_id, error from dead_letters`,
    )
    expect(letters).toEqual([{ queue: 'unknown', outbox_id: odd, error: 'no such queue' }])
    await query(db, sql`update outbox set next_attempt_at = now()`)
    await relayOutbox(deps)
    expect(idsOf(deps.sent)).toEqual([...others, ...others])
  })

  it('sends again later what could not be sent', async () => {
    const [id = 0] = await insertDue(1)
    const broken = testDeps({
      db,
      queues: { sendOutbox: () => Promise.reject(new Error('The queue is away')), sendFold: async () => {} },
    })
    await expect(relayOutbox(broken)).rejects.toThrow('The queue is away')
    const deps = testDeps({ db })
    expect(await relayOutbox(deps)).toBe(0)
    await query(db, sql`update outbox set next_attempt_at = now() where id = any(${array([id], 'bigint')})`)
    await relayOutbox(deps)
    expect(idsOf(deps.sent)).toEqual([id])
  })
})
