import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { UserId } from '../../domain/ids.ts'
import { array } from '../client.ts'
import { whichUser } from './users.ts'

const keyOf = (user: UserId, other: SQL) =>
  sql`hashtextextended(least(${user}, ${other}) || ':' || greatest(${user}, ${other}), 0)`

/**
 * Whoever follows, unfollows, blocks or writes to somebody takes this lock on the pair first: what the next statement
 * sees then is what the others did. On the pair, because a lock on a popular user's row would queue all their followers.
 */
export function lockPair(user: UserId, other: UserRef): SQL {
  return sql`
    select pg_advisory_xact_lock(${keyOf(user, sql`u.id`)})
    from users u
    where ${whichUser(other)}`
}

/** The same with each of several others, in one order. */
export function lockPairs(user: UserId, others: readonly UserId[]): SQL {
  return lockPairsAmong(user, sql`unnest(${array(others, 'bigint')})`)
}

/** The same with those that `others`, which has one column, gives. */
export function lockPairsAmong(user: UserId, others: SQL): SQL {
  return sql`
    select pg_advisory_xact_lock(key)
    from (select distinct ${keyOf(user, sql`other`)} as key from ${others} others(other) order by 1) keys`
}
