import { type SQL, sql } from 'drizzle-orm'
import { ERASURE_PARTS, type ErasurePart, type OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query, transaction } from '../client.ts'
import type { Subject } from './counters.ts'
import { FIRST_ATTEMPT_SECONDS, outboxRecord, outboxRow } from './outbox.ts'
import { nameOfErased } from './visibility.ts'

/** How long somebody may change their mind. */
const ERASED_AFTER_DAYS = 30

/**
 * Begins to erase accounts that were deactivated 30 days ago, at most so many: in one transaction nothing is left of each
 * but a row without a name, under which nobody can sign in, and what hangs on it is owed to be erased. Who signs in at the same
 * time holds the row, and is passed over, or finds that the password is not theirs any more. Who was suspended meanwhile is let be
 * for as long as that lasts: what they did is to be looked at first. `users_to_erase` serves it.
 */
export async function beginErasures(db: Db, limit: number): Promise<OutboxRow[]> {
  const [first] = ERASURE_PARTS
  const rows = await query<{ row: OutboxRow }>(
    db,
    sql`
    with due as materialized (
      select id
      from users
      where deactivated_at < now() - make_interval(days => ${ERASED_AFTER_DAYS}) and not is_active
        and suspended_at is null
      order by deactivated_at
      limit ${limit}
      for update skip locked
    ), begun as (
      update users u
      set username = ${nameOfErased}, email = ${nameOfErased}, password_hash = '', display_name = '', bio = '',
          avatar_url = null, cover_url = null, location = null, website = null, birth_date = null, verified = false,
          role = 'user', hide_sensitive = true, allow_messages_from = 'nobody', deactivated_at = null,
          revision = u.revision + 1, updated_at = now()
      from due
      where u.id = due.id
      returning u.id
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow('engagement', owedOf(sql`id`, sql`${first}::text`, 0))} from begun
      returning id, queue, message
    )
    select ${outboxRecord} as row from sent`,
  )
  return rows.map(({ row }) => row)
}

const owedOf = (user: SQL, part: SQL, nth: number): SQL =>
  sql`jsonb_build_object('type', 'erase_account', 'v', 1, 'user_id', ${user}, 'part', ${part}, 'nth', ${nth}::int)`

/** A probe of an index for each row that is asked about: `exists` may be planned as a hash of all there are. */
export const hasOne = (rows: SQL): SQL => sql`(select count(*) from (select ${rows} limit 1) one) > 0`

/** A step of erasing one part of an account, as one outbox row owes it: so many rows of each kind at the most. */
export interface ErasureStep {
  outboxId: number
  userId: UserId
  part: ErasurePart
  /** Which one it is, from 0. */
  nth: number
  rows: number
}

export interface ErasedStep {
  /** Whose counters changed. */
  subjects: Subject[]
  /** What others are to be told. */
  outbox: OutboxRow[]
  /** What is to be done next: more of this part, or the one after it. Null when that was all, or is another delivery's to do. */
  next: ErasurePart | null
  /** That was all: nothing is owed any more. */
  done: boolean
}

interface StepParts {
  /** In this order, before what they keep others from changing is looked at. */
  locks?: (SQL | null)[]
  /** CTEs that erase. */
  erased: SQL
  /** `select subject, subject_id` of what those have counted. */
  counted?: SQL
  /** `select id, queue, message` of outbox rows that they have written. */
  sent?: SQL
  /** There are more rows of this part. */
  left: boolean | SQL
}

/**
 * Erases a step and says in the outbox row, in the same transaction, how far it has come; with the last step the row goes. So
 * a kill loses nothing, and a step that comes again finds its rows gone. Two steps of one account wait for each other;
 * of what another has done in the meantime a step finds nothing, and leaves the row alone where it speaks of a later step by
 * then: so one message that is delivered twice does not go on twice. An operator who sets the row's `dead_at` stops the erasure after the step that is running.
 */
export async function takeStep(
  db: Db,
  { outboxId, userId, part, nth }: ErasureStep,
  { locks = [], erased, counted, sent, left }: StepParts,
): Promise<ErasedStep> {
  const next = ERASURE_PARTS[ERASURE_PARTS.indexOf(part) + 1]
  const isMine = sql`id = ${outboxId} and dead_at is null and message ->> 'type' = 'erase_account' and (message ->> 'nth')::int = ${nth}`
  const nextPart = sql`case when (select rest from step) then ${part}::text else ${next ?? part}::text end`
  const [row] = await transaction<{ step: ErasedStep }>(db, {
    before: [sql`select from outbox where id = ${outboxId} for update`, ...locks],
    main: sql`
    with ${erased}, step as materialized (
      select (${left})::boolean as rest
    ), done as (
      delete from outbox where ${isMine} and ${next === undefined} and not (select rest from step)
      returning id
    ), progressed as (
      update outbox
      set message = ${owedOf(sql`${userId}::bigint`, nextPart, nth + 1)}, created_at = now(), attempts = 0,
          next_attempt_at = now() + make_interval(secs => ${FIRST_ATTEMPT_SECONDS})
      where ${isMine} and (${next !== undefined} or (select rest from step))
      returning message
    )
    select json_build_object(
      'subjects', ${
        counted === undefined
          ? sql`'[]'::json`
          : sql`coalesce((
        select json_agg(distinct jsonb_build_object('subject', subject, 'id', subject_id)) from (${counted}) counted), '[]')`
      },
      'outbox', ${sent === undefined ? sql`'[]'::json` : sql`coalesce((select json_agg(${outboxRecord}) from (${sent}) sent), '[]')`},
      'next', (select message ->> 'part' from progressed),
      'done', exists (select from done)) as step`,
  })
  if (row === undefined) throw new Error('A step of an erasure answered no row')
  return row.step
}
