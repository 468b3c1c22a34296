import { type SQL, sql } from 'drizzle-orm'
import { type Db, query, transaction } from '../client.ts'
import { ensureTweetPartitionsSql, partitionsUntil } from '../partitions.ts'
import { dependantsErased, withoutContent } from './erased-content.ts'

/** Attaches the partitions of this month and the next ones. */
export async function ensureTweetPartitions(db: Db, nowMs: number): Promise<void> {
  await query(db, sql.raw(ensureTweetPartitionsSql(nowMs, partitionsUntil(nowMs))))
}

/** Rows of one kind that one run deletes: a statement of a second or two. What is left waits for the next run. */
const EXPIRED_ROWS_MAX = 100_000

/** Deletes what has expired and serves nobody: idempotency keys, sessions, quota windows without recent use, mutes. */
export async function deleteExpired(db: Db, limit = EXPIRED_ROWS_MAX): Promise<void> {
  await transaction(db, {
    main: sql`delete from idempotency_keys where created_at < now() - interval '24 hours'`,
    after: [
      sql`delete from sessions where expires_at < now() - interval '30 days'`,
      sql`delete from quota_windows where uses[cardinality(uses)] < now() - interval '1 day'`,
      deleteSome('mutes', sql`expires_at <= now()`, limit),
      deleteSome('muted_words', sql`expires_at <= now()`, limit),
    ],
  })
}

/** Without those that somebody is changing: a mute may be made longer. */
function deleteSome(table: string, condition: SQL, limit: number): SQL {
  const name = sql.raw(table)
  return sql`
      delete from ${name}
      where ctid = any(array(
        select ctid from ${name} where ${condition} limit ${limit} for update skip locked))`
}

/**
 * Erases the content of tweets that were deleted more than 30 days ago, at most so many, and answers how many. The row
 * stays, because replies stand on it, and the poll with its votes, though not with what they were for. `tweets_to_erase` serves it.
 */
export async function eraseDeletedTweets(db: Db, limit: number): Promise<number> {
  const [row] = await query<{ erased: number }>(
    db,
    sql`
    with due as materialized (
      select id
      from tweets
      where deleted_at is not null and erased_at is null and deleted_at < now() - interval '30 days'
      order by deleted_at
      limit ${limit}
      for no key update skip locked
    ), erased as (
      update tweets
      set ${withoutContent}
      where id in (select id from due)
      returning id
    ), ${dependantsErased}
    select count(*)::int as erased from erased`,
  )
  return row?.erased ?? 0
}
