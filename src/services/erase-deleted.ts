import type { EngagementEvent } from '../contracts/queues.ts'
import { eraseDependants as eraseStep } from '../db/statements/erase-dependants.ts'
import { eraseDeletedTweets } from '../db/statements/maintenance.ts'
import type { TweetId } from '../domain/ids.ts'
import type { Deps } from './deps.ts'

/** Rows of each kind in one step: a statement of some 10 ms. */
const ROWS_PER_STEP = 1000
/** Few enough that their rows are found by index. */
const TWEETS_PER_BATCH = 200
const BATCHES_MAX = 100

interface Erasure {
  outbox_id: number
  event: Extract<EngagementEvent['event'], { type: 'erase_dependants' }>
}

/** One step of taking along what hangs on a deleted tweet; asks for the next one when something is left. */
export async function eraseDependants(
  deps: Deps,
  { outbox_id: id, event }: Erasure,
  rows = ROWS_PER_STEP,
): Promise<void> {
  const step = await eraseStep(deps.db, id, event.tweet_id as TweetId, rows)
  const next = step.left ? [{ id, queue: 'engagement' as const, message: event }] : []
  await deps.queues.sendOutbox([...step.outbox, ...next])
  if (step.subjects.length > 0) await deps.queues.sendFold(step.subjects)
}

/** Erases the content of what was deleted 30 days ago. Answers of how many tweets. */
export async function eraseDeletedContent(deps: Deps): Promise<number> {
  let erased = 0
  for (let batch = 0; batch < BATCHES_MAX; batch++) {
    const now = await eraseDeletedTweets(deps.db, TWEETS_PER_BATCH)
    erased += now
    if (now < TWEETS_PER_BATCH) break
  }
  return erased
}
