import { sql } from 'drizzle-orm'
import { type Db, query, transaction } from '../client.ts'
import { ensureTweetPartitionsSql, partitionsUntil } from '../partitions.ts'

/** Attaches the partitions of this month and the next ones. */
export async function ensureTweetPartitions(db: Db, nowMs: number): Promise<void> {
  await query(db, sql.raw(ensureTweetPartitionsSql(nowMs, partitionsUntil(nowMs))))
}

/** Deletes what has expired and serves nobody: idempotency keys, sessions, and quota windows without recent use. */
export async function deleteExpired(db: Db): Promise<void> {
  await transaction(db, {
    main: sql`delete from idempotency_keys where created_at < now() - interval '24 hours'`,
    after: [
      sql`delete from sessions where expires_at < now() - interval '30 days'`,
      sql`delete from quota_windows where uses[cardinality(uses)] < now() - interval '1 day'`,
    ],
  })
}
