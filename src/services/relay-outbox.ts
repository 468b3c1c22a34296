import { takeDueOutboxRows } from '../db/statements/outbox.ts'
import type { Deps } from './deps.ts'

const RELAY_BATCH = 1000
const RELAY_BATCHES_MAX = 10
/** From so many due rows on, a queue that makes progress is a backlog, which sending again would only lengthen. */
const BACKLOG = 10_000

/** Sends again what committed writes owe and nobody has done. Answers how many messages that were. */
export async function relayOutbox(deps: Deps): Promise<number> {
  let sent = 0
  for (let batch = 0; batch < RELAY_BATCHES_MAX; batch++) {
    const run = await takeDueOutboxRows(deps.db, { batch: RELAY_BATCH, backlog: BACKLOG })
    if (run.due > 0) deps.log.warn('outbox_due', { ...run, rows: run.rows.length })
    await deps.queues.sendOutbox(run.rows)
    sent += run.rows.length
    if (run.rows.length < RELAY_BATCH) break
  }
  return sent
}
