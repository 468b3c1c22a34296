import { foldCounters, readUnfoldedSubjects } from '../db/statements/counters.ts'
import type { Deps } from './deps.ts'
import { sendOwed } from './send-owed.ts'
import { trendScope } from './settle-trends.ts'

const SUBJECTS_PER_SWEEP = 2000

/** Folds deltas whose hints were lost. Answers how many there were. */
export async function sweepLedger(deps: Deps): Promise<number> {
  const subjects = await readUnfoldedSubjects(deps.db, SUBJECTS_PER_SWEEP)
  const { deltas, outbox } = await foldCounters(
    deps.db,
    subjects,
    deps.settings.fanOutPushLimit,
    trendScope(deps),
  )
  await sendOwed(deps, outbox)
  return deltas
}
