import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow, QueueName } from '../../contracts/queues.ts'
import { array, type Db, query, transaction } from '../client.ts'

/** A message that was just sent is given this long before the relay takes it for lost. */
export const FIRST_ATTEMPT_SECONDS = 30

/**
 * The columns of an insert into `outbox` for one event of the queue, for `insert into outbox (queue, message,
 * next_attempt_at) select ...`. `message` is a jsonb expression.
 */
export function outboxRow(queue: QueueName, message: SQL): SQL {
  return sql`${queue}, ${message}, now() + make_interval(secs => ${FIRST_ATTEMPT_SECONDS})`
}

/** A committed outbox row as JSON, for the write that returns it. */
export const outboxRecord = sql`json_build_object('id', id, 'queue', queue, 'message', message)`

/** Effects are done: nothing is owed any more. Deleting a row twice is harmless. */
export async function deleteOutboxRows(db: Db, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  await query(db, sql`delete from outbox where id = any(${array(ids, 'bigint')})`)
}

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

/**
 * Takes the rows that are due to be sent again and schedules their next attempt, doubling from 30 s to an
 * hour. Rows that are due while many others are, too, are either a loss (the runtime was killed) or a backlog
 * (consumers are behind, and sending again would only add to it). They are told apart by progress: a backlog's
 * oldest pending row is another one than in the run before, because consumers work in order.
 * One statement, so that two relays at once never take one row twice; `outbox_due` serves it.
 */
export async function takeDueOutboxRows(db: Db, limits: RelayLimits): Promise<RelayRun> {
  const [run] = await query<{ run: RelayRun }>(
    db,
    sql`
    with pending as (
      select id, created_at from outbox where dead_at is null order by id limit 1
    ), due as (
      select count(*) as due
      from (select from outbox where dead_at is null and next_attempt_at <= now() limit ${limits.backlog + 1}) d
    ), previous as (
      select (value ->> 'oldest_id')::bigint as oldest_id from cron_state where name = 'outbox_relay'
    ), pace as (
      select due,
             due > ${limits.backlog} and (select id from pending) > (select oldest_id from previous) as paused
      from due
    ), remembered as (
      insert into cron_state (name, value, updated_at)
      select 'outbox_relay', jsonb_build_object('oldest_id', coalesce((select id from pending), 0)), now()
      on conflict (name) do update set value = excluded.value, updated_at = now()
    ), taken as (
      update outbox
      set attempts = attempts + 1,
          next_attempt_at = now() + least(
            make_interval(secs => ${FIRST_ATTEMPT_SECONDS} * power(2, attempts + 1)), interval '1 hour')
      where id in (
        select id
        from outbox
        where dead_at is null and next_attempt_at <= now() and not (select coalesce(paused, false) from pace)
        order by next_attempt_at
        limit ${limits.batch}
        for update skip locked)
      returning id, queue, message
    )
    select json_build_object(
      'rows', coalesce((select json_agg(${outboxRecord} order by id) from taken), '[]'),
      'due', (select due from pace),
      'oldestAgeSeconds', coalesce((select extract(epoch from now() - created_at) from pending), 0),
      'paused', (select coalesce(paused, false) from pace)) as run`,
  )
  return run?.run ?? { rows: [], due: 0, oldestAgeSeconds: 0, paused: false }
}

export interface DeadLetter {
  queue: string
  outboxId: number | null
  message: unknown
  error: string
}

/**
 * Stores what could not be consumed, once a row, and stops the relay from sending it again. A letter whose
 * outbox row is gone is not stored: its effect was done by another delivery.
 */
export async function storeDeadLetters(db: Db, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length === 0) return
  const given = JSON.stringify(letters)
  await transaction(db, {
    main: sql`
    insert into dead_letters (queue, outbox_id, message, error)
    select coalesce(o.queue, l.queue), l."outboxId", coalesce(o.message, l.message), l.error
    from jsonb_to_recordset(${given}::jsonb) as l(queue text, "outboxId" bigint, message jsonb, error text)
    left join outbox o on o.id = l."outboxId"
    where l."outboxId" is null or (o.id is not null and o.dead_at is null)`,
    after: [
      sql`update outbox set dead_at = now()
          where dead_at is null and id in (
            select l."outboxId" from jsonb_to_recordset(${given}::jsonb) as l("outboxId" bigint))`,
    ],
  })
}
