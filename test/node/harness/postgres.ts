import pg from 'pg'
import { startEmbeddedPostgres } from '../../../tools/stack/embedded-postgres.ts'
import { prepareDatabase } from '../../../tools/stack/migrate.ts'
import { startNeonEndpoint } from '../../../tools/stack/neon-endpoint.ts'
import { temporaryFolder } from './temporary-folder.ts'

export interface TestDatabase {
  databaseUrl: string
  /** The Neon-compatible endpoint in front of it, with faults. */
  endpointUrl: string
  pool: pg.Pool
  stop(): Promise<void>
}

/**
 * A migrated Postgres server of the caller's own in a temporary folder, gone after `stop`. Only when it is `durable`
 * does a commit wait for the disk.
 */
export async function startTestDatabase({ durable = false } = {}): Promise<TestDatabase> {
  const folder = await temporaryFolder()
  const postgres = await startEmbeddedPostgres({ dataDir: folder.path, durable })
  const databaseUrl = postgres.urlOf()
  await prepareDatabase(databaseUrl)
  const endpoint = await startNeonEndpoint({ databaseUrl, faults: true })
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 20 })
  pool.on('error', () => {})
  return {
    databaseUrl,
    endpointUrl: endpoint.url,
    pool,
    async stop() {
      await pool.end()
      await endpoint.stop()
      await postgres.stop()
      await folder.remove()
    },
  }
}
