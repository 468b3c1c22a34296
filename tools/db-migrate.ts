/** `npm run db:migrate`: applies the pending migrations to DATABASE_URL, or else to the local stack's database. */
import { runTool } from './stack/run-tool.ts'
import { withDatabase } from './stack/with-database.ts'

await runTool(() =>
  withDatabase(async (databaseUrl) => {
    const { host, pathname } = new URL(databaseUrl)
    console.log(`The database ${host}${pathname} is up to date.`)
  }),
)
