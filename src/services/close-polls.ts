import { closeEndedPolls } from '../db/statements/polls.ts'
import type { Deps } from './deps.ts'
import { sendOwed } from './send-owed.ts'

const POLLS_PER_BATCH = 100
/** More than end in a minute, at a hundredth of all tweets: the rest is the next run's. */
const BATCHES_MAX = 100

/** Closes the polls that have ended, and owes their voters and authors the news. Answers how many. */
export async function closePolls(deps: Deps): Promise<number> {
  let closed = 0
  for (let batch = 0; batch < BATCHES_MAX; batch++) {
    const { polls, outbox } = await closeEndedPolls(deps.db, POLLS_PER_BATCH)
    await sendOwed(deps, outbox)
    closed += polls
    if (polls < POLLS_PER_BATCH) break
  }
  return closed
}
