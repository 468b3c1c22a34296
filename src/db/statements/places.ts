import { type SQL, sql } from 'drizzle-orm'
import { idFloor, type TweetId, timeOf } from '../../domain/ids.ts'

/** A place in a list that is ordered by when something was done, the latest first; ids break ties. */
export interface Place {
  /** Microseconds since 1970, as text because they outgrow a number. */
  atUs: string
  id: number
}

/** Which part of a list: what follows the place (or entry) `after`, or what follows the first `offset`. */
export interface ListPage<After> {
  after: After | null
  offset: number
  limit: number
}

/** The place of a row as JSON. */
export function placeRecord(at: SQL, id: SQL): SQL {
  return sql`json_build_object('atUs', (extract(epoch from ${at}) * 1000000)::bigint::text, 'id', ${id})`
}

/** The row stands behind the place; every row when there is none. */
export function isBehind(after: Place | null, at: SQL, id: SQL): SQL {
  if (after === null) return sql`true`
  return sql`(${at}, ${id}) < (to_timestamp(0) + ${after.atUs}::bigint * interval '1 microsecond', ${after.id}::bigint)`
}

const DAY_MS = 86_400_000

/**
 * An id below those of all that answer or quote the tweet: they come later, but for clocks that differ. As a bound it
 * keeps a statement out of the partitions before the tweet's own.
 */
export function answeredFrom(tweet: TweetId): number {
  return idFloor(timeOf(tweet) - DAY_MS)
}
