import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { UserId } from '../../domain/ids.ts'
import { outboxRow } from './outbox.ts'
import { whichUser } from './users.ts'

/**
 * Locks the rows of both, in the order of their ids, before a statement that raises the `graph_version` of both: two
 * such statements would otherwise wait for each other. After the lock of the pair.
 */
export function lockBoth(user: UserId, other: UserRef): SQL {
  return sql`
    select from users
    where id in (select ${user}::bigint union all select u.id from users u where ${whichUser(other)})
    order by id
    for no key update`
}

/** The columns of an outbox row that tells a follower's timeline whom they follow from now on, or no longer. */
export function followChangedRow(follower: SQL, followee: SQL, following: boolean, version: SQL): SQL {
  return outboxRow(
    'fan-out',
    sql`jsonb_build_object(
      'type', 'follow_changed', 'v', 1, 'follower_id', ${follower}, 'followee_id', ${followee},
      'following', ${following}::boolean, 'graph_version', ${version})`,
  )
}

/** Who vanishes from the timeline of the user, or no longer, as of the user's `graph_version`. */
interface Dropped {
  user: SQL
  other: SQL
  reason: SQL
  dropped: boolean
  untilMs: SQL
  version: SQL
}

/** The columns of an outbox row that tells a user's timeline so. */
export function dropChangedRow({ user, other, reason, dropped, untilMs, version }: Dropped): SQL {
  return outboxRow(
    'fan-out',
    sql`jsonb_build_object(
      'type', 'drop_changed', 'v', 1, 'user_id', ${user}, 'other_id', ${other}, 'reason', ${reason},
      'dropped', ${dropped}::boolean, 'until_ms', ${untilMs}, 'graph_version', ${version})`,
  )
}

/** The body of a CTE that counts follows which were made (1) or ended (-1), those of `rows (follower_id, following_id)`. */
export function countFollows(rows: 'lost' | 'followed', delta: 1 | -1): SQL {
  return sql`
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'user', follower_id, 'following_count', ${delta}::int from ${sql.raw(rows)}
      union all
      select 'user', following_id, 'follower_count', ${delta}::int from ${sql.raw(rows)}`
}
