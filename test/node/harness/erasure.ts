import type pg from 'pg'
import { engagementMessage } from '../../../src/contracts/queues.ts'
import type { UserId } from '../../../src/domain/ids.ts'
import type { Deps } from '../../../src/services/deps.ts'
import { eraseAccount } from '../../../src/services/erase-accounts.ts'
import { eraseDependants } from '../../../src/services/erase-deleted.ts'
import { forgetWithdrawn } from '../../../src/services/forget-withdrawn.ts'
import { sweepLedger } from '../../../src/services/sweep-ledger.ts'
import { consumeAll } from './notifications.ts'

/** Every column that a user's id may stand in. */
const ID_COLUMNS = `
  select c.relname as table, a.attname as column, a.attndims > 0 as is_array
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and format_type(a.atttypid, a.atttypmod) in ('bigint', 'bigint[]')`

/** The columns that are said to be of users. */
const REFERENCES = `
  select c.relname || '.' || a.attname as name
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  join pg_attribute a on a.attrelid = k.conrelid and a.attnum = any(k.conkey)
  where k.contype = 'f' and k.confrelid = 'users'::regclass and not c.relispartition
  order by name`

export async function referencesToUsers(pool: pg.Pool): Promise<string[]> {
  return (await pool.query<{ name: string }>(REFERENCES)).rows.map(({ name }) => name)
}

/** Of trends: what an account that is gone was counted for goes within seconds, by what counts trends. */
const COUNTED_ANEW = /^trend_/

/** The columns in which somebody's id stands, in whatever table there is. No other id in a test is as large as a user's. */
export async function columnsWith(pool: pg.Pool, user: UserId): Promise<string[]> {
  const { rows } = await pool.query<{ table: string; column: string; is_array: boolean }>(ID_COLUMNS)
  const found = await Promise.all(
    rows.map(async ({ table, column, is_array }) => {
      if (COUNTED_ANEW.test(table)) return []
      const holds = is_array ? `$1 = any(${column})` : `${column} = $1`
      const { rowCount } = await pool.query(`select from ${table} where ${holds} limit 1`, [user])
      return rowCount === 0 ? [] : [`${table}.${column}`]
    }),
  )
  return found.flat().toSorted()
}

/**
 * Where the id of an account that was erased still stands: its own row; its tweets, which are empty, and who answered them; and
 * what others noted about it, or their polls counted, which no index finds.
 */
export const LEFT_OF_ERASED = [
  'dismissed_recommendations.dismissed_id',
  'mutes.muted_id',
  'poll_votes.user_id',
  'tweets.reply_to_user_id',
  'tweets.user_id',
  'users.id',
]

/** As if its owner had deactivated it 31 days ago. */
export async function deactivatedLongAgo(pool: pg.Pool, user: UserId): Promise<void> {
  await pool.query(
    `update users set is_active = false, deactivated_at = now() - interval '31 days' where id = $1`,
    [user],
  )
}

/** Takes what each message of erasures that the outbox holds asks for, `times` at once. Answers how many there were. */
export async function takeErasureSteps(pool: pg.Pool, deps: Deps, rows: number, times = 1): Promise<number> {
  const owed = await pool.query<{ outbox_id: number; event: unknown }>(
    `select id::float8 as outbox_id, message as event from outbox
     where dead_at is null and message ->> 'type' in ('erase_account', 'erase_dependants') order by id`,
  )
  await Promise.all(
    owed.rows.flatMap((row) => {
      const message = engagementMessage.parse(row)
      if (!('event' in message)) return []
      const { outbox_id, event } = message
      return Array.from({ length: times }, async () => {
        if (event.type === 'erase_account') await eraseAccount(deps, { outbox_id, event }, rows)
        if (event.type === 'erase_dependants') await eraseDependants(deps, { outbox_id, event }, rows)
      })
    }),
  )
  return owed.rows.length
}

/** Does what is owed besides: notifications are told and taken back, counters folded, and a day goes by. */
export async function settleRest(pool: pg.Pool, deps: Deps): Promise<void> {
  await consumeAll(pool, deps)
  while ((await sweepLedger(deps)) > 0);
  await pool.query(`update notifications set withdrawn_at = withdrawn_at - interval '2 days'`)
  await forgetWithdrawn(deps)
  await pool.query(`delete from outbox where queue in ('fan-out', 'pushes')`)
}
