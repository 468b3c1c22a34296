import { neon } from '@neondatabase/serverless'
import { describe, expect, it } from 'vitest'
import { createDatabase } from '../../tools/stack/databases.ts'
import { startNeonEndpoint } from '../../tools/stack/neon-endpoint.ts'
import { failureOf, sendStatementsTo, tableOf, withNeonServer } from './harness/neon.ts'

const server = withNeonServer()
const driver = (url = server().postgres.urlOf()) => neon(url)

describe('a single query', () => {
  it('answers rows as objects, with the command and the row count', async () => {
    const sql = neon(server().postgres.urlOf(), { fullResults: true })
    const result = await sql`select n, n * 2 as double from generate_series(1, 2) as n`
    expect(result).toMatchObject({ command: 'SELECT', rowCount: 2 })
    expect(result.rows).toEqual([
      { n: 1, double: 2 },
      { n: 2, double: 4 },
    ])
  })

  it('keeps both of two columns of one name in array mode', async () => {
    const sql = neon(server().postgres.urlOf(), { arrayMode: true })
    expect(await sql`select 1 as n, 2 as n`).toEqual([[1, 2]])
  })

  it('is one statement: a second one behind a semicolon is refused', async () => {
    expect((await failureOf(driver().query('select 1; select 2'))).code).toBe('42601')
  })

  it('goes to the database that the connection string names', async () => {
    await createDatabase(server().postgres.urlOf(), 'another database')
    const sql = driver(server().postgres.urlOf('another%20database'))
    expect(await sql`select current_database() as name`).toEqual([{ name: 'another database' }])
    expect(await driver()`select current_database() as name`).toEqual([{ name: 'warbler' }])
  })
})

describe('values', () => {
  const moment = new Date('2026-02-03T04:05:06.789Z')
  const cases: { type: string; sent: unknown; received: unknown }[] = [
    { type: 'bigint', sent: '9007199254740993', received: '9007199254740993' },
    { type: 'bigint', sent: Number.MAX_SAFE_INTEGER, received: '9007199254740991' },
    { type: 'integer', sent: -7, received: -7 },
    { type: 'numeric', sent: '12345678901234567890.123456789', received: '12345678901234567890.123456789' },
    { type: 'double precision', sent: 0.1, received: 0.1 },
    { type: 'boolean', sent: true, received: true },
    { type: 'boolean', sent: false, received: false },
    { type: 'text', sent: 'naïve "quotes" \\ 🐦\n日本', received: 'naïve "quotes" \\ 🐦\n日本' },
    { type: 'text', sent: '', received: '' },
    { type: 'text', sent: null, received: null },
    { type: 'timestamptz', sent: moment, received: moment },
    { type: 'timestamptz', sent: '2026-02-03 05:05:06.789+01', received: moment },
    {
      type: 'jsonb',
      sent: { a: [1, null, 'x'], b: { c: true } },
      received: { a: [1, null, 'x'], b: { c: true } },
    },
    { type: 'jsonb', sent: '"text"', received: 'text' },
    { type: 'text[]', sent: ['a,b', '"q"', null, ''], received: ['a,b', '"q"', null, ''] },
    { type: 'bigint[]', sent: ['9007199254740993', 2], received: ['9007199254740993', '2'] },
    { type: 'integer[]', sent: [], received: [] },
    { type: 'jsonb[]', sent: [{ a: 1 }, { b: [2] }], received: [{ a: 1 }, { b: [2] }] },
    { type: 'bytea', sent: Buffer.from([0, 1, 0xfe, 0xff]), received: Buffer.from([0, 1, 0xfe, 0xff]) },
    {
      type: 'uuid',
      sent: '00000000-0000-4000-8000-000000000001',
      received: '00000000-0000-4000-8000-000000000001',
    },
  ]

  it.for(cases)('of $type go through a column and back: $sent', async ({ type, sent, received }) => {
    const table = await tableOf(server(), `value ${type}`)
    const [inserted] = await driver().query(`insert into ${table} values ($1) returning value`, [sent])
    const [selected] = await driver().query(
      `select value from ${table} where value is not distinct from $1`,
      [sent],
    )
    expect(inserted).toEqual({ value: received })
    expect(selected).toEqual({ value: received })
  })

  it('are compared by code point and in UTC, as on Neon', async () => {
    const sql = driver()
    expect(await sql`select 'Z' < 'a' as "byCodePoint", upper('ß é') as upper`).toEqual([
      { byCodePoint: true, upper: 'ß É' },
    ])
    expect(await sql`select current_setting('timezone') as zone`).toEqual([{ zone: 'UTC' }])
  })
})

describe('a transaction', () => {
  it('answers the results of its queries in order', async () => {
    const table = await tableOf(server(), 'n int')
    const sql = driver()
    const results = await sql.transaction([
      sql.query(`insert into ${table} values (1), (2)`),
      sql.query(`select sum(n) as sum from ${table}`),
    ])
    expect(results).toEqual([[], [{ sum: '3' }]])
  })

  it('is rolled back whole when a query fails', async () => {
    const table = await tableOf(server(), 'n int primary key')
    const sql = driver()
    const insert = () => sql.query(`insert into ${table} values (1)`)
    expect((await failureOf(sql.transaction([insert(), insert()]))).code).toBe('23505')
    expect(await sql.query(`select * from ${table}`)).toEqual([])
  })

  it('is rolled back when only the commit fails', async () => {
    const table = await tableOf(server(), 'n int unique deferrable initially deferred')
    const sql = driver()
    const insert = () => sql.query(`insert into ${table} values (1)`)
    expect((await failureOf(sql.transaction([insert(), insert()]))).code).toBe('23505')
    expect(await sql.query(`select * from ${table}`)).toEqual([])
  })

  it.for([
    ['ReadUncommitted', 'read uncommitted'],
    ['ReadCommitted', 'read committed'],
    ['RepeatableRead', 'repeatable read'],
    ['Serializable', 'serializable'],
  ] as const)('runs at the isolation level %s when asked', async ([isolationLevel, name]) => {
    const sql = driver()
    const query = sql`select current_setting('transaction_isolation') as level`
    expect(await sql.transaction([query], { isolationLevel })).toEqual([[{ level: name }]])
  })

  it('writes nothing when asked to be read only', async () => {
    const table = await tableOf(server(), 'n int')
    const sql = driver()
    const options = { isolationLevel: 'Serializable', readOnly: true, deferrable: true } as const
    const failure = await failureOf(sql.transaction([sql.query(`insert into ${table} values (1)`)], options))
    expect(failure.code).toBe('25006')
  })

  it('leaves its connection usable after an error', async () => {
    const sql = driver()
    for (let round = 0; round < 30; round++) {
      expect((await failureOf(sql.transaction([sql`select 1 / 0`]))).code).toBe('22012')
    }
    expect(await sql`select 1 as n`).toEqual([{ n: 1 }])
  })
})

describe('an error', () => {
  it("carries Postgres' own fields", async () => {
    const table = await tableOf(
      server(),
      'n int, constraint only_positive check (n > 0), constraint single unique (n)',
    )
    const insert = (n: number) => driver().query(`insert into ${table} values ($1)`, [n])
    await insert(1)
    expect(await failureOf(insert(1))).toMatchObject({
      message: 'duplicate key value violates unique constraint "single"',
      severity: 'ERROR',
      code: '23505',
      detail: 'Key (n)=(1) already exists.',
      schema: 'public',
      table,
      constraint: 'single',
    })
    expect(await failureOf(insert(-1))).toMatchObject({ code: '23514', constraint: 'only_positive' })
  })

  it('tells where in the statement it is', async () => {
    expect(await failureOf(driver()`select nothing from nowhere`)).toMatchObject({
      code: '42P01',
      position: '21',
    })
  })

  it('says that a statement took too long', async () => {
    const hasty = await startNeonEndpoint({ databaseUrl: server().postgres.urlOf(), statementTimeoutMs: 50 })
    sendStatementsTo(hasty)
    try {
      expect((await failureOf(driver()`select pg_sleep(30)`)).code).toBe('57014')
    } finally {
      await hasty.stop()
    }
  })

  it.for(['{"query": ', '[]', '{"query": 7}', '{"queries": [{}]}', ''])(
    'answers 400 to the body %j',
    async (body) => {
      const response = await fetch(server().endpoint.url, { method: 'POST', body })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ message: expect.stringContaining('body') })
    },
  )
})
