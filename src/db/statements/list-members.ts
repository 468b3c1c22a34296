import { sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { ListId, UserId } from '../../domain/ids.ts'
import { LIST_MEMBERS_MAX } from '../../domain/limits.ts'
import { type Db, query, transaction } from '../client.ts'
import { type ListedUserRow, listedUser } from './follow-lists.ts'
import {
  type ListChanged,
  type ListRefusal,
  listChanged,
  listIsVisibleTo,
  listRefusal,
  targetList,
} from './lists.ts'
import { lockPair } from './pair-lock.ts'
import { isBehind, type ListPage, type Place } from './places.ts'
import { whichUser } from './users.ts'
import { isPresent, noBlockBetween, viewerId } from './visibility.ts'

/** `member_count` is changed under this lock: what the next statement sees is what the others did. */
const lockList = (list: ListId, owner: UserId) =>
  sql`select from lists where id = ${list} and owner_id = ${owner} for no key update`

export type MemberAdded = ListChanged<ListRefusal | 'user_not_found' | 'blocked' | 'blocking' | 'list_full'>

/**
 * Puts somebody on a list of the viewer's; again does nothing. Behind the pair's lock, so that who blocks the viewer
 * at the same time is refused or was added before, and behind the list's.
 */
export async function insertListMember(
  db: Db,
  viewer: UserId,
  list: ListId,
  member: UserRef,
): Promise<MemberAdded> {
  const [row] = await transaction<{ result: MemberAdded }>(db, {
    before: [lockPair(viewer, member), lockList(list, viewer)],
    main: sql`
    with ${targetList(list, viewer)}, person as materialized (
      select u.id from users u where ${whichUser(member)} and ${isPresent}
    ), gate as materialized (
      select coalesce(${listRefusal(viewer)}, case
        when not exists (select from person) then 'user_not_found'
        when exists (select from blocks b, person where b.blocker_id = person.id and b.blocked_id = ${viewer})
          then 'blocked'
        when exists (select from blocks b, person where b.blocker_id = ${viewer} and b.blocked_id = person.id)
          then 'blocking'
        when (select member_count from target) >= ${LIST_MEMBERS_MAX} and not exists (
          select from list_members m, person where m.list_id = ${list} and m.user_id = person.id) then 'list_full'
        end) as refusal
    ), added as (
      insert into list_members (list_id, user_id)
      select target.id, person.id from target, person, gate where gate.refusal is null
      on conflict do nothing
      returning list_id
    ), changed as (
      update lists l
      set member_count = l.member_count + 1, updated_at = now()
      from added
      where l.id = added.list_id
      returning l.*
    )
    ${listChanged('changed')}`,
  })
  if (row === undefined) throw new Error('Adding to a list answered no row')
  return row.result
}

export type MemberRemoved = ListChanged<ListRefusal | 'user_not_found'>

/** Takes somebody off a list of the viewer's, also who was deactivated or suspended; again does nothing. */
export async function deleteListMember(
  db: Db,
  viewer: UserId,
  list: ListId,
  member: UserRef,
): Promise<MemberRemoved> {
  const [row] = await transaction<{ result: MemberRemoved }>(db, {
    before: [lockList(list, viewer)],
    main: sql`
    with ${targetList(list, viewer)}, person as materialized (
      select u.id
      from users u
      where ${whichUser(member)}
        and (${isPresent} or exists (select from list_members m where m.list_id = ${list} and m.user_id = u.id))
    ), gate as materialized (
      select coalesce(${listRefusal(viewer)}, case when not exists (select from person) then 'user_not_found' end)
        as refusal
    ), removed as (
      delete from list_members m
      using target, person, gate
      where gate.refusal is null and m.list_id = target.id and m.user_id = person.id
      returning m.list_id
    ), changed as (
      update lists l
      set member_count = l.member_count - 1, updated_at = now()
      from removed
      where l.id = removed.list_id
      returning l.*
    )
    ${listChanged('changed')}`,
  })
  if (row === undefined) throw new Error('Removing from a list answered no row')
  return row.result
}

/**
 * Who is on a list, the latest added first, as far as the viewer may see them; null where the viewer may not read the list.
 * `list_members_latest` serves the page.
 */
export async function readListMembers(
  db: Db,
  list: ListId,
  viewer: UserId | null,
  { after, offset, limit }: ListPage<Place>,
): Promise<ListedUserRow[] | null> {
  const who = viewerId(viewer)
  const rows = await query<{ listed: ListedUserRow | null }>(
    db,
    sql`
    with list as (
      select l.id from lists l join users u on u.id = l.owner_id where l.id = ${list} and ${listIsVisibleTo(who)}
    )
    select ${listedUser(who)} as listed
    from list
    left join lateral (
      select m.created_at, u.id
      from list_members m
      join users u on u.id = m.user_id
      where m.list_id = list.id and ${isBehind(after, sql`m.created_at`, sql`m.user_id`)}
        and ${isPresent} and ${noBlockBetween(who, sql`u.id`)}
      order by m.created_at desc, m.user_id desc
      limit ${limit} offset ${offset}) page on true
    left join users u on u.id = page.id
    order by page.created_at desc, page.id desc`,
  )
  if (rows.length === 0) return null
  return rows.flatMap(({ listed }) => (listed === null ? [] : [listed]))
}
