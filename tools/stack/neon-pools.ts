import pg from 'pg'
import type { Result, Statement, Work } from './neon-protocol.ts'
import { Refusal } from './neon-protocol.ts'

const POOL_SIZE = 20
const IDLE_MS = 10_000
/** How long a request may wait for a connection: a new one, or one of a busy pool. */
const CONNECT_TIMEOUT_MS = 15_000
/** The protocol counts parameters in 16 bits. */
const PARAMETERS_MAX = 65_535

const asText: pg.CustomTypesConfig = { getTypeParser: () => (value: unknown) => value }

/** Connections to one server, a pool for each of its databases. */
export interface Pools {
  run(work: Work, database: string | undefined): Promise<Result | { results: Result[] }>
  stop(): Promise<void>
}

/** `databaseUrl` says which server and as whom; its database is the one for requests that name none. */
export function createPools(
  databaseUrl: string,
  { statementTimeoutMs, log }: { statementTimeoutMs: number; log: (line: string) => void },
): Pools {
  const pools = new Map<string, pg.Pool>()

  function poolOf(database: string | undefined): pg.Pool {
    const url = new URL(databaseUrl)
    if (database !== undefined) url.pathname = `/${encodeURIComponent(database)}`
    const known = pools.get(url.pathname)
    if (known !== undefined) return known
    const pool = new pg.Pool({
      connectionString: url.href,
      max: POOL_SIZE,
      idleTimeoutMillis: IDLE_MS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: statementTimeoutMs,
      application_name: 'warbler-endpoint',
    })
    // An idle connection broke, most likely because the server restarts: the pool has dropped it, the next is new.
    pool.on('error', (error) => log(`database connection lost: ${error.message}`))
    pools.set(url.pathname, pool)
    return pool
  }

  return {
    async run(work, database) {
      const client = await poolOf(database).connect()
      // The statement under way fails by itself when its connection breaks; unheard, the event would end the process.
      const ignore = () => {}
      client.on('error', ignore)
      let broken = false
      try {
        if (work.kind === 'single') return await runOne(client, work.statement)
        return { results: await runTransaction(client, work.begin, work.statements) }
      } catch (error) {
        broken = !(error instanceof pg.DatabaseError || error instanceof Refusal)
        throw error
      } finally {
        client.off('error', ignore)
        client.release(broken)
      }
    },
    async stop() {
      await Promise.all([...pools.values()].map((pool) => pool.end()))
    },
  }
}

async function runTransaction(
  client: pg.PoolClient,
  begin: string,
  statements: Statement[],
): Promise<Result[]> {
  const results: Result[] = []
  await client.query(begin)
  try {
    for (const statement of statements) results.push(await runOne(client, statement))
    await client.query('commit')
    return results
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

async function runOne(client: pg.PoolClient, { query, params }: Statement): Promise<Result> {
  if (params.length > PARAMETERS_MAX) {
    throw new Refusal(400, `A statement takes at most ${PARAMETERS_MAX} parameters, not ${params.length}`)
  }
  const { command, rowCount, fields, rows } = await client.query<(string | null)[], unknown[]>(
    extended({ text: query, values: params, types: asText, rowMode: 'array' }),
  )
  return { command, rowCount, fields, rows, rowAsArray: true }
}

/** The extended protocol even without parameters: like Neon it takes one statement, not several behind semicolons. */
function extended(config: pg.QueryArrayConfig<unknown[]>): pg.QueryArrayConfig<unknown[]> {
  return Object.assign(config, { queryMode: 'extended' })
}
