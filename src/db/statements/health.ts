import { sql } from 'drizzle-orm'
import { type Db, query } from '../client.ts'

export interface DatabaseHealth {
  /** The largest id that a partition of `tweets` takes, exclusive; 0 when there is none. */
  partitionsUntilId: number
  /** Age of the oldest outbox row that is still owed, in seconds. */
  oldestOutboxSeconds: number
  deadLetters: number
}

/** Whether the database answers, and what an operator must know of it. */
export async function readDatabaseHealth(db: Db): Promise<DatabaseHealth> {
  const [row] = await query<{ health: DatabaseHealth }>(
    db,
    sql`
    select json_build_object(
      'partitionsUntilId', coalesce((
        select max((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \\(''?(\\d+)''?\\)'))[1]::bigint)
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'tweets'::regclass), 0),
      'oldestOutboxSeconds', coalesce((
        select extract(epoch from now() - created_at)
        from outbox where dead_at is null order by id limit 1), 0),
      'deadLetters', (select count(*) from dead_letters)) as health`,
  )
  if (row === undefined) throw new Error('The health statement answered no row')
  return row.health
}
