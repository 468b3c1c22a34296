import { sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query, transaction } from '../client.ts'
import { outboxRecord, searchRow } from './outbox.ts'
import { type OwnProfileRow, ownProfileColumns } from './profile-columns.ts'
import {
  insertionOf,
  type NewSession,
  tellEnded,
  tellSearchOfPresence,
  unsubscribeEnded,
} from './sessions.ts'
import { isErased } from './visibility.ts'

export interface NewAccount {
  id: UserId
  username: string
  email: string
  displayName: string
  passwordHash: string
}

export interface AccountRow extends OwnProfileRow {
  /** When the first session ends, in Unix milliseconds. */
  expires_at_ms: number
  /** That search is to know of them. */
  outbox: OutboxRow[]
}

/**
 * A user and their first session. One statement: the session's foreign key is checked at its end, when the
 * user is there. Fails with `users_pkey`, `users_username_unique` or `users_email_unique` when that is taken.
 */
export async function insertAccount(db: Db, account: NewAccount, session: NewSession): Promise<AccountRow> {
  const [row] = await query<AccountRow>(
    db,
    sql`
      with account as (
        insert into users as u (id, username, email, display_name, password_hash)
        values (${account.id}, ${account.username}, ${account.email}, ${account.displayName}, ${account.passwordHash})
        returning ${ownProfileColumns}
      ), session as (
        ${insertionOf(session, sql`account`)}
      ), sent as (
        insert into outbox (queue, message, next_attempt_at)
        select ${searchRow('user_changed', sql`'user_id', id::bigint`)} from account
        returning id, queue, message
      )
      select account.*, session.*, (select json_agg(${outboxRecord}) from sent) as outbox from account, session`,
  )
  if (row === undefined) throw new Error('An insertion answered no row')
  return row
}

export type AccountRef = { id: UserId } | { username: string } | { email: string }

export interface CredentialsRow extends OwnProfileRow {
  password_hash: string
  is_active: boolean
  is_suspended: boolean
  /** By its owner, and not yet erased: signing in makes it active again. */
  is_deactivated: boolean
}

/** Whose password is to be verified. Served by `users_username_unique`, `users_email_unique` or the primary key. */
export async function findCredentials(db: Db, ref: AccountRef): Promise<CredentialsRow | null> {
  const isMeant =
    'id' in ref
      ? sql`u.id = ${ref.id}`
      : 'username' in ref
        ? sql`lower(u.username) = lower(${ref.username})`
        : sql`lower(u.email) = lower(${ref.email})`
  const [row] = await query<CredentialsRow>(
    db,
    sql`
      select ${ownProfileColumns},
        u.password_hash,
        u.is_active,
        u.suspended_at is not null as is_suspended,
        u.deactivated_at is not null as is_deactivated
      from users as u
      where ${isMeant} and not ${isErased}`,
  )
  return row ?? null
}

/** Stores the same password under newer parameters, unless it was changed since. */
export async function replacePasswordHash(db: Db, user: UserId, from: string, to: string): Promise<void> {
  await query(
    db,
    sql`
      update users
      set password_hash = ${to}
      where id = ${user} and password_hash = ${from}`,
  )
}

export interface PasswordChange {
  userId: UserId
  /** The session that lives on. */
  sessionId: string
  from: string
  to: string
}

/**
 * Changes the password and ends the user's other sessions; answers what their sockets are told, or null when
 * the password is no longer `from` or the account may no longer be used.
 *
 * Two statements: a sign-in with the old password holds the user's row until its session is committed, and
 * only a statement that begins after the wait for that row sees this session.
 */
export async function updatePassword(db: Db, change: PasswordChange): Promise<OutboxRow | null> {
  const { userId, sessionId, from, to } = change
  const [told] = await transaction<OutboxRow>(db, {
    before: [
      sql`
        update users
        set password_hash = ${to}, updated_at = now()
        where id = ${userId} and password_hash = ${from} and is_active and suspended_at is null`,
    ],
    main: sql`
      with changed as (
        select id from users where id = ${userId} and password_hash = ${to}
      ), ended as (
        update sessions
        set revoked_at = now()
        where user_id = (select id from changed) and id <> ${sessionId}::uuid and revoked_at is null
        returning id
      ), unsubscribed as (${unsubscribeEnded}
      )
      ${tellEnded(sql`select id as user_id, null::uuid as id, ${sessionId}::uuid as except_id from changed`)}`,
  })
  return told ?? null
}

/**
 * Deactivates an account whose password was found right: it is gone for all others, all its sessions end, and no browser
 * is pushed to. Answers what its sockets and search are told, or null when the password was changed meanwhile or the account may
 * no longer be used.
 *
 * Two statements, as for a change of the password: who signs in meanwhile is seen, or sees this.
 */
export async function deactivateAccount(
  db: Db,
  userId: UserId,
  passwordHash: string,
): Promise<OutboxRow[] | null> {
  const told = await transaction<OutboxRow>(db, {
    before: [
      sql`
        update users
        set is_active = false, deactivated_at = now(), revision = revision + 1, updated_at = now()
        where id = ${userId} and password_hash = ${passwordHash} and is_active and suspended_at is null`,
    ],
    // `now()` is the transaction's: the account was deactivated by this one.
    main: sql`
      with gone as (
        select id, revision from users where id = ${userId} and not is_active and deactivated_at = now()
      ), ended as (
        update sessions
        set revoked_at = now()
        where user_id = (select id from gone) and revoked_at is null
      ), unsubscribed as (
        delete from push_subscriptions where user_id = (select id from gone)
      ), signed_out as (${tellEnded(sql`select id as user_id, null::uuid as id, null::uuid as except_id from gone`)}
      ), unfound as (${tellSearchOfPresence('gone')}
      )
      table signed_out union all table unfound`,
  })
  return told.length === 0 ? null : told
}
