/** What a tweet's rank on somebody's home timeline depends on. */
export interface RankingSignals {
  likes: number
  retweets: number
  quotes: number
  replies: number
  /** Since it came onto the timeline: posted, or retweeted. */
  ageMs: number
  /** On how many of the author's recent tweets the reader acted. */
  affinity: number
}

const HOUR_MS = 3_600_000
/** After so long a tweet needs twice the interest for the same place. */
const HALF_LIFE_MS = 6 * HOUR_MS
/** An act that shows a tweet to others, or answers it, says more than a like. */
const WEIGHTS = { likes: 1, retweets: 2, quotes: 2, replies: 1.5 } as const
/** What the first act on an author's tweets adds; each further doubling adds as much again. */
const AFFINITY_WEIGHT = 0.25
/** One author's tweets that may follow each other. */
const IN_A_ROW_MAX = 2

/**
 * How far up a tweet stands:
 *
 *     log2(2 + likes + 2 retweets + 2 quotes + 1.5 replies)
 *       x (1 + 0.25 log2(1 + affinity))
 *       x 2^(-age / 6 h)
 *
 * The logarithm keeps a viral tweet from outranking everything for days: a thousand likes are worth 3.3 half-lives, so that
 * after 20 hours such a tweet stands where an unnoticed one begins. The shape (engagement damped, times decay) is that of Hacker News and Reddit
 * rankings; the constants are ours.
 */
export function rankingScore({ likes, retweets, quotes, replies, ageMs, affinity }: RankingSignals): number {
  const engagement =
    WEIGHTS.likes * likes + WEIGHTS.retweets * retweets + WEIGHTS.quotes * quotes + WEIGHTS.replies * replies
  const interest = Math.log2(2 + engagement) * (1 + AFFINITY_WEIGHT * Math.log2(1 + affinity))
  return interest * 2 ** (-Math.max(0, ageMs) / HALF_LIFE_MS)
}

/**
 * Orders candidates by their scores, the newer first of two that are alike, but an author not more than twice in a row
 * unless nobody else is left.
 */
export function rank<Candidate extends { id: number; authorId: number }>(
  candidates: readonly Candidate[],
  scoreOf: (candidate: Candidate) => number,
): Candidate[] {
  const scored = candidates.map((candidate) => ({ candidate, score: scoreOf(candidate) }))
  scored.sort((a, b) => b.score - a.score || b.candidate.id - a.candidate.id)
  const left = scored.map(({ candidate }) => candidate)
  const ranked: Candidate[] = []
  while (left.length > 0) {
    const tired = authorInARow(ranked)
    const next = left.findIndex(({ authorId }) => authorId !== tired)
    ranked.push(...left.splice(Math.max(0, next), 1))
  }
  return ranked
}

/** Whose tweets the last ones all are, when they are as many as may follow each other. */
function authorInARow(ranked: readonly { authorId: number }[]): number | null {
  const last = ranked.slice(-IN_A_ROW_MAX)
  const author = last[0]?.authorId ?? null
  return last.length === IN_A_ROW_MAX && last.every(({ authorId }) => authorId === author) ? author : null
}
