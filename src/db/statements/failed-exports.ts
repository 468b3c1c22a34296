import { type SQL, sql } from 'drizzle-orm'
import { ARCHIVE_TTL_SECONDS } from '../../domain/limits.ts'

/** What is set of an export that failed. Its row, and whatever an attempt has left, go a day later. */
export const failedColumns = sql`
      state = 'failed', finished_at = now(), expires_at = now() + make_interval(secs => ${ARCHIVE_TTL_SECONDS})`

/**
 * The row `o` of the outbox is what the export `e` was committed with, and so has its time. That names it for good: its id
 * is another with each attempt.
 */
export const isOwedBy = sql`(o.queue = 'exports' and e.user_id = (o.message ->> 'user_id')::bigint
          and e.created_at = o.created_at)`

/** The body of a CTE: exports that are owed by `rows (queue, message, created_at)` of the outbox, and will not be written. */
export const failExportsOf = (rows: 'dead'): SQL => sql`
      update exports e
      set ${failedColumns}
      from ${sql.raw(rows)} o
      where ${isOwedBy} and e.state = 'pending'`
