import { readTrendCandidates, writeTrendRankings } from '../db/statements/trend-rankings.ts'
import { forgetTrends as forget } from '../db/statements/trends.ts'
import { risingTopics } from '../domain/trends/ranking.ts'
import type { Deps } from './deps.ts'
import { settleAllTrends } from './settle-trends.ts'

/** Trends of each kind that are kept for readers. */
const KEPT = 100
/** Tweets that are candidates: from the last of them on, another must be better. */
const CANDIDATES_MAX = 500

/** Counts what is due, then ranks: what trends in the next minute. Answers how many authors were counted. */
export async function rankTrends(deps: Deps): Promise<number> {
  const settled = await settleAllTrends(deps)
  const nowMs = deps.now()
  const found = await readTrendCandidates(deps.db, nowMs, CANDIDATES_MAX)
  const trends = {
    at: nowMs,
    hashtags: found.hashtags.slice(0, KEPT),
    topics: risingTopics(found.topics, found.hours_before, KEPT),
    tweets: found.tweets.slice(0, KEPT).map(({ id }) => id),
    tweet_floor: found.tweets[CANDIDATES_MAX - 1]?.score ?? 0,
  }
  await writeTrendRankings(deps.db, trends, found.outdated)
  return settled
}

export async function forgetTrends(deps: Deps): Promise<void> {
  await forget(deps.db, deps.now())
}
