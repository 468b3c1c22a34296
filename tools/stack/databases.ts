import pg from 'pg'
import { codeOf } from './stack-error.ts'

const DUPLICATE_DATABASE = '42P04'

/** Runs `use` on a connection of its own. */
export async function withClient<Result>(
  databaseUrl: string,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 })
  // A connection that breaks while idle is reported here; the statement that needs it then fails and says so.
  client.on('error', () => {})
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** Creates the database unless it exists; `serverUrl` names another database of the server to do it from. */
export async function createDatabase(serverUrl: string, name: string): Promise<void> {
  await withClient(serverUrl, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name])
    if (rowCount !== 0) return
    await client.query(`create database ${client.escapeIdentifier(name)}`).catch((error: unknown) => {
      if (codeOf(error) !== DUPLICATE_DATABASE) throw error
    })
  })
}
