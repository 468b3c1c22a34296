import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { ARCHIVE_TTL_SECONDS, EXPORTS_PER_DAY } from '../../domain/limits.ts'
import { array, type Db, query, transaction } from '../client.ts'
import { viewerRefusal } from './engagement.ts'
import { failedColumns, isOwedBy } from './failed-exports.ts'
import { outboxRecord, outboxRow } from './outbox.ts'
import { isPresent } from './visibility.ts'

/** An export as its owner sees it; times in Unix ms. */
export interface ExportRow {
  /** While it is pending, that of whoever writes it: another with each attempt. It names the archive. */
  id: string
  state: 'pending' | 'ready' | 'failed'
  requested_at_ms: number
  /** When the archive goes, as the next; null unless it is ready. */
  expires_at_ms: number | null
  bytes: number | null
}

/** The export `e` as the JSON of an ExportRow. Of a pending one `expires_at` is its writer's lease and nobody else's. */
const exportRecord: SQL = sql.raw(`json_build_object(
    'id', e.id,
    'state', e.state,
    'requested_at_ms', (extract(epoch from e.created_at) * 1000)::float8,
    'expires_at_ms', case when e.state = 'ready' then (extract(epoch from e.expires_at) * 1000)::float8 end,
    'bytes', e.bytes)`)

const hasExpired = sql`(e.state <> 'pending' and e.expires_at <= now())`

export type ExportRequested =
  | { outcome: 'requested'; export: ExportRow; outbox: OutboxRow[] }
  | { outcome: 'rate_limited'; retry_after_seconds: number }
  | { outcome: 'unauthenticated' | 'suspended' }

/**
 * Begins an export, or answers the one that is pending or ready: there is one at a time. Failed ones count against the
 * day's. Two statements: the user's requests are locked first, so that the next one sees what the last one inserted.
 * `exports_user_id` serves it.
 */
export async function insertExport(db: Db, user: UserId, id: string): Promise<ExportRequested> {
  const [row] = await transaction<{ result: ExportRequested }>(db, {
    before: [sql`select pg_advisory_xact_lock(hashtextextended('exports:' || ${user}::bigint, 0))`],
    main: sql`
    with gate as materialized (
      select ${viewerRefusal(user)} as refusal
    ), current as materialized (
      select e.*
      from exports e
      where e.user_id = ${user} and e.state <> 'failed' and not ${hasExpired}
    ), recent as materialized (
      select count(*) as begun,
             ceil(extract(epoch from min(created_at) + interval '1 day' - now()))::int as retry_after_seconds
      from exports
      where user_id = ${user} and created_at > now() - interval '1 day'
    ), made as (
      insert into exports (id, user_id)
      select ${id}::uuid, ${user}
      from gate, recent
      where gate.refusal is null and recent.begun < ${EXPORTS_PER_DAY}::int and not exists (select from current)
      returning *
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow('exports', sql`jsonb_build_object('type', 'export', 'v', 1, 'user_id', user_id)`)}
      from made
      returning id, queue, message
    )
    select coalesce(
      (select json_build_object('outcome', refusal) from gate where refusal is not null),
      (select json_build_object(
         'outcome', 'requested',
         'export', ${exportRecord},
         'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))
       from (select * from current union all select * from made) e),
      (select json_build_object('outcome', 'rate_limited', 'retry_after_seconds', retry_after_seconds)
       from recent)) as result`,
  })
  if (row === undefined) throw new Error('Asking for an export answered no row')
  return row.result
}

/** The newest export of a user's that has not expired; null where there is none. `exports_user_id` serves it. */
export async function readExport(db: Db, user: UserId): Promise<ExportRow | null> {
  const [row] = await query<{ export: ExportRow }>(
    db,
    sql`
    select ${exportRecord} as export
    from exports e
    where e.user_id = ${user} and not ${hasExpired}
    order by e.created_at desc
    limit 1`,
  )
  return row?.export ?? null
}

/** An archive, by what its key is made of. */
export interface ArchiveRef {
  id: string
  user_id: UserId
}

/** How large an archive is that can be downloaded: ready, not expired, and of somebody who is there. Null for any other. */
export async function readArchiveBytes(db: Db, { id, user_id }: ArchiveRef): Promise<number | null> {
  const [row] = await query<{ bytes: number }>(
    db,
    sql`
    select e.bytes::float8 as bytes
    from exports e
    join users u on u.id = e.user_id
    where e.id = ${id}::uuid and e.user_id = ${user_id} and e.state = 'ready' and not ${hasExpired} and ${isPresent}`,
  )
  return row?.bytes ?? null
}

export type ExportClaim =
  | {
      outcome: 'claimed' /** The id of the attempt before, which may have left an archive. */
      previous: string
    }
  /** Somebody else writes it, or may still do. */
  | { outcome: 'held' }
  /** It is written, has failed, or went with its user. */
  | { outcome: 'gone' }

/**
 * Lets one writer at a time have the export that a row of the outbox owes, for so long: from now on it has the id of this
 * attempt, so that what another one finishes later is nobody's. The relay sends the message again when the lease is over,
 * in case that the writer was killed. One statement: of two at once, the second waits for the row and finds it taken.
 */
export async function claimExport(
  db: Db,
  outboxId: number,
  attempt: string,
  leaseSeconds: number,
): Promise<ExportClaim> {
  const lease = sql`now() + make_interval(secs => ${leaseSeconds})`
  const [row] = await query<{ claim: ExportClaim }>(
    db,
    sql`
    with owed as materialized (
      select e.id, e.expires_at is null or e.expires_at <= now() as is_free
      from outbox o
      join exports e on ${isOwedBy}
      where o.id = ${outboxId} and o.dead_at is null and e.state = 'pending'
      for update of e
    ), claimed as (
      update exports e
      set id = ${attempt}::uuid, expires_at = ${lease}
      from owed
      where owed.is_free and e.id = owed.id
      returning owed.id as previous
    ), rested as (
      update outbox set next_attempt_at = ${lease} where id = ${outboxId} and exists (select from claimed)
    )
    select coalesce(
      (select json_build_object('outcome', 'claimed', 'previous', previous) from claimed),
      (select json_build_object('outcome', 'held') from owed),
      json_build_object('outcome', 'gone')) as claim`,
  )
  if (row === undefined) throw new Error('Claiming an export answered no row')
  return row.claim
}

/** Gives an export back that was not written, for the next attempt. */
export async function releaseExport(db: Db, attempt: string): Promise<void> {
  await query(db, sql`update exports set expires_at = null where id = ${attempt}::uuid and state = 'pending'`)
}

/**
 * Says that this attempt's archive is there, and that nothing is owed any more. False where another attempt has begun, or
 * the user is gone: then it is nobody's archive.
 */
export async function finishExport(
  db: Db,
  outboxId: number,
  attempt: string,
  bytes: number,
): Promise<boolean> {
  return settle(
    db,
    outboxId,
    attempt,
    sql`
      state = 'ready', bytes = ${bytes}, finished_at = now(),
      expires_at = now() + make_interval(secs => ${ARCHIVE_TTL_SECONDS})`,
  )
}

/** Gives an export up for good, where this attempt still has it. */
export async function failExport(db: Db, outboxId: number, attempt: string): Promise<boolean> {
  return settle(db, outboxId, attempt, failedColumns)
}

async function settle(db: Db, outboxId: number, attempt: string, columns: SQL): Promise<boolean> {
  const rows = await query(
    db,
    sql`
    with settled as (
      update exports set ${columns} where id = ${attempt}::uuid and state = 'pending' returning id
    ), done as (
      delete from outbox where id = ${outboxId} and exists (select from settled)
    )
    select id from settled`,
  )
  return rows.length > 0
}

/** Exports that have expired, at most so many, those first that did so first. `exports_expire` serves it. */
export async function readExpiredExports(db: Db, limit: number): Promise<ArchiveRef[]> {
  return query<ArchiveRef>(
    db,
    sql`
    select e.id, e.user_id::float8 as user_id
    from exports e
    where ${hasExpired}
    order by e.expires_at
    limit ${limit}`,
  )
}

/** Deletes rows of exports whose archives are gone. */
export async function deleteExports(db: Db, ids: readonly string[]): Promise<void> {
  await query(db, sql`delete from exports e where e.id = any(${array(ids, 'uuid')}) and ${hasExpired}`)
}

/** Deletes all exports of a user: from then on no writer can finish one. */
export async function deleteExportsOf(db: Db, user: UserId): Promise<void> {
  await query(db, sql`delete from exports where user_id = ${user}`)
}
