import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { ListId, UserId } from '../../domain/ids.ts'
import { LISTS_MAX } from '../../domain/limits.ts'
import { type Db, query, transaction } from '../client.ts'
import { viewerRefusal } from './engagement.ts'
import type { ListPage } from './places.ts'
import type { UserCardRow } from './profile-columns.ts'
import { userRecord } from './tweet-columns.ts'
import { whichUser } from './users.ts'
import { isPresent, noBlockBetween, viewerId } from './visibility.ts'

export interface ListRow {
  id: number
  name: string
  is_private: boolean
  member_count: number
  owner: UserCardRow
  /** Unix milliseconds, as is the next. */
  created_at: number
  updated_at: number
}

/** The list `l` of its owner `u`, as JSON. */
export const listRecord = sql`json_build_object(
    'id', l.id,
    'name', l.name,
    'is_private', l.is_private,
    'member_count', l.member_count,
    'owner', ${userRecord('u')},
    'created_at', (extract(epoch from l.created_at) * 1000)::bigint,
    'updated_at', (extract(epoch from l.updated_at) * 1000)::bigint)`

/** The viewer may read the list `l` of its owner `u`: one's own, or a public one that is not across a block. */
export function listIsVisibleTo(viewer: number): SQL {
  return sql`(
    ${isPresent} and (u.id = ${viewer} or (not l.is_private and ${noBlockBetween(viewer, sql`u.id`)})))`
}

/** Why somebody may not change a list. */
export type ListRefusal = 'unauthenticated' | 'suspended' | 'list_not_found' | 'forbidden'

export type ListChanged<Refusal extends string = ListRefusal> =
  | { outcome: 'done'; list: ListRow }
  | { outcome: Refusal }

/** The CTE `target`: the list as far as the viewer may read it. */
export function targetList(list: ListId, viewer: UserId): SQL {
  return sql`target as materialized (
      select l.*
      from lists l
      join users u on u.id = l.owner_id
      where l.id = ${list} and ${listIsVisibleTo(viewer)}
    )`
}

/** A ListRefusal, or null for the owner of `target`. */
export function listRefusal(viewer: UserId): SQL {
  return sql`coalesce(${viewerRefusal(viewer)}, case
        when not exists (select from target) then 'list_not_found'
        when (select owner_id from target) <> ${viewer} then 'forbidden' end)`
}

/** A ListChanged: the list as `changed` has it, as `target` has it where that has no row, or the refusal of `gate`. */
export function listChanged(changed: 'changed' | 'target'): SQL {
  return sql`
    select coalesce(
      (select json_build_object('outcome', refusal) from gate where refusal is not null),
      (select json_build_object('outcome', 'done', 'list', ${listRecord})
       from ${sql.raw(changed)} l join users u on u.id = l.owner_id),
      (select json_build_object('outcome', 'done', 'list', ${listRecord})
       from target l join users u on u.id = l.owner_id)) as result`
}

/**
 * Makes a list. Two statements: the user's making of lists is locked first, so that the one that counts them sees what the
 * others made. `lists_owner_id` serves the count.
 */
export async function insertList(
  db: Db,
  owner: UserId,
  { name, isPrivate }: { name: string; isPrivate: boolean },
): Promise<ListChanged<'unauthenticated' | 'suspended' | 'too_many_lists'>> {
  const [row] = await transaction<{
    result: ListChanged<'unauthenticated' | 'suspended' | 'too_many_lists'>
  }>(db, {
    before: [sql`select pg_advisory_xact_lock(hashtextextended('lists:' || ${owner}::bigint, 0))`],
    main: sql`
    with gate as materialized (
      select coalesce(${viewerRefusal(owner)}, case
        when (select count(*) from lists where owner_id = ${owner}) >= ${LISTS_MAX} then 'too_many_lists' end) as refusal
    ), target as (
      insert into lists (owner_id, name, is_private)
      select ${owner}::bigint, ${name}, ${isPrivate}::boolean from gate where refusal is null
      returning *
    )
    ${listChanged('target')}`,
  })
  if (row === undefined) throw new Error('Making a list answered no row')
  return row.result
}

/** Changes a list of the viewer's; what is undefined stays as it is, and what changes nothing writes nothing. */
export async function updateList(
  db: Db,
  viewer: UserId,
  list: ListId,
  { name, isPrivate }: { name: string | undefined; isPrivate: boolean | undefined },
): Promise<ListChanged> {
  const [row] = await query<{ result: ListChanged }>(
    db,
    sql`
    with ${targetList(list, viewer)}, gate as materialized (
      select ${listRefusal(viewer)} as refusal
    ), changed as (
      update lists l
      set name = coalesce(${name ?? null}, l.name),
          is_private = coalesce(${isPrivate ?? null}::boolean, l.is_private),
          updated_at = now()
      from target, gate
      where gate.refusal is null and l.id = target.id
        and (l.name <> ${name ?? null} or l.is_private <> ${isPrivate ?? null}::boolean)
      returning l.*
    )
    ${listChanged('changed')}`,
  )
  if (row === undefined) throw new Error('Changing a list answered no row')
  return row.result
}

/** Deletes a list of the viewer's with its members. */
export async function deleteList(db: Db, viewer: UserId, list: ListId): Promise<'done' | ListRefusal> {
  const [row] = await query<{ outcome: 'done' | ListRefusal }>(
    db,
    sql`
    with ${targetList(list, viewer)}, gate as materialized (
      select ${listRefusal(viewer)} as refusal
    ), deleted as (
      delete from lists l using target, gate where gate.refusal is null and l.id = target.id
    )
    select coalesce(refusal, 'done') as outcome from gate`,
  )
  if (row === undefined) throw new Error('Deleting a list answered no row')
  return row.outcome
}

/** The list, or null where the viewer may not read it. */
export async function readList(db: Db, list: ListId, viewer: UserId | null): Promise<ListRow | null> {
  const [row] = await query<{ list: ListRow }>(
    db,
    sql`
    select ${listRecord} as list
    from lists l
    join users u on u.id = l.owner_id
    where l.id = ${list} and ${listIsVisibleTo(viewerId(viewer))}`,
  )
  return row?.list ?? null
}

/**
 * The lists of a user, as far as the viewer may read them, the newest first; null where there is no such user.
 * `lists_owner_id` serves the page.
 */
export async function readLists(
  db: Db,
  owner: UserRef,
  viewer: UserId | null,
  { after, offset, limit }: ListPage<number>,
): Promise<{ place: number; list: ListRow }[] | null> {
  const who = viewerId(viewer)
  const rows = await query<{ list: ListRow | null }>(
    db,
    sql`
    select case when l.id is not null then ${listRecord} end as list
    from users u
    left join lateral (
      select l.*
      from lists l
      where l.owner_id = u.id and ${after === null ? sql`true` : sql`l.id < ${after}`} and ${listIsVisibleTo(who)}
      order by l.id desc
      limit ${limit} offset ${offset}) l on true
    where ${whichUser(owner)} and ${isPresent}
    order by l.id desc`,
  )
  if (rows.length === 0) return null
  return rows.flatMap(({ list }) => (list === null ? [] : [{ place: list.id, list }]))
}
