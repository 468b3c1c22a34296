import { sql } from 'drizzle-orm'
import { array, type Db, query } from '../client.ts'
import { type ErasedStep, type ErasureStep, takeStep } from './account-erasure.ts'
import { isOf } from './erase-own-rows.ts'

/** With at most 500 members each, which go with their list. */
const LISTS_PER_STEP = 2

/** Takes the account off others' lists, which count it no longer: behind the lists' row locks. `list_members_user_id` serves it. */
export async function eraseListMemberships(db: Db, step: ErasureStep): Promise<ErasedStep> {
  const { userId, rows } = step
  const memberships = await query<{ id: number }>(
    db,
    sql`
    select list_id::float8 as id
    from list_members
    where ${isOf(sql`user_id`, userId)}
    order by user_id
    limit ${rows}`,
  )
  const lists = array(
    memberships.map(({ id }) => id),
    'bigint',
  )
  return takeStep(db, step, {
    locks: [sql`select from lists where id = any(${lists}) order by id for no key update`],
    erased: sql`removed as (
      delete from list_members where user_id = ${userId} and list_id = any(${lists}) returning list_id
    ), counted as (
      update lists l set member_count = l.member_count - 1 from removed where l.id = removed.list_id
    )`,
    left: memberships.length === rows,
  })
}

/** Deletes the account's lists with their members. `lists_owner_id` serves it. */
export async function eraseLists(db: Db, step: ErasureStep): Promise<ErasedStep> {
  const { userId } = step
  const rows = Math.min(step.rows, LISTS_PER_STEP)
  const owned = await query<{ id: number }>(
    db,
    sql`select l.id::float8 as id from lists l where l.owner_id = ${userId} order by l.id limit ${rows}`,
  )
  const lists = array(
    owned.map(({ id }) => id),
    'bigint',
  )
  return takeStep(db, step, {
    erased: sql`deleted as (
      delete from lists where owner_id = ${userId} and id = any(${lists})
    )`,
    left: owned.length === rows,
  })
}
