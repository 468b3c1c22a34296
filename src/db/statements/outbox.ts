import { type SQL, sql } from 'drizzle-orm'
import type { NotificationEvent, OutboxRow, QueueName, SearchEvent } from '../../contracts/queues.ts'
import { array, type Db, query } from '../client.ts'
import { failExportsOf } from './failed-exports.ts'

/** A message that was just sent is given this long before the relay takes it for lost. */
export const FIRST_ATTEMPT_SECONDS = 30

/**
 * The columns of an insert into `outbox` for one event of the queue, for `insert into outbox (queue, message,
 * next_attempt_at) select ...`. `message` is a jsonb expression.
 */
export function outboxRow(queue: QueueName | SQL, message: SQL): SQL {
  return sql`${queue}, ${message}, now() + make_interval(secs => ${FIRST_ATTEMPT_SECONDS})`
}

/** The same for an event of the `notifications` queue; `details` are its fields, for `jsonb_build_object`. */
export function notificationRow(type: NotificationEvent['type'], details: SQL): SQL {
  return outboxRow('notifications', sql`jsonb_build_object('type', ${type}::text, 'v', 1, ${details})`)
}

/** The same for an event of the `search` queue. */
export function searchRow(type: SearchEvent['type'], details: SQL): SQL {
  return outboxRow('search', sql`jsonb_build_object('type', ${type}::text, 'v', 1, ${details})`)
}

/** The same by which search is told anew of all tweets of an author whose change raised `revision` to this. */
export function tweetsOfChangedRow(user: SQL, revision: SQL): SQL {
  return searchRow('tweets_of_changed', sql`'user_id', ${user}, 'before_id', null, 'revision', ${revision}`)
}

/** A committed outbox row as JSON, for the write that returns it. */
export const outboxRecord = sql`json_build_object('id', id, 'queue', queue, 'message', message)`

export interface RelayLimits {
  /** Rows sent again in one run at the most. */
  batch: number
  /** From this many due rows on, a queue that makes progress is left alone. */
  backlog: number
}

export interface RelayRun {
  rows: OutboxRow[]
  due: number
  oldestAgeSeconds: number
  paused: boolean
}

/** 30 s doubled so often is more than the hour at which the back-off ends. */
const DOUBLINGS_MAX = 7

/**
 * Takes the rows that are due to be sent again and schedules their next attempt, doubling from 30 s to an
 * hour. Rows that are due while many others are, too, are either a loss (the runtime was killed) or a backlog
 * (consumers are behind, and sending again would only add to it). They are told apart by progress that is not the
 * relay's own: when the oldest due row that the run before left unsent is done by now, its message is not lost.
 * One statement, so that two relays at once never take one row twice; `outbox_due` serves it.
 */
export async function takeDueOutboxRows(db: Db, limits: RelayLimits): Promise<RelayRun> {
  const [run] = await query<{ run: RelayRun }>(
    db,
    sql`
    with due as materialized (
      select id, created_at, next_attempt_at
      from outbox
      where dead_at is null and next_attempt_at <= now()
      order by next_attempt_at, id
      limit ${Math.max(limits.backlog, limits.batch) + 1}
    ), previous as (
      select (value ->> 'unsent_id')::bigint as unsent_id from cron_state where name = 'outbox_relay'
    ), pace as (
      select (select count(*) from due) > ${limits.backlog}
             and exists (
               select from previous
               where unsent_id is not null
                 and not exists (select from outbox o where o.id = unsent_id and o.dead_at is null)) as paused
    ), chosen as materialized (
      select id
      from outbox
      where dead_at is null and next_attempt_at <= now() and not (select paused from pace)
      order by next_attempt_at, id
      limit ${limits.batch}
      for update skip locked
    ), taken as (
      update outbox
      set attempts = attempts + 1,
          next_attempt_at = now() + least(
            make_interval(secs => ${FIRST_ATTEMPT_SECONDS} * power(2, least(attempts + 1, ${DOUBLINGS_MAX}))),
            interval '1 hour')
      where id in (select id from chosen)
      returning id, queue, message
    ), remembered as (
      insert into cron_state (name, value, updated_at)
      select 'outbox_relay',
             jsonb_build_object('unsent_id', (
               select id from due where id not in (select id from chosen)
               order by next_attempt_at, id
               limit 1)),
             now()
      on conflict (name) do update set value = excluded.value, updated_at = now()
    )
    select json_build_object(
      'rows', coalesce((select json_agg(${outboxRecord} order by id) from taken), '[]'),
      'due', (select count(*) from due),
      'oldestAgeSeconds', coalesce((select extract(epoch from now() - min(created_at)) from due), 0),
      'paused', (select paused from pace)) as run`,
  )
  return run?.run ?? { rows: [], due: 0, oldestAgeSeconds: 0, paused: false }
}

/** What an effect that is done, or done in part, owes in its message's place. */
export interface OwedMessage<Event> {
  outbox_id: number
  /** Where it goes, if not to the queue of what it replaces. */
  queue?: QueueName
  message: Event
  /** It was tried before, and may be done in part: as if it came again. */
  is_repeat?: boolean
}

/** Who took a message, and how often it had been taken or sent again by then. */
export interface Claim {
  outbox_id: number
  attempts: number
}

/**
 * Ends a batch in one statement: the rows of what is done are deleted, and where something is still owed there are rows
 * for that instead. A row is gone if and only if those that it owes are there; of two consumers that took the same
 * message, the second finds it gone and leaves nothing behind: what the two did is the same, or between them it is all.
 * Where that is not so, they claim their messages, and the row is left to the last who did. Rows are locked in the order
 * of their ids, so that two that settle the same wait for each other.
 */
export async function settleOutbox(
  db: Db,
  queue: QueueName,
  done: readonly number[],
  owed: readonly OwedMessage<unknown>[],
  claims: readonly Claim[] = [],
): Promise<OutboxRow[]> {
  const ids = [...new Set([...done, ...owed.map(({ outbox_id }) => outbox_id)])]
  if (ids.length === 0) return []
  const rows = await query<{ row: OutboxRow }>(
    db,
    sql`
    with owed as (
      select *
      from jsonb_to_recordset(${JSON.stringify(owed)}::jsonb) as n(
        outbox_id bigint, queue text, message jsonb, is_repeat boolean)
    ), claimed as (
      select * from jsonb_to_recordset(${JSON.stringify(claims)}::jsonb) as c(outbox_id bigint, attempts int)
    ), gone as (
      delete from outbox
      where id in (
        select o.id
        from outbox o
        where o.id = any(${array(ids, 'bigint')})
          and o.attempts = coalesce((select c.attempts from claimed c where c.outbox_id = o.id), o.attempts)
        order by o.id
        for update)
      returning id, created_at
    ), sent as (
      insert into outbox (queue, message, next_attempt_at, created_at, attempts)
      select ${outboxRow(sql`coalesce(owed.queue, ${queue})`, sql`owed.message`)}, gone.created_at, case when owed.is_repeat then 1 else 0 end
      from owed
      join gone on gone.id = owed.outbox_id
      returning id, queue, message
    )
    select ${outboxRecord} as row from sent`,
  )
  return rows.map(({ row }) => row)
}

export interface DeadLetter {
  queue: string
  outboxId: number | null
  message: unknown
  error: string
}

/**
 * Stores what could not be consumed, once a row, and stops the relay from sending it again; an export has failed then, so
 * that its owner may ask anew. A letter whose
 * outbox row is gone is not stored: its effect was done by another delivery. One statement: of two at once that store
 * the same row's letter, the second waits for the row and then no longer matches `dead_at is null`.
 */
export async function storeDeadLetters(db: Db, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length === 0) return
  await query(
    db,
    sql`
    with letters as (
      select *
      from jsonb_to_recordset(${JSON.stringify(letters)}::jsonb) as l(
        queue text, "outboxId" bigint, message jsonb, error text)
    ), dead as (
      update outbox set dead_at = now()
      where dead_at is null and id in (select "outboxId" from letters)
      returning id, queue, message, created_at
    ), failed as (${failExportsOf('dead')}
    )
    insert into dead_letters (queue, outbox_id, message, error)
    select dead.queue, dead.id, dead.message, (select min(error) from letters where "outboxId" = dead.id)
    from dead
    union all
    select queue, null, coalesce(message, 'null'), error from letters where "outboxId" is null`,
  )
}
