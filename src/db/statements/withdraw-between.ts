import { sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import { type Db, transaction } from '../client.ts'
import { countIntoGroups } from './notification-groups.ts'
import { raiseVersions } from './notification-locks.ts'
import { noBlockBetween } from './visibility.ts'
import type { Told } from './write-notifications.ts'

/** Notifications that are withdrawn in one step. */
const WITHDRAWN_PER_STEP = 500

export interface WithdrawnBetween {
  /** What each of the two is to be told, those that a step before has withdrawn included where this one is a repeat. */
  told: Pick<Told, 'user_id' | 'is_warm' | 'unread' | 'withdrawn'>[]
  /** There are more. */
  left: boolean
}

/**
 * Withdraws what either of two was told of the other, in both inboxes: of so many as one step takes. Behind the locks of the
 * inboxes, so that what is being told of meanwhile is seen, or sees the block. What came after a block that has ended by now
 * stays. Null when the outbox row is gone: another delivery has done it. `again`: it was tried before, and may be done in
 * part.
 */
export async function withdrawBetween(
  db: Db,
  outboxId: number,
  [one, other]: readonly [UserId, UserId],
  again: boolean,
  limit = WITHDRAWN_PER_STEP,
): Promise<WithdrawnBetween | null> {
  const [row] = await transaction<{ step: WithdrawnBetween }>(db, {
    before: [raiseVersions([one, other])],
    main: sql`
    with owed as (
      select attempts > 0 or ${again} as is_repeat, created_at from outbox where id = ${outboxId}
    ), sides as (
      select ${one}::bigint as user_id, ${other}::bigint as actor_id
      union all
      select ${other}::bigint, ${one}::bigint
    ), there as materialized (
      select n.id
      from sides s
      join notifications n on n.user_id = s.user_id and n.actor_id = s.actor_id
      cross join owed
      where n.withdrawn_at is null
        and (n.created_at <= owed.created_at or not ${noBlockBetween(one, sql`${other}::bigint`)})
      order by n.id
      limit ${limit + 1}
    ), withdrawn as (
      update notifications n set withdrawn_at = now()
      where n.id in (select id from there order by id limit ${limit})
        and n.withdrawn_at is null
      returning n.*
    ), changed as (
      select w.*, -1 as change from withdrawn w
    ), counted as (
      update notification_inboxes i
      set unread_count = greatest(0, i.unread_count + c.unread)
      from (
        select n.user_id, sum(n.change) as unread
        from changed n
        join notification_inboxes i on i.user_id = n.user_id
        where not n.is_read and n.id > i.read_up_to_id
        group by n.user_id) c
      where i.user_id = c.user_id
      returning i.user_id, i.unread_count
    ), grouped as (${countIntoGroups(limit)}
    ), untelling as materialized (
      select user_id, id from withdrawn
      union
      select n.user_id, n.id
      from sides s
      join notifications n on n.user_id = s.user_id and n.actor_id = s.actor_id
      where n.withdrawn_at > now() - interval '1 hour' and (select is_repeat from owed)
    )
    select json_build_object(
      'left', (select count(*) from there) > ${limit},
      'told', coalesce((
        select json_agg(json_build_object(
          'user_id', i.user_id,
          'is_warm', warm.user_id is not null,
          'unread', json_build_object(
            'count', coalesce((select c.unread_count from counted c where c.user_id = i.user_id), i.unread_count),
            'version', i.version),
          'withdrawn', (select json_agg(n.id order by n.id) from untelling n where n.user_id = i.user_id)))
        from notification_inboxes i
        left join timelines warm on warm.user_id = i.user_id
        where i.user_id in (select user_id from untelling)), '[]')) as step
    from owed`,
  })
  return row?.step ?? null
}
