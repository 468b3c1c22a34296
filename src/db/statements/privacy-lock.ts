import { type SQL, sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'

const keyOf = (user: SQL) => sql`hashtextextended('privacy:' || ${user}, 0)`

/**
 * Whoever may ask to follow the account takes this first, together with others and before the lock of the pair: what the
 * next statement sees of its privacy then holds until it is done.
 */
export function sharedPrivacyLock(user: SQL): SQL {
  return sql`pg_advisory_xact_lock_shared(${keyOf(user)})`
}

/** Whoever makes an account public takes this first: who asked to follow it has asked by then. */
export function lockPrivacy(user: UserId): SQL {
  return sql`select pg_advisory_xact_lock(${keyOf(sql`${user}::bigint`)})`
}
