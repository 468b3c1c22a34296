import { NeonDbError, neon, neonConfig } from '@neondatabase/serverless'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../tools/stack/embedded-postgres.ts'
import { type NeonEndpoint, startNeonEndpoint } from '../../../tools/stack/neon-endpoint.ts'
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts'

export interface NeonServer {
  postgres: EmbeddedPostgres
  endpoint: NeonEndpoint
}

/** Has a Postgres with its endpoint for the tests of a file, to which the Neon driver then sends its statements. */
export function withNeonServer(): () => NeonServer {
  let folder: TemporaryFolder
  let server: NeonServer

  beforeAll(async () => {
    folder = await temporaryFolder()
    const postgres = await startEmbeddedPostgres({ dataDir: folder.path, durable: false })
    server = { postgres, endpoint: await startNeonEndpoint({ databaseUrl: postgres.urlOf(), faults: true }) }
  })

  beforeEach(() => sendStatementsTo(server.endpoint))

  afterEach(() => server.endpoint.setFaults({}))

  afterAll(async () => {
    await server.endpoint.stop()
    await server.postgres.stop()
    await folder.remove()
  })

  return () => server
}

/** Where the driver sends its statements, until the end of the test. */
export function sendStatementsTo({ url }: NeonEndpoint): void {
  neonConfig.fetchEndpoint = () => url
}

/** What the driver throws for a statement that must fail. */
export async function failureOf(statement: PromiseLike<unknown>): Promise<NeonDbError> {
  const outcome = await Promise.resolve(statement).then(
    () => 'no error',
    (error: unknown) => error,
  )
  if (!(outcome instanceof NeonDbError)) throw new Error(`Expected a NeonDbError, got ${outcome}`)
  return outcome
}

/** A table of the test's own, so that tests run in any order. */
export async function tableOf({ postgres }: NeonServer, columns: string): Promise<string> {
  const name = `t_${crypto.randomUUID().replaceAll('-', '')}`
  await neon(postgres.urlOf()).query(`create table ${name} (${columns})`)
  return name
}
