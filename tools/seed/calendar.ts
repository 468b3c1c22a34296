import { ID_EPOCH_MS } from '../../src/domain/ids.ts'
import { StackError } from '../stack/stack-error.ts'
import { at, type Random } from './random.ts'

export const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** Tweets are spread over this long up to now. */
const TWEETS_SPAN_MS = 42 * DAY_MS
/** People joined before the first tweet, over at most this long. */
const JOINING_SPAN_MS = 730 * DAY_MS

export interface Calendar {
  /** The first person joined then. */
  beginsMs: number
  /** Everybody has joined, and the first tweets are written. */
  tweetsFromMs: number
  nowMs: number
}

/** The community's dates in Unix milliseconds. Throws a StackError for a `now` too close to the first id's time. */
export function calendarOf(nowMs: number): Calendar {
  const tweetsFromMs = nowMs - TWEETS_SPAN_MS
  const beginsMs = Math.max(ID_EPOCH_MS, tweetsFromMs - JOINING_SPAN_MS)
  if (tweetsFromMs - beginsMs < DAY_MS) {
    throw new StackError('The community cannot live that early: give a --now from March 2024 on.')
  }
  return { beginsMs, tweetsFromMs, nowMs }
}

// How busy each hour of a day is where the writer lives: a quiet night, a noon of its own, the most in the evening.
const BUSYNESS_BY_HOUR = [3, 2, 1, 1, 1, 2, 4, 6, 7, 7, 7, 8, 9, 8, 7, 7, 7, 8, 9, 10, 10, 10, 8, 5]
const BUSIEST = 10
const WEEKDAY_FACTOR = 0.8
const SATURDAY = 6
const SUNDAY = 0

/**
 * A moment for a tweet of someone who lives at this offset from UTC, never after now. `recency` of 1 spreads evenly
 * over the weeks; more draws the moments towards now.
 */
export function tweetMoment(
  random: Random,
  { tweetsFromMs, nowMs }: Calendar,
  { utcOffsetHours, recency }: { utcOffsetHours: number; recency: number },
): number {
  for (;;) {
    const ago = random.unit() ** recency * (nowMs - tweetsFromMs)
    const moment = Math.floor(nowMs - ago)
    if (random.chance(busyness(moment + utcOffsetHours * HOUR_MS))) return moment
  }
}

function busyness(localMs: number): number {
  const local = new Date(localMs)
  const day = local.getUTCDay()
  const factor = day === SATURDAY || day === SUNDAY ? 1 : WEEKDAY_FACTOR
  return (at(BUSYNESS_BY_HOUR, local.getUTCHours()) / BUSIEST) * factor
}
