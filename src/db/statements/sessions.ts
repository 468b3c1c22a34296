import { type SQL, sql } from 'drizzle-orm'
import type { OwnProfile } from '../../contracts/http/users.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { REFRESH_GRACE_SECONDS, REFRESH_TOKEN_TTL_SECONDS } from '../../domain/sessions.ts'
import { type Db, query } from '../client.ts'
import { searchRow, tweetsOfChangedRow } from './outbox.ts'

export interface NewSession {
  id: string
  /** Of the id of its first refresh token. */
  tokenHash: string
  userAgent: string
}

const newExpiry = sql`now() + make_interval(secs => ${REFRESH_TOKEN_TTL_SECONDS})`
const millisecondsOf = (column: string) => sql.raw(`(extract(epoch from ${column}) * 1000)::float8`)

/** `insert into sessions ...` of a statement that signs somebody in, answering `expires_at_ms`. */
export function insertionOf(session: NewSession, user: SQL): SQL {
  return sql`
    insert into sessions (id, user_id, token_hash, user_agent, expires_at)
    select ${session.id}::uuid, id::bigint, ${session.tokenHash}, ${session.userAgent}, ${newExpiry}
    from ${user}
    returning ${millisecondsOf('expires_at')} as expires_at_ms`
}

export interface StartedSession {
  /** When it ends. */
  expires_at_ms: number
  /** What search is told, where the account was deactivated. */
  outbox: OutboxRow[]
}

/**
 * A sign-in with a password that was found right, or null when it was changed meanwhile or the account may no
 * longer be used: the user's row is held until the session is committed, so a change of the password sees the
 * session or this statement sees the change. An account that its owner had deactivated is active again by it; of two such
 * at once the second finds it neither active nor deactivated, and is to try again.
 */
export async function insertSession(
  db: Db,
  user: UserId,
  passwordHash: string,
  session: NewSession,
): Promise<StartedSession | null> {
  const [row] = await query<StartedSession>(
    db,
    sql`
      with held as (
        select id
        from users
        where id = ${user} and password_hash = ${passwordHash} and is_active and suspended_at is null
        for share
      ), returned as (
        update users
        set is_active = true, deactivated_at = null, revision = revision + 1, updated_at = now()
        where id = ${user} and password_hash = ${passwordHash} and not is_active and deactivated_at is not null
          and suspended_at is null
        returning id, revision
      ), account as (
        select id from held union all select id from returned
      ), session as (${insertionOf(session, sql`account`)}
      ), found as (${tellSearchOfPresence('returned')}
      )
      select expires_at_ms, (select coalesce(json_agg(found), '[]') from found) as outbox from session`,
  )
  return row ?? null
}

/** Tells search of the people of `rows (id, revision)` who are there now, or no longer, and of all their tweets. */
export function tellSearchOfPresence(rows: 'gone' | 'returned'): SQL {
  return sql`
        insert into outbox (queue, message, next_attempt_at)
        select ${searchRow('user_changed', sql`'user_id', id`)} from ${sql.raw(rows)}
        union all
        select ${tweetsOfChangedRow(sql`id`, sql`revision`)} from ${sql.raw(rows)}
        returning id, queue, message`
}

export interface Rotation {
  sessionId: string
  userId: UserId
  /** Of the id of the token that was shown. */
  tokenHash: string
  /** Of the id of the token that replaces it. */
  successorHash: string
}

export interface RotationRow {
  username: string
  role: OwnProfile['role']
  is_active: boolean
  is_suspended: boolean
  /** The token was neither the current one nor its predecessor: the session was ended by this statement. */
  is_stolen: boolean
  expires_at_ms: number
  /** What the sockets of a session that was ended are told. */
  outbox: OutboxRow[]
}

/**
 * Replaces a session's refresh token; null when there is no such session. The token's predecessor is answered
 * with the same successor for a few seconds, any other token ends the session. One update: when two come at
 * once Postgres judges the second again over the row that the first has left.
 */
export async function rotateSession(db: Db, rotation: Rotation): Promise<RotationRow | null> {
  const { sessionId, userId, tokenHash, successorHash } = rotation
  const isCurrent = sql`(s.token_hash = ${tokenHash})`
  const isPredecessor = sql`(
    s.previous_token_hash = ${tokenHash}
    and s.rotated_at > now() - make_interval(secs => ${REFRESH_GRACE_SECONDS}))`
  const rotates = sql`(${isCurrent} and u.is_active and u.suspended_at is null)`
  const [row] = await query<RotationRow>(
    db,
    sql`
      with session as (
        update sessions as s
        set
          token_hash = case when ${rotates} then ${successorHash} else s.token_hash end,
          previous_token_hash = case when ${rotates} then ${tokenHash} else s.previous_token_hash end,
          rotated_at = case when ${rotates} then now() else s.rotated_at end,
          expires_at = case when ${rotates} then ${newExpiry} else s.expires_at end,
          revoked_at = case when ${isCurrent} or coalesce(${isPredecessor}, false) then null else now() end
        from users as u
        where s.id = ${sessionId}::uuid
          and s.user_id = ${userId}
          and s.revoked_at is null
          and s.expires_at > now()
          and u.id = s.user_id
        returning s.id, s.user_id, s.revoked_at, s.expires_at,
          u.username, u.role, u.is_active, u.suspended_at
      ), ended as (
        select id from session where revoked_at is not null
      ), unsubscribed as (${unsubscribeEnded}
      ), told as (${tellEnded(sql`select user_id, id, null::uuid as except_id from session where revoked_at is not null`)})
      select
        username,
        role,
        is_active,
        suspended_at is not null as is_suspended,
        revoked_at is not null as is_stolen,
        ${millisecondsOf('expires_at')} as expires_at_ms,
        (select coalesce(json_agg(told), '[]') from told) as outbox
      from session`,
  )
  return row ?? null
}

export interface SessionRow {
  id: string
  user_agent: string
  created_at_ms: number
  last_used_at_ms: number
  expires_at_ms: number
}

/** A page of the list: after a session of the page before (its id is the cursor), or after so many. */
export interface SessionPage {
  limit: number
  offset: number
  after: string | null
}

/** Where a user is signed in, the newest sign-in first. Served by `sessions_user_id`. */
export async function selectSessions(db: Db, user: UserId, page: SessionPage): Promise<SessionRow[]> {
  const isAfter =
    page.after === null
      ? sql`true`
      : sql`(created_at, id) < (
          select created_at, id
          from sessions
          where id = ${page.after}::uuid and user_id = ${user})`
  return query<SessionRow>(
    db,
    sql`
      select
        id,
        user_agent,
        ${millisecondsOf('created_at')} as created_at_ms,
        ${millisecondsOf('rotated_at')} as last_used_at_ms,
        ${millisecondsOf('expires_at')} as expires_at_ms
      from sessions
      where user_id = ${user} and revoked_at is null and expires_at > now() and ${isAfter}
      order by created_at desc, id desc
      limit ${page.limit}
      offset ${page.offset}`,
  )
}

/**
 * Ends one session of a user, or all when `sessionId` is null. Answers what the sockets are told: nothing when
 * there was no such session, because then nothing has changed.
 */
export async function endSessions(db: Db, user: UserId, sessionId: string | null): Promise<OutboxRow[]> {
  const isMeant = sessionId === null ? sql`true` : sql`id = ${sessionId}::uuid`
  return query<OutboxRow>(
    db,
    sql`
      with ended as (
        update sessions
        set revoked_at = now()
        where user_id = ${user} and revoked_at is null and expires_at > now() and ${isMeant}
        returning id, user_id
      ), unsubscribed as (${unsubscribeEnded}
      )
      ${tellEnded(sql`
        select user_id, ${sessionId}::uuid as id, null::uuid as except_id
        from ended
        limit 1`)}`,
  )
}

/** The session `s` is neither over nor ended. */
export const isLive = sql`(s.revoked_at is null and s.expires_at > now())`

/** Whether a sign-in is over: ended, or expired. */
export async function isSessionOver(db: Db, session: string): Promise<boolean> {
  const rows = await query(db, sql`select from sessions s where s.id = ${session}::uuid and not ${isLive}`)
  return rows.length > 0
}

/** A CTE's body: sessions that end, of which `ended` has the `id`, take with them where their browsers are pushed to. */
export const unsubscribeEnded = sql`
        delete from push_subscriptions where session_id in (select id from ended)`

/** Writes the outbox row by which sockets close: all of `user_id`, or those of the session `id`, but not `except_id`'s. */
export function tellEnded(ended: SQL): SQL {
  return sql`
    insert into outbox (queue, message, next_attempt_at)
    select
      'fan-out',
      jsonb_build_object(
        'type', 'session_ended', 'v', 1, 'user_id', ended.user_id,
        'session_id', ended.id, 'except_session_id', ended.except_id),
      now() + interval '30 seconds'
    from (${ended}) as ended
    returning id::float8 as id, queue, message`
}
