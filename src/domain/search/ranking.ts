import { ID_EPOCH_MS } from '../ids.ts'

const DAY_MS = 86_400_000

/** The weights of columns `words`, `forms` and `facts` in BM25: a word as it was typed counts more than its stem. */
export const COLUMN_WEIGHTS = [1, 0.4, 0] as const

const TEXT_WEIGHT = 2
/** The BM25 that counts for half: a rare word of a short text has about 8, two of them 16. */
const TEXT_HALF = 10
const RECENCY_WEIGHT = 0.6
/** After so many days recency counts for half. */
const RECENCY_HALF_DAYS = 7
const ENGAGEMENT_WEIGHT = 0.5
/** The power of ten of engagement that counts for half. */
const ENGAGEMENT_HALF = 3
/** After so many days engagement counts for half in `top`. */
const TOP_HALF_DAYS = 30

interface Signals {
  /** BM25 of the text, 0 or more; 0 where nothing of the text was asked for. */
  text: number
  /** Likes, retweets, quotes and replies. */
  engagement: number
  ageMs: number
}

/**
 * How well a tweet answers a query:
 *
 *     2 * text / (text + 10)  +  0.6 / (1 + days / 7)  +  0.5 * e / (e + 3),  e = log10(1 + engagement)
 *
 * Each part saturates, so that none outweighs the others however large it grows: what is found by rare words, or by all
 * of them as they were typed, is first; of what matches alike, which is most of what common words find, the recent and
 * the well received. Recency falls as 1 / t and not by halves, so that a year still differs from two.
 */
export function relevance({ text, engagement, ageMs }: Signals): number {
  const days = Math.max(0, ageMs) / DAY_MS
  const decades = Math.log10(1 + engagement)
  return (
    (TEXT_WEIGHT * text) / (text + TEXT_HALF) +
    RECENCY_WEIGHT / (1 + days / RECENCY_HALF_DAYS) +
    (ENGAGEMENT_WEIGHT * decades) / (decades + ENGAGEMENT_HALF)
  )
}

/**
 * For `top`: the powers of ten of its engagement, which count for half after 30 days, and for a third after 60. Tweets
 * without any keep the order of time.
 */
export function topScore({ engagement, ageMs }: Omit<Signals, 'text'>): number {
  const days = Math.max(0, ageMs) / DAY_MS
  return (0.001 + Math.log10(1 + engagement)) / (1 + days / TOP_HALF_DAYS)
}

// The same in SQL, where the candidates are. Rounded, so that a score that went out in a cursor is compared as it was.

// D1 allows `ln`, not `log10`.
const DECADES = `(ln(1 + engagement) / ${Math.LN10})`
const ageDays = (asOfMs: string) => `(max(0, ${asOfMs} - (id / 4096 + ${ID_EPOCH_MS})) / ${DAY_MS}.0)`

/** SQL of `relevance` over the columns id, engagement and text. */
export function relevanceSql(asOfMs: string): string {
  return `round(
    ${TEXT_WEIGHT} * text / (text + ${TEXT_HALF}.0)
    + ${RECENCY_WEIGHT} / (1 + ${ageDays(asOfMs)} / ${RECENCY_HALF_DAYS})
    + ${ENGAGEMENT_WEIGHT} * ${DECADES} / (${DECADES} + ${ENGAGEMENT_HALF}), 6)`
}

/** SQL of `topScore` over the columns id and engagement. */
export function topScoreSql(asOfMs: string): string {
  return `round((0.001 + ${DECADES}) / (1 + ${ageDays(asOfMs)} / ${TOP_HALF_DAYS}), 6)`
}

/** The highest tier that engagement has: its powers of ten, up to a million. */
export const MAX_TIER = 6

/** How many powers of ten engagement has reached: 0 below 10. */
export function engagementTier(engagement: number): number {
  return Math.min(MAX_TIER, Math.floor(Math.log10(Math.max(1, engagement)) + 1e-9))
}
