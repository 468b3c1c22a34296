import type { TrendAnswer } from '../contracts/http/discovery.ts'
import type { MutedWord } from '../contracts/timeline.ts'
import type { Trends } from '../db/statements/trend-rankings.ts'
import { mutedWordsMatcher } from '../domain/muted-words.ts'
import type { Trend } from '../domain/trends/ranking.ts'
import { TREND_WINDOW_HOURS } from '../domain/trends/score.ts'
import { TtlCache } from './ttl-cache.ts'

/** As often as they are ranked. */
const TRENDS_TTL_MS = 60_000

/** A ranking that is not followed by the next one in time is shown for so long before it is looked for again. */
const LATE_TTL_MS = 10_000

/** What trends, as an isolate has read it: one value, until a minute after it was ranked. */
export class TrendsCache {
  readonly #known = new TtlCache<'trends', Trends>(TRENDS_TTL_MS, 1)

  get(nowMs: number): Trends | null {
    return this.#known.get('trends', nowMs)
  }

  set(trends: Trends, nowMs: number): void {
    const latest = nowMs - TRENDS_TTL_MS + LATE_TTL_MS
    this.#known.set('trends', trends, Math.max(Math.min(trends.at, nowMs), latest))
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
