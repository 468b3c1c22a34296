import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { takeDueOutboxRows } from '../../src/db/statements/outbox.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'

let database: TestDatabase
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

beforeEach(async () => {
  await database.pool.query('truncate outbox restart identity; truncate cron_state')
})

/** Rows that have been due since then. */
async function owe(count: number, dueSeconds = 1): Promise<void> {
  await database.pool.query(
    `insert into outbox (queue, message, next_attempt_at, created_at)
     select 'fan-out', jsonb_build_object('n', n), now() - make_interval(secs => $2), now() - make_interval(secs => $2 + 30)
     from generate_series(1, $1) n`,
    [count, dueSeconds],
  )
}

const relay = (batch = 1000, backlog = 10_000) => takeDueOutboxRows(db, { batch, backlog })

describe('the relay', () => {
  it('takes what is due and leaves what is not', async () => {
    await owe(3)
    await owe(2, -60)
    expect((await relay()).rows).toHaveLength(3)
    expect((await relay()).rows).toEqual([])
  })

  it('doubles the time to the next attempt, up to an hour', async () => {
    await owe(1)
    const waits: number[] = []
    for (let attempt = 0; attempt < 9; attempt++) {
      await relay()
      const { rows } = await database.pool.query<{ wait: number }>(
        'select round(extract(epoch from next_attempt_at - now()))::int as wait from outbox',
      )
      waits.push(rows[0]?.wait ?? 0)
      await database.pool.query('update outbox set next_attempt_at = now()')
    }
    expect(waits).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
  })

  it('takes each row once however many relays run at once', async () => {
    await owe(200)
    const runs = await Promise.all(Array.from({ length: 8 }, () => relay(40)))
    const taken = runs.flatMap(({ rows }) => rows.map(({ id }) => id))
    expect(new Set(taken).size).toBe(taken.length)
    for (let rest = await relay(40); rest.rows.length > 0; rest = await relay(40)) {
      taken.push(...rest.rows.map(({ id }) => id))
    }
    expect(new Set(taken).size).toBe(200)
    expect(taken).toHaveLength(200)
  })

  it('leaves dead rows alone', async () => {
    await owe(2)
    await database.pool.query('update outbox set dead_at = now() where id = 1')
    expect((await relay()).rows.map(({ id }) => id)).toEqual([2])
  })

  it('pauses on a backlog that consumers work off, and does not on a loss', async () => {
    await owe(120)
    expect((await relay(10, 50)).paused).toBe(false)
    // What the relay had not sent again is done all the same: consumers are at work.
    await database.pool.query('delete from outbox where id between 11 and 15')
    expect(await relay(1000, 50)).toMatchObject({ paused: true, rows: [] })
    // Nothing was done since: whoever should have is gone.
    const loss = await relay(1000, 50)
    expect(loss.paused).toBe(false)
    expect(loss.rows).toHaveLength(105)
  })

  it('does not pause for a few rows', async () => {
    await owe(20)
    await relay()
    await database.pool.query('delete from outbox where id = 1; update outbox set next_attempt_at = now()')
    expect((await relay(1000, 50)).rows).toHaveLength(19)
  })
})
