import { join } from 'node:path'
import { withClient } from './databases.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { prepareDatabase } from './migrate.ts'
import { startNeonEndpoint } from './neon-endpoint.ts'
import type { Run } from './run-stack.ts'
import { messageOf, StackError } from './stack-error.ts'

export interface DatabaseOptions {
  dataDir: string
  /** A Postgres to use instead of the embedded one. */
  databaseUrl?: string | undefined
  /** Ports of the embedded server and of the endpoint; free ones by default. */
  ports?: { postgres?: number | undefined; endpoint?: number | undefined }
  print: (line: string) => void
}

export interface OpenDatabase {
  databaseUrl: string
  /** Where the Neon driver sends its statements; empty for Neon itself, which has an endpoint of its own. */
  endpointUrl: string
}

/** Starts what the Worker needs of the database, migrated: Postgres unless one is given, and the endpoint before it. */
export async function openDatabase(run: Run, options: DatabaseOptions): Promise<OpenDatabase> {
  const { ports = {}, print } = options
  const databaseUrl = options.databaseUrl ?? (await openEmbedded(run, options))
  if (options.databaseUrl !== undefined) await requireReachable(databaseUrl)
  await prepareDatabase(databaseUrl)
  if (isNeon(databaseUrl)) return { databaseUrl, endpointUrl: '' }
  const port = ports.endpoint === undefined ? {} : { port: ports.endpoint }
  const endpoint = await run.own(
    () => startNeonEndpoint({ databaseUrl, log: unlessStopping(run, print), ...port }),
    (it) => it.stop(),
  )
  return { databaseUrl, endpointUrl: endpoint.url }
}

async function openEmbedded(run: Run, { dataDir, ports }: DatabaseOptions): Promise<string> {
  const port = ports?.postgres === undefined ? {} : { port: ports.postgres }
  const server = await run.own(
    () => startEmbeddedPostgres({ dataDir, ...port }),
    (it) => it.stop(),
  )
  void server.exited.then((lastWords) => {
    const log = join(dataDir, 'postgres.log')
    run.fail(new StackError(`Postgres ended by itself (${lastWords}): see ${log}, then start again.`))
  })
  return server.urlOf()
}

/** A Ctrl-C reaches Postgres as well as us: that its connections end then is nothing to tell. */
function unlessStopping({ signal }: Run, print: (line: string) => void): (line: string) => void {
  return (line) => {
    if (!signal.aborted) print(line)
  }
}

/** Throws the sentence for a database that does not answer. */
async function requireReachable(databaseUrl: string): Promise<void> {
  try {
    await withClient(databaseUrl, (client) => client.query('select 1'))
  } catch (error) {
    const { host, pathname } = new URL(databaseUrl)
    throw new StackError(
      `The database ${host}${pathname} of DATABASE_URL cannot be used (${messageOf(error)}): start or correct it, or unset DATABASE_URL for the embedded one.`,
    )
  }
}

/** Whether this is a Neon database, which speaks the driver's protocol itself. */
export function isNeon(databaseUrl: string): boolean {
  return /\.neon\.(tech|build)$/.test(new URL(databaseUrl).hostname)
}
