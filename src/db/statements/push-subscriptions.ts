import { sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import { array, type Db, query, transaction } from '../client.ts'
import { isLive } from './sessions.ts'
import { isPresent } from './visibility.ts'

/** Of one user; the oldest goes when one more comes. */
const SUBSCRIPTIONS_MAX = 10

export interface NewPushSubscription {
  endpoint: string
  /** In base64url. */
  p256dh: string
  auth: string
}

export interface PushSubscriptionRow {
  id: number
  endpoint: string
  created_at_ms: number
}

export type Subscribed =
  | { outcome: 'subscribed'; isNew: boolean; subscription: PushSubscriptionRow }
  | { outcome: 'unauthenticated' | 'suspended' }

const createdAtMs = sql.raw(`(extract(epoch from created_at) * 1000)::float8`)

/**
 * Subscribes a browser for as long as the session lives. An endpoint is one browser's, so there is one row of it: it goes to
 * who signs in there, with the keys that hold now. `unauthenticated`: the session has ended.
 *
 * Two statements: the user's subscribing is locked first, so that the one that prunes sees what the others inserted.
 * `push_subscriptions_user_id` serves the pruning.
 */
export async function insertPushSubscription(
  db: Db,
  user: UserId,
  sessionId: string,
  { endpoint, p256dh, auth }: NewPushSubscription,
): Promise<Subscribed> {
  const [row] = await transaction<{ subscribed: Subscribed }>(db, {
    before: [
      sql`select pg_advisory_xact_lock(hashtextextended('push_subscriptions:' || ${user}::bigint, 0))`,
    ],
    main: sql`
    with session as (
      select s.id
      from sessions s
      join users u on u.id = s.user_id
      where s.id = ${sessionId}::uuid and s.user_id = ${user} and ${isLive} and ${isPresent}
    ), subscribed as (
      insert into push_subscriptions as p (user_id, session_id, endpoint, p256dh, auth)
      select ${user}::bigint, id, ${endpoint}, ${p256dh}, ${auth}
      from session
      on conflict (endpoint) do update
      set user_id = excluded.user_id, session_id = excluded.session_id,
          p256dh = excluded.p256dh, auth = excluded.auth,
          created_at = case when p.user_id = excluded.user_id then p.created_at else excluded.created_at end
      returning id, endpoint, created_at
    ), pruned as (
      delete from push_subscriptions
      where exists (select from subscribed)
        and id in (
          select id
          from push_subscriptions
          where user_id = ${user} and endpoint <> ${endpoint}
          order by created_at desc, id desc
          offset ${SUBSCRIPTIONS_MAX - 1})
    )
    select coalesce(
      (select json_build_object(
         'outcome', 'subscribed',
         'isNew', created_at = now(),
         'subscription', json_build_object('id', id, 'endpoint', endpoint, 'created_at_ms', ${createdAtMs}))
       from subscribed),
      (select json_build_object('outcome', 'suspended') from users where id = ${user} and suspended_at is not null),
      json_build_object('outcome', 'unauthenticated')) as subscribed`,
  })
  if (row === undefined) throw new Error('A subscription answered no row')
  return row.subscribed
}

/** Where a user is pushed to, the newest first: at most ten. Served by `push_subscriptions_user_id`. */
export async function selectPushSubscriptions(db: Db, user: UserId): Promise<PushSubscriptionRow[]> {
  return query<PushSubscriptionRow>(
    db,
    sql`
    select p.id::float8 as id, p.endpoint, (extract(epoch from p.created_at) * 1000)::float8 as created_at_ms
    from push_subscriptions p
    join sessions s on s.id = p.session_id
    where p.user_id = ${user} and ${isLive}
    order by p.created_at desc, p.id desc
    limit ${SUBSCRIPTIONS_MAX}`,
  )
}

/** Ends a subscription of the user's; answers whether there was one. */
export async function deletePushSubscription(db: Db, user: UserId, id: number): Promise<boolean> {
  const rows = await query(
    db,
    sql`delete from push_subscriptions where id = ${id} and user_id = ${user} returning id::float8 as id`,
  )
  return rows.length > 0
}

/** Ends those that their push services no longer know. */
export async function deletePushSubscriptions(db: Db, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  await query(db, sql`delete from push_subscriptions where id = any(${array(ids, 'bigint')})`)
}
