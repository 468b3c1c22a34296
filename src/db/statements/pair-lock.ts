import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { UserId } from '../../domain/ids.ts'
import { whichUser } from './users.ts'

/**
 * Whoever follows, unfollows, blocks or writes to somebody takes this lock on the pair first: what the next statement
 * sees then is what the others did. On the pair, because a lock on a popular user's row would queue all their followers.
 */
export function lockPair(user: UserId, other: UserRef): SQL {
  return sql`
    select pg_advisory_xact_lock(hashtextextended(least(${user}, u.id) || ':' || greatest(${user}, u.id), 0))
    from users u
    where ${whichUser(other)}`
}
