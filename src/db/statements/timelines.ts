import { sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'

/**
 * Says that the timeline is warm from now on, under a new epoch: fan-out that looks up followers after this
 * commit delivers to it. Answers the epoch, greater than any before even when the database was restored; null when
 * there is no such user.
 */
export async function commitWarm(db: Db, user: UserId, nowMs: number): Promise<number | null> {
  const [row] = await query<{ epoch: number }>(
    db,
    sql`
    insert into timelines as t (user_id, epoch)
    select id, ${nowMs} from users where id = ${user}
    on conflict (user_id) do update set epoch = greatest(t.epoch + 1, excluded.epoch), warm_at = now()
    returning epoch::float8 as epoch`,
  )
  return row?.epoch ?? null
}

/** The timeline goes cold, unless it was built again since. */
export async function commitCold(db: Db, user: UserId, epoch: number): Promise<void> {
  await query(db, sql`delete from timelines where user_id = ${user} and epoch = ${epoch}`)
}
