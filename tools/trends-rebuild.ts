/** `npm run trends:rebuild`: has trends counted anew from the tables, after a restore or a change of what counts. */
import { withClient } from './stack/databases.ts'
import { runTool } from './stack/run-tool.ts'
import { StackError } from './stack/stack-error.ts'
import { rebuildTrends } from './stack/trends.ts'
import { withDatabase } from './stack/with-database.ts'

await runTool(async () => {
  if (process.argv.length > 2) throw new StackError('npm run trends:rebuild takes no arguments.')
  const authors = await withDatabase((databaseUrl) => withClient(databaseUrl, rebuildTrends))
  console.log(
    `${authors.toLocaleString('en')} authors are being counted anew: at least 10,000 a minute while a Worker runs.`,
  )
})
