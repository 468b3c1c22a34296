/** Trends are what was said and engaged with within these hours. */
export const TREND_WINDOW_HOURS = 24
/** What went before them, a topic's own usual, is a week. */
export const BASELINE_HOURS = 168

export const HOUR_MS = 3_600_000

/** Hours since 1970: buckets are numbered by them. */
export function hourOf(timeMs: number): number {
  return Math.floor(timeMs / HOUR_MS)
}

/**
 * The specification's score ("Trending Topics Algorithm", in the form of its code, where the decay multiplies): engagement x
 * 1 / (hours + 1) x exp(-hours / 24).
 */
export function trendScore(engagement: number, hours: number): number {
  return (engagement / (hours + 1)) * Math.exp(-hours / 24)
}

/**
 * How old a bucket counts as: from the end of its hour on, so that it is 0 while the hour goes on, and no score jumps when
 * the next one begins. In hours.
 */
export function ageOfBucket(hour: number, nowMs: number): number {
  return Math.max(0, nowMs / HOUR_MS - (hour + 1))
}

/** What a term was used in the window, and in the hours of the baseline before it. */
export interface Usage {
  /** Accounts that used it, each once an hour. */
  accounts: number
  /** The same in `hoursBefore` hours before the window. */
  before: number
  /** Hours before the window of which something is known: 168 but in the first week. */
  hoursBefore: number
}

/**
 * Which share of a term's use its own baseline does not explain, from 0 to 1. As in Gnip's point-by-point Poisson model
 * (Hendrickson et al., "Trend Detection in Social Data", 2015): uses are taken for a Poisson process at the rate of the week
 * before, and only what exceeds its mean by three standard deviations counts. One is added under the root, so that a term that
 * was never used before must be used by four accounts; a baseline of less than a day is taken for that of a whole day.
 */
export function riseOf({ accounts, before, hoursBefore }: Usage): number {
  if (accounts <= 0) return 0
  const expected = (before / Math.max(hoursBefore, TREND_WINDOW_HOURS)) * TREND_WINDOW_HOURS
  return Math.max(0, (accounts - expected - 3 * Math.sqrt(expected + 1)) / accounts)
}
