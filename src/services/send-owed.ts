import type { OutboxRow } from '../contracts/queues.ts'
import type { Deps } from './deps.ts'

/** Sends what a consumer's batch owes. The rows are committed: what cannot be sent now the relay sends. */
export async function sendOwed(deps: Deps, rows: OutboxRow[], delaySeconds = 0): Promise<void> {
  if (rows.length === 0) return
  try {
    await deps.queues.sendOutbox(rows, delaySeconds)
  } catch (error) {
    deps.log.warn('owed_not_sent', { rows: rows.length, error })
  }
}
