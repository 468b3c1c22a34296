/** `npm run search:reindex`: builds the search index anew from Postgres; the Worker does it, and this shows how far it is. */

import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { showProgress } from './seed/progress.ts'
import { withClient } from './stack/databases.ts'
import {
  OWE_REINDEX,
  type ReindexState,
  reindexedBetween,
  reindexState,
  reindexTotal,
} from './stack/reindex.ts'
import { runTool } from './stack/run-tool.ts'
import { StackError } from './stack/stack-error.ts'
import { withDatabase } from './stack/with-database.ts'

const LOOK_EVERY_MS = 500
/** Twice what the relay takes to send what is owed. */
const STANDS_STILL_MS = 120_000

const DEAD =
  'Building the search index anew has failed again and again: npm run outbox -- list says why, npm run outbox -- replay --all goes on.'
const STANDS_STILL =
  'Nothing has moved for two minutes: does the Worker run, with its cron jobs and the search Worker? What is left is done when it does.'

await runTool(async () => {
  await withDatabase((databaseUrl) => withClient(databaseUrl, reindex))
})

/** Ctrl-C ends the showing and not the work, which another run shows on. */
async function reindex(client: pg.Client) {
  const underWay = await reindexState(client)
  if (underWay === null) await client.query(OWE_REINDEX)
  console.log(
    underWay === null
      ? 'The Worker builds the search index anew; it begins within a minute.'
      : 'The search index is being built anew already:',
  )
  const progress = showProgress(await reindexTotal(client), process.stderr)
  let before: ReindexState | null = null
  let movedAtMs = Date.now()
  for (;;) {
    const state = await reindexState(client)
    if (state?.isDead) throw new StackError(DEAD)
    const done = await reindexedBetween(client, before, state)
    if (done > 0) movedAtMs = Date.now()
    progress.advance(done, state?.of ?? 'done')
    if (state === null) break
    if (Date.now() - movedAtMs > STANDS_STILL_MS) throw new StackError(STANDS_STILL)
    before = state
    await sleep(LOOK_EVERY_MS)
  }
  progress.end()
  console.log('The search index holds what Postgres does.')
}
