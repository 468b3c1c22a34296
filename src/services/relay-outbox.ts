import { type OutboxRow, QUEUES } from '../contracts/queues.ts'
import { storeDeadLetters, takeDueOutboxRows } from '../db/statements/outbox.ts'
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
    await send(deps, run.rows)
    sent += run.rows.length
    if (run.rows.length < RELAY_BATCH) break
  }
  return sent
}

/** A row for a queue that there is not, as an operator may replay one, must not keep the others from being sent. */
async function send(deps: Deps, rows: OutboxRow[]): Promise<void> {
  const lost = rows.filter(({ queue }) => !QUEUES.includes(queue))
  const letters = lost.map(({ id, queue, message }) => ({
    outboxId: id,
    queue,
    message,
    error: 'no such queue',
  }))
  await storeDeadLetters(deps.db, letters)
  await deps.queues.sendOutbox(rows.filter((row) => !lost.includes(row)))
}
