import { forgetNotifications, readForgettable } from '../db/statements/forget-notifications.ts'
import type { Deps } from './deps.ts'

/** Inboxes that are locked at once, at most. */
const ROWS_PER_BATCH = 500
/** More than an hour withdraws at a hundredth of all likes: the rest is the next run's. */
const BATCHES_MAX = 200

/** Forgets notifications that were withdrawn more than a day ago. Answers how many. */
export async function forgetWithdrawn(deps: Deps): Promise<number> {
  let forgotten = 0
  for (let batch = 0; batch < BATCHES_MAX; batch++) {
    const rows = await readForgettable(deps.db, ROWS_PER_BATCH)
    if (rows.length > 0) await forgetNotifications(deps.db, rows)
    forgotten += rows.length
    if (rows.length < ROWS_PER_BATCH) break
  }
  return forgotten
}
