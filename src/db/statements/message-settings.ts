import { sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import type { Audience } from '../../domain/notifications.ts'
import { type Db, query } from '../client.ts'
import { viewerRefusal } from './engagement.ts'

/** Who may begin a conversation with the user; null where there is no such user. */
export async function readAllowedFrom(db: Db, user: UserId): Promise<Audience | null> {
  const [row] = await query<{ allows: Audience }>(
    db,
    sql`select allow_messages_from as allows from users where id = ${user} and is_active`,
  )
  return row?.allows ?? null
}

export type AllowedFrom = { outcome: 'updated' | 'unauthenticated' | 'suspended' }

export async function updateAllowedFrom(db: Db, user: UserId, allows: Audience): Promise<AllowedFrom> {
  const [row] = await query<AllowedFrom>(
    db,
    sql`
    with gate as (
      select ${viewerRefusal(user)} as refusal
    ), updated as (
      update users
      set allow_messages_from = ${allows}, updated_at = now()
      from gate
      where gate.refusal is null and id = ${user} and allow_messages_from <> ${allows}
    )
    select coalesce(refusal, 'updated') as outcome from gate`,
  )
  if (row === undefined) throw new Error('Changing who may write answered no row')
  return row
}
