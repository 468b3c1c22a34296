import { createConnection } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type NeonDbError, neon } from '@neondatabase/serverless'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startEmbeddedPostgres } from '../../tools/stack/embedded-postgres.ts'
import { startNeonEndpoint } from '../../tools/stack/neon-endpoint.ts'
import { until } from '../../tools/stack/until.ts'
import { failureOf, sendStatementsTo, tableOf, withNeonServer } from './harness/neon.ts'
import { temporaryFolder } from './harness/temporary-folder.ts'

const server = withNeonServer()
const driver = (url = server().postgres.urlOf()) => neon(url)

describe('many requests', () => {
  it('are served at once, each with its own answer', async () => {
    const sql = driver()
    const numbers = Array.from({ length: 50 }, (_, n) => n)
    const answers = await Promise.all(numbers.map((n) => sql`select ${n}::int as n, pg_sleep(0.02)::text`))
    expect(answers.map(([row]) => row?.n)).toEqual(numbers)
  })

  it('are counted as round trips, their queries as statements', async () => {
    const before = { ...server().endpoint.stats }
    const sql = driver()
    await sql`select 1`
    await sql.transaction([sql`select 1`, sql`select 2`, sql`select 3`])
    const response = await fetch(new URL('/stats', server().endpoint.url))
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
    const response = await fetch(server().endpoint.url, options)
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
      const socket = createConnection({ host, port: server().endpoint.port, timeout: 2_000 })
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
    expect((await fetch(server().endpoint.url, request)).status).toBe(403)
  })

  it('survives a restart of Postgres, and says meanwhile that it is down', async () => {
    const { postgres, sql, restart } = await serverOfItsOwn()
    const connections = Array.from({ length: 10 }, () => sql`select pg_sleep(0.05)`)
    await Promise.all(connections)
    const underWay = failureOf(sql`select pg_sleep(30)`)
    await sleeperOf(sql)
    await postgres.stop()

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
    const postgres = await startEmbeddedPostgres(options)
    const servers = [postgres]
    const inFront = await startNeonEndpoint({ databaseUrl: postgres.urlOf() })
    sendStatementsTo(inFront)
    onTestFinished(async () => {
      await inFront.stop()
      for (const each of servers) await each.stop()
      await own.remove()
    })
    const restart = async () => {
      servers.push(await startEmbeddedPostgres({ ...options, port: postgres.port }))
    }
    return { postgres, sql: driver(postgres.urlOf()), restart }
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
  const faultsUrl = () => new URL('/faults', server().endpoint.url)
  const setFaults = (faults: object) => fetch(faultsUrl(), { method: 'POST', body: JSON.stringify(faults) })

  it('refuse as a database that is down, until they are cleared', async () => {
    await setFaults({ refuse: true })
    expect((await failureOf(driver()`select 1`)).message).toContain('503')
    await fetch(faultsUrl(), { method: 'DELETE' })
    expect(await driver()`select 1 as n`).toEqual([{ n: 1 }])
  })

  it('drop the answer to so many requests that were executed', async () => {
    const table = await tableOf(server(), 'n int')
    await setFaults({ dropAfterCommit: 1 })
    const insert = () => driver().query(`insert into ${table} values (1)`)
    expect((await failureOf(insert())).message).toContain('fetch failed')
    await insert()
    expect(await driver().query(`select count(*)::int as n from ${table}`)).toEqual([{ n: 2 }])
  })

  it('drop so many requests before they are executed', async () => {
    const table = await tableOf(server(), 'n int')
    await setFaults({ dropBefore: 2 })
    const insert = () => driver().query(`insert into ${table} values (1)`)
    await failureOf(insert())
    await failureOf(insert())
    await insert()
    expect(await driver().query(`select count(*)::int as n from ${table}`)).toEqual([{ n: 1 }])
  })

  it('cut so many answers in the middle, of requests that were executed', async () => {
    const table = await tableOf(server(), 'n int')
    await setFaults({ cutAnswer: 1 })
    const insert = () => driver().query(`insert into ${table} values (1)`)
    await expect(insert()).rejects.toThrow('terminated')
    await insert()
    expect(await driver().query(`select count(*)::int as n from ${table}`)).toEqual([{ n: 2 }])
  })

  it('touch only each so-many-th request', async () => {
    await setFaults({ refuse: true, every: 3 })
    const refused: boolean[] = []
    for (let n = 0; n < 6; n++) {
      const answered = driver()`select 1`.then(() => true)
      refused.push(!(await answered.catch(() => false)))
    }
    expect(refused).toEqual([false, false, true, false, false, true])
  })

  it('touch only requests with the text that is to match', async () => {
    await setFaults({ refuse: true, match: 'as unlucky' })
    const sql = driver()
    expect(await sql`select 1 as n`).toEqual([{ n: 1 }])
    await failureOf(sql.transaction([sql`select 1`, sql`select 1 as unlucky`]))
  })

  it.each(['delayMs', 'delayAnswerMs'])('delay requests by %s', async (name) => {
    await setFaults({ [name]: 200 })
    const startedMs = performance.now()
    await driver()`select 1`
    expect(performance.now() - startedMs).toBeGreaterThan(190)
  })

  it('must be known ones', async () => {
    expect((await setFaults({ explode: true })).status).toBe(400)
  })

  it('are not offered unless the endpoint was started with them', async () => {
    const plain = await startNeonEndpoint({ databaseUrl: server().postgres.urlOf() })
    const response = await fetch(new URL('/faults', plain.url), { method: 'POST', body: '{"refuse": true}' })
    expect(response.status).toBe(404)
    await plain.stop()
  })
})
