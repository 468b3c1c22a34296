import { createConnection } from 'node:net'
import { networkInterfaces } from 'node:os'
import { NeonDbError, neon, neonConfig } from '@neondatabase/serverless'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createDatabase } from '../../tools/stack/databases.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../tools/stack/embedded-postgres.ts'
import { type NeonEndpoint, startNeonEndpoint } from '../../tools/stack/neon-endpoint.ts'
import { until } from '../../tools/stack/until.ts'
import { type TemporaryFolder, temporaryFolder } from './harness/temporary-folder.ts'

let folder: TemporaryFolder
let postgres: EmbeddedPostgres
let endpoint: NeonEndpoint

beforeAll(async () => {
  folder = await temporaryFolder()
  postgres = await startEmbeddedPostgres({ dataDir: folder.path, durable: false })
  endpoint = await startNeonEndpoint({ databaseUrl: postgres.urlOf(), faults: true })
})

beforeEach(() => {
  neonConfig.fetchEndpoint = () => endpoint.url
})

afterEach(() => endpoint.setFaults({}))

afterAll(async () => {
  await endpoint.stop()
  await postgres.stop()
  await folder.remove()
})

const driver = (url = postgres.urlOf()) => neon(url)

/** What the driver throws for a statement that must fail. */
async function failureOf(statement: PromiseLike<unknown>): Promise<NeonDbError> {
  const outcome = await Promise.resolve(statement).then(
    () => 'no error',
    (error: unknown) => error,
  )
  if (!(outcome instanceof NeonDbError)) throw new Error(`Expected a NeonDbError, got ${outcome}`)
  return outcome
}

/** A table of the test's own, so that tests run in any order. */
async function tableOf(columns: string): Promise<string> {
  const name = `t_${crypto.randomUUID().replaceAll('-', '')}`
  await driver().query(`create table ${name} (${columns})`)
  return name
}

describe('a single query', () => {
  it('answers rows as objects, with the command and the row count', async () => {
    const sql = neon(postgres.urlOf(), { fullResults: true })
    const result = await sql`select n, n * 2 as double from generate_series(1, 2) as n`
    expect(result).toMatchObject({ command: 'SELECT', rowCount: 2 })
    expect(result.rows).toEqual([
      { n: 1, double: 2 },
      { n: 2, double: 4 },
    ])
  })

  it('keeps both of two columns of one name in array mode', async () => {
    const sql = neon(postgres.urlOf(), { arrayMode: true })
    expect(await sql`select 1 as n, 2 as n`).toEqual([[1, 2]])
  })

  it('is one statement: a second one behind a semicolon is refused', async () => {
    expect((await failureOf(driver().query('select 1; select 2'))).code).toBe('42601')
  })

  it('goes to the database that the connection string names', async () => {
    await createDatabase(postgres.urlOf(), 'another database')
    const sql = driver(postgres.urlOf('another%20database'))
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
    const table = await tableOf(`value ${type}`)
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
    const table = await tableOf('n int')
    const sql = driver()
    const results = await sql.transaction([
      sql.query(`insert into ${table} values (1), (2)`),
      sql.query(`select sum(n) as sum from ${table}`),
    ])
    expect(results).toEqual([[], [{ sum: '3' }]])
  })

  it('is rolled back whole when a query fails', async () => {
    const table = await tableOf('n int primary key')
    const sql = driver()
    const insert = () => sql.query(`insert into ${table} values (1)`)
    expect((await failureOf(sql.transaction([insert(), insert()]))).code).toBe('23505')
    expect(await sql.query(`select * from ${table}`)).toEqual([])
  })

  it('is rolled back when only the commit fails', async () => {
    const table = await tableOf('n int unique deferrable initially deferred')
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
    const table = await tableOf('n int')
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
    const table = await tableOf('n int, constraint only_positive check (n > 0), constraint single unique (n)')
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
    const hasty = await startNeonEndpoint({ databaseUrl: postgres.urlOf(), statementTimeoutMs: 50 })
    neonConfig.fetchEndpoint = () => hasty.url
    try {
      expect((await failureOf(driver()`select pg_sleep(30)`)).code).toBe('57014')
    } finally {
      await hasty.stop()
    }
  })

  it.for(['{"query": ', '[]', '{"query": 7}', '{"queries": [{}]}', ''])(
    'answers 400 to the body %j',
    async (body) => {
      const response = await fetch(endpoint.url, { method: 'POST', body })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ message: expect.stringContaining('body') })
    },
  )
})

describe('many requests', () => {
  it('are served at once, each with its own answer', async () => {
    const sql = driver()
    const numbers = Array.from({ length: 50 }, (_, n) => n)
    const answers = await Promise.all(numbers.map((n) => sql`select ${n}::int as n, pg_sleep(0.02)::text`))
    expect(answers.map(([row]) => row?.n)).toEqual(numbers)
  })

  it('are counted as round trips, their queries as statements', async () => {
    const before = { ...endpoint.stats }
    const sql = driver()
    await sql`select 1`
    await sql.transaction([sql`select 1`, sql`select 2`, sql`select 3`])
    const response = await fetch(new URL('/stats', endpoint.url))
    expect(await response.json()).toEqual({
      requests: before.requests + 2,
      statements: before.statements + 4,
    })
  })
})

describe('a body over 10 MB', () => {
  const MEGABYTE = 1024 * 1024

  it('is refused', async () => {
    const failure = await failureOf(driver().query('select length($1)', ['x'.repeat(11 * MEGABYTE)]))
    expect(failure.message).toContain('413')
  })

  it('is refused before all of it is read when its length is not known', async () => {
    let sent = 0
    const body = new ReadableStream({
      pull(controller) {
        sent++
        if (sent <= 500) controller.enqueue(new Uint8Array(MEGABYTE).fill(32))
        else controller.close()
      },
    })
    const options = { method: 'POST', body, duplex: 'half' }
    const response = await fetch(endpoint.url, options)
    expect(response.status).toBe(413)
    expect(sent).toBeLessThan(100)
  })

  it('is not one just below', async () => {
    const [row] = await driver().query('select length($1) as length', ['x'.repeat(9 * MEGABYTE)])
    expect(row).toEqual({ length: 9 * MEGABYTE })
  })
})

describe('the endpoint', () => {
  it('listens on 127.0.0.1 and nowhere else', async () => {
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    const others = addresses.map(({ address }) => address).filter((address) => address !== '127.0.0.1')
    expect(await accepts('127.0.0.1')).toBe(true)
    for (const address of ['::1', ...others])
      expect([address, await accepts(address)]).toEqual([address, false])
  })

  function accepts(host: string): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = createConnection({ host, port: endpoint.port, timeout: 2_000 })
      const settle = (accepted: boolean) => {
        socket.destroy()
        resolve(accepted)
      }
      socket.once('connect', () => settle(true))
      socket.once('error', () => settle(false))
      socket.once('timeout', () => settle(false))
    })
  }

  it('refuses the pages of browsers', async () => {
    const request = {
      method: 'POST',
      body: '{"query": "select 1"}',
      headers: { origin: 'https://example.com' },
    }
    expect((await fetch(endpoint.url, request)).status).toBe(403)
  })

  it('survives a restart of Postgres, and says meanwhile that it is down', async () => {
    const { server, sql, restart } = await serverOfItsOwn()
    const connections = Array.from({ length: 10 }, () => sql`select pg_sleep(0.05)`)
    await Promise.all(connections)
    const underWay = failureOf(sql`select pg_sleep(30)`)
    await sleeperOf(sql)
    await server.stop()

    for (const failure of [await underWay, await failureOf(sql`select 1`)]) expectUnavailable(failure)
    await restart()
    const answers = await Promise.all(connections.map(() => sql`select 1 as n`))
    expect(answers).toEqual(connections.map(() => [{ n: 1 }]))
  })

  it('survives a backend that is killed under a statement', async () => {
    const { sql } = await serverOfItsOwn()
    const underWay = failureOf(sql`select pg_sleep(30)`)
    process.kill(await sleeperOf(sql), 'SIGKILL')
    expectUnavailable(await underWay)
    const answers = () => sql`select 1`.then(Boolean, () => false)
    expect(await until(answers, { withinMs: 10_000 })).toBe(true)
  })

  /** A server to be ill-treated, behind an endpoint that the driver then uses; both end with the test. */
  async function serverOfItsOwn() {
    const own = await temporaryFolder()
    const options = { dataDir: own.path, durable: false }
    const server = await startEmbeddedPostgres(options)
    const servers = [server]
    const inFront = await startNeonEndpoint({ databaseUrl: server.urlOf() })
    neonConfig.fetchEndpoint = () => inFront.url
    onTestFinished(async () => {
      await inFront.stop()
      for (const each of servers) await each.stop()
      await own.remove()
    })
    const restart = async () => {
      servers.push(await startEmbeddedPostgres({ ...options, port: server.port }))
    }
    return { server, sql: driver(server.urlOf()), restart }
  }

  /** Waits until `select pg_sleep(30)` runs, and answers the process that runs it. */
  async function sleeperOf(sql: ReturnType<typeof driver>): Promise<number> {
    let pid = 0
    await until(
      async () => {
        const [row] = await sql`
          select pid from pg_stat_activity where query = 'select pg_sleep(30)' and state = 'active'
        `
        pid = row?.pid ?? 0
        return pid > 0
      },
      { withinMs: 5_000 },
    )
    return pid
  }

  function expectUnavailable({ code, message }: NeonDbError) {
    expect({ code, message }).toEqual({ code: undefined, message: expect.stringContaining('503') })
  }
})

describe('faults for tests', () => {
  const faultsUrl = () => new URL('/faults', endpoint.url)
  const setFaults = (faults: object) => fetch(faultsUrl(), { method: 'POST', body: JSON.stringify(faults) })

  it('refuse as a database that is down, until they are cleared', async () => {
    await setFaults({ refuse: true })
    expect((await failureOf(driver()`select 1`)).message).toContain('503')
    await fetch(faultsUrl(), { method: 'DELETE' })
    expect(await driver()`select 1 as n`).toEqual([{ n: 1 }])
  })

  it('drop the answer to so many requests that were executed', async () => {
    const table = await tableOf('n int')
    await setFaults({ dropAfterCommit: 1 })
    const insert = () => driver().query(`insert into ${table} values (1)`)
    expect((await failureOf(insert())).message).toContain('fetch failed')
    await insert()
    expect(await driver().query(`select count(*)::int as n from ${table}`)).toEqual([{ n: 2 }])
  })

  it('drop so many requests before they are executed', async () => {
    const table = await tableOf('n int')
    await setFaults({ dropBefore: 2 })
    const insert = () => driver().query(`insert into ${table} values (1)`)
    await failureOf(insert())
    await failureOf(insert())
    await insert()
    expect(await driver().query(`select count(*)::int as n from ${table}`)).toEqual([{ n: 1 }])
  })

  it('touch only requests with the text that is to match', async () => {
    await setFaults({ refuse: true, match: 'as unlucky' })
    const sql = driver()
    expect(await sql`select 1 as n`).toEqual([{ n: 1 }])
    await failureOf(sql.transaction([sql`select 1`, sql`select 1 as unlucky`]))
  })

  it('delay requests', async () => {
    await setFaults({ delayMs: 200 })
    const startedMs = performance.now()
    await driver()`select 1`
    expect(performance.now() - startedMs).toBeGreaterThan(190)
  })

  it('must be known ones', async () => {
    expect((await setFaults({ explode: true })).status).toBe(400)
  })

  it('are not offered unless the endpoint was started with them', async () => {
    const plain = await startNeonEndpoint({ databaseUrl: postgres.urlOf() })
    const response = await fetch(new URL('/faults', plain.url), { method: 'POST', body: '{"refuse": true}' })
    expect(response.status).toBe(404)
    await plain.stop()
  })
})
