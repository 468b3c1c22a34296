import type { TrendAnswer } from '../contracts/http/discovery.ts'
import type { MutedWord } from '../contracts/timeline.ts'
import type { Trends } from '../db/statements/trend-rankings.ts'
import { mutedWordsMatcher } from '../domain/muted-words.ts'
import type { Trend } from '../domain/trends/ranking.ts'
import { TREND_WINDOW_HOURS } from '../domain/trends/score.ts'
import { TtlCache } from './ttl-cache.ts'

/** As often as they are ranked. */
const TRENDS_TTL_MS = 60_000

/** What trends, as an isolate has read it: one value. */
export class TrendsCache extends TtlCache<'trends', Trends> {
  constructor() {
    super(TRENDS_TTL_MS, 1)
  }
}

/** Row to wire. */
export function presentTrend({ name, score, tweet_count }: Trend): TrendAnswer {
  return { name, score, tweet_count, window_hours: TREND_WINDOW_HOURS }
}

/** Those that hold no word which their reader mutes. A hashtag is looked at with its sign. */
export function withoutMuted(
  trends: readonly Trend[],
  kind: 'hashtags' | 'topics',
  words: readonly MutedWord[],
  nowMs: number,
): Trend[] {
  if (words.length === 0) return [...trends]
  const holdsMuted = mutedWordsMatcher(words, nowMs)
  return trends.filter(({ name }) => !holdsMuted(kind === 'hashtags' ? `#${name}` : name))
}
