import type pg from 'pg'
import { createDatabase, withClient } from '../../../tools/stack/databases.ts'
import { prepareDatabase } from '../../../tools/stack/migrate.ts'
import { startTestDatabase } from './postgres.ts'

export interface ScratchDatabases {
  /** A migrated database of its own. */
  create(): Promise<string>
  stop(): Promise<void>
}

/** A Postgres server on which a file's tests have as many databases as they like. */
export async function startScratchDatabases(): Promise<ScratchDatabases> {
  const server = await startTestDatabase()
  let created = 0
  return {
    async create() {
      const name = `scratch_${++created}`
      await createDatabase(server.databaseUrl, name)
      const url = new URL(server.databaseUrl)
      url.pathname = name
      await prepareDatabase(url.href)
      return url.href
    },
    stop: () => server.stop(),
  }
}

export async function select<Row extends pg.QueryResultRow>(
  databaseUrl: string,
  query: string,
): Promise<Row[]> {
  return withClient(databaseUrl, async (client) => (await client.query<Row>(query)).rows)
}

/** `fromWhere` is what stands after "from". */
export async function count(databaseUrl: string, fromWhere: string): Promise<number> {
  const [row] = await select<{ n: number }>(databaseUrl, `select count(*)::integer as n from ${fromWhere}`)
  return row?.n ?? Number.NaN
}
