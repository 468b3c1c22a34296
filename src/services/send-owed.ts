import type { OutboxRow } from '../contracts/queues.ts'
import type { Deps } from './deps.ts'

/** Sends rows that are committed, where nobody waits for an answer: what cannot be sent now the relay sends. */
export async function sendOwed(deps: Deps, rows: OutboxRow[]): Promise<void> {
  if (rows.length === 0) return
  try {
    await deps.queues.sendOutbox(rows)
  } catch (error) {
    deps.log.warn('owed_not_sent', { rows: rows.length, error })
  }
}
