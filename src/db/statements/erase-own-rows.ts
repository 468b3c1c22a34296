import { type SQL, sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { type ErasedStep, type ErasureStep, takeStep } from './account-erasure.ts'

/** What is the account's alone, and counts nothing for others. An index that begins with the column serves each. */
const OWN_ROWS: [table: string, column: string][] = [
  ['push_subscriptions', 'user_id'],
  ['sessions', 'user_id'],
  ['notifications', 'user_id'],
  ['notification_groups', 'user_id'],
  ['notification_inboxes', 'user_id'],
  ['muted_conversations', 'user_id'],
  ['muted_words', 'user_id'],
  ['mutes', 'muter_id'],
  ['dismissed_recommendations', 'user_id'],
  ['tweet_mentions', 'user_id'],
  ['quota_windows', 'user_id'],
  ['idempotency_keys', 'user_id'],
  ['home_markers', 'user_id'],
  ['pulled_authors', 'user_id'],
]

/**
 * The column is the user's, for a few rows in the order of an index that begins with it: of an equality the planner knows that
 * it needs no order, and may look for few of many rows by reading the whole table.
 */
export const isOf = (column: SQL, user: UserId): SQL => sql`${column} between ${user} and ${user}`

/** Deletes so many rows of each table. */
export async function eraseOwnRows(db: Db, step: ErasureStep): Promise<ErasedStep> {
  const { userId, rows } = step
  const deletions = OWN_ROWS.map(([table, column]): SQL => {
    const [name, owner] = [sql.raw(table), sql.raw(column)]
    return sql`${sql.raw(`of_${table}`)} as (
      delete from ${name}
      where ctid = any(array(
        select ctid from ${name} where ${isOf(owner, userId)} order by ${owner} limit ${rows}))
      returning 1 as one
    )`
  })
  const counts = OWN_ROWS.map(([table]) => sql`(select count(*) from ${sql.raw(`of_${table}`)})`)
  return takeStep(db, step, {
    erased: sql.join(deletions, sql`, `),
    left: sql`greatest(${sql.join(counts, sql`, `)}) >= ${rows}::int`,
  })
}

/** Whether there is a timeline of the account's that holds something. */
export async function hasTimeline(db: Db, { userId }: ErasureStep): Promise<boolean> {
  return (await query(db, sql`select from timelines where user_id = ${userId}`)).length > 0
}

/** Says that there is none any more, after it has forgotten all. */
export async function eraseTimelineRow(db: Db, step: ErasureStep): Promise<ErasedStep> {
  return takeStep(db, step, {
    erased: sql`cold as (
      delete from timelines where user_id = ${step.userId}
    )`,
    left: false,
  })
}
