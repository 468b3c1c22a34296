import { sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { isErased } from './visibility.ts'

/**
 * Says that the timeline is warm from now on, under a new epoch: fan-out that looks up followers after this
 * commit delivers to it. Answers the epoch, greater than any before even when the database was restored; null when
 * there is no such user, or they have deactivated their account.
 */
export async function commitWarm(db: Db, user: UserId, nowMs: number): Promise<number | null> {
  const [row] = await query<{ epoch: number }>(
    db,
    sql`
    insert into timelines as t (user_id, epoch)
    select id, ${nowMs} from users where id = ${user} and is_active
    on conflict (user_id) do update set epoch = greatest(t.epoch + 1, excluded.epoch), warm_at = now()
    returning epoch::float8 as epoch`,
  )
  return row?.epoch ?? null
}

/** How far somebody had read; in Unix milliseconds since when. */
export interface Marker {
  lastReadId: number
  updatedAtMs: number
}

/**
 * The timeline goes cold, unless it was built again since; how far it was read is kept for its next build, whichever build
 * the row is of: after a restore of the database it is an earlier one, or there is none.
 */
export async function commitCold(db: Db, user: UserId, epoch: number, marker: Marker | null): Promise<void> {
  await query(
    db,
    sql`
    with cold as (
      delete from timelines where user_id = ${user} and epoch = ${epoch}
    )
    insert into home_markers as kept (user_id, last_read_id, updated_at)
    select u.id, ${marker?.lastReadId ?? 0}, to_timestamp(${(marker?.updatedAtMs ?? 0) / 1000})
    from users u
    where u.id = ${user} and ${marker !== null} and not ${isErased}
    on conflict (user_id) do update
    set last_read_id = excluded.last_read_id, updated_at = excluded.updated_at
    where excluded.last_read_id > kept.last_read_id`,
  )
}
