import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import pg from 'pg'
import { temporaryFolder } from '../../test/node/harness/temporary-folder.ts'
import { createDatabase, withClient } from '../../tools/stack/databases.ts'
import { startEmbeddedPostgres } from '../../tools/stack/embedded-postgres.ts'
import { prepareDatabase } from '../../tools/stack/migrate.ts'
import { startNeonEndpoint } from '../../tools/stack/neon-endpoint.ts'
import { isNeon } from '../../tools/stack/open-database.ts'
import { type Runtime, startRuntime } from './runtime.ts'

/** All that runs during a benchmark. */
export interface World extends Runtime {
  databaseUrl: string
  /** Where the driver sends its statements; empty for Neon's own. */
  endpointUrl: string
  /** Whether the server is of this run, and may be set as one likes. */
  ownsServer: boolean
  pool: pg.Pool
  /** Prepares what is measured; its time is told apart. */
  seeding<Result>(seed: () => Promise<Result>): Promise<Result>
  /** How long seeding has taken so far. */
  seededMs(): number
  /** SQL round trips of the Workers so far; NaN on Neon, whose endpoint does not count. */
  roundTrips(): number
}

const POOL_MAX = 8

/**
 * Starts the Workers on a new database, and its own Postgres unless `serverUrl` names one; `stop` takes all of it away
 * again. Commits wait for the disk, as they do for real.
 */
export async function startWorld({
  serverUrl,
  inspected,
}: {
  serverUrl: string | undefined
  inspected: boolean
}): Promise<World> {
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const each of stops.splice(0).toReversed()) {
      await each().catch((error: unknown) => console.error('Stopping:', error))
    }
  }
  try {
    const folder = await temporaryFolder()
    stops.push(() => folder.remove())
    const databaseUrl = await openDatabase(serverUrl, folder.path, stops)
    await prepareDatabase(databaseUrl)
    const pool = new pg.Pool({ connectionString: databaseUrl, max: POOL_MAX })
    pool.on('error', () => {})
    stops.push(() => pool.end())
    const endpoint = await openEndpoint(databaseUrl, stops)
    const runtime = await startRuntime({
      folder: folder.path,
      databaseUrl,
      endpointUrl: endpoint.url,
      inspected,
    })
    stops.push(() => runtime.stop())
    let seededMs = 0
    return {
      ...runtime,
      async seeding(seed) {
        const startMs = Date.now()
        return seed().finally(() => {
          seededMs += Date.now() - startMs
        })
      },
      seededMs: () => seededMs,
      databaseUrl,
      endpointUrl: endpoint.url,
      ownsServer: serverUrl === undefined,
      pool,
      roundTrips: () => endpoint.stats.requests,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A database that nobody else uses. */
async function openDatabase(
  serverUrl: string | undefined,
  folder: string,
  stops: (() => Promise<unknown>)[],
): Promise<string> {
  if (serverUrl === undefined) {
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'database') })
    stops.push(() => postgres.stop())
    return postgres.urlOf()
  }
  const name = `warbler_bench_${randomBytes(4).toString('hex')}`
  await createDatabase(serverUrl, name)
  stops.push(() => withClient(serverUrl, (client) => client.query(`drop database ${name} with (force)`)))
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return String(url)
}

/** Neon has an endpoint of its own. */
async function openEndpoint(databaseUrl: string, stops: (() => Promise<unknown>)[]) {
  if (isNeon(databaseUrl)) return { url: '', stats: { requests: Number.NaN } }
  const endpoint = await startNeonEndpoint({ databaseUrl })
  stops.push(() => endpoint.stop())
  return endpoint
}

/** Asks the Worker of the bare baselines, and throws when it does not succeed. */
export async function bareFetch(
  { bare }: Pick<World, 'bare'>,
  path: string,
  init: RequestInit = {},
): Promise<string> {
  const response = await fetch(`${bare}${path}`, init)
  const body = await response.text()
  if (!response.ok) throw new Error(`The bare Worker answered ${path} with ${response.status}: ${body}`)
  return body
}
