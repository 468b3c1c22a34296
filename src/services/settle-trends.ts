import type { TrendScope } from '../db/statements/trend-marks.ts'
import { type TrendBounds, type TrendWork, takeTrendWork, writeTrends } from '../db/statements/trends.ts'
import { contributionsOf } from '../domain/trends/contributions.ts'
import type { Deps } from './deps.ts'

/**
 * One step: two statements of some 10 ms, and some hundred texts. Of authors who write much it is fewer, so that it stays below
 * 100 ms of CPU; an hour of somebody who posts as much as the quota lets them has a hundred tweets.
 */
export const TREND_STEP: TrendBounds = { authors: 100, tweets: 2_500, tweetsOfHour: 50 }
/** What one run of cron does at the most: what is left waits for the next, and for the consumers. */
const STEPS_MAX = 100

export function trendScope({ now, settings }: Pick<Deps, 'now' | 'settings'>): TrendScope {
  return { nowMs: now(), topicShare: settings.trendSample }
}

/** Counts some authors anew that are due. Answers how many were taken: with none, there is nothing to do. */
export async function settleTrends(deps: Deps, bounds = TREND_STEP): Promise<number> {
  const scope = trendScope(deps)
  const work = await takeTrendWork(deps.db, scope, bounds)
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
    if (taken === 0) break
  }
  return settled
}
