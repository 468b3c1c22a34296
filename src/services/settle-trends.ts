import type { TrendScope } from '../db/statements/trend-marks.ts'
import { type TrendWork, takeTrendWork, writeTrends } from '../db/statements/trends.ts'
import { contributionsOf } from '../domain/trends/contributions.ts'
import type { Deps } from './deps.ts'

/** Authors in one step: two statements of some 10 ms, and some 100 texts. */
const AUTHORS_PER_STEP = 100
/** What one run of cron does at the most: what is left waits for the next, and for the consumers. */
const STEPS_MAX = 100

export function trendScope({ now, settings }: Pick<Deps, 'now' | 'settings'>): TrendScope {
  return { nowMs: now(), topicShare: settings.trendSample }
}

/** Counts some authors anew that are due. Answers how many were taken: with none, there is nothing to do. */
export async function settleTrends(deps: Deps, limit = AUTHORS_PER_STEP): Promise<number> {
  const scope = trendScope(deps)
  const work = await takeTrendWork(deps.db, scope, limit)
  await writeTrends(deps.db, work.map(counted))
  return work.length
}

function counted({ tweets, ...whose }: TrendWork) {
  return { ...whose, hours: contributionsOf(tweets) }
}

/** Counts all that is due, for cron: what consumers have left. */
export async function settleAllTrends(deps: Deps): Promise<number> {
  let settled = 0
  for (let step = 0; step < STEPS_MAX; step++) {
    const taken = await settleTrends(deps)
    settled += taken
    if (taken < AUTHORS_PER_STEP) break
  }
  return settled
}
