import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { Relationship } from '../../contracts/http/users.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { isBehind, type ListPage, type Place, placeRecord } from './places.ts'
import type { UserCardRow } from './profile-columns.ts'
import { userRecord } from './tweet-columns.ts'
import { relationshipRecord, whichUser } from './users.ts'
import { isPresent, noBlockBetween, viewerId } from './visibility.ts'

export interface FollowListPage extends ListPage<Place> {
  direction: 'followers' | 'following'
}

export interface ListedUserRow {
  user: UserCardRow
  /** To the reader; all false for one who is signed out. */
  relationship: Relationship
  place: Place
}

/** The ListedUserRow of the user `u` on a `page` of a list, as JSON; null where there is none. */
export function listedUser(who: number): SQL {
  return sql`case when u.id is not null then json_build_object(
             'user', ${userRecord('u')},
             'relationship', ${relationshipRecord(who)},
             'place', ${placeRecord(sql`page.created_at`, sql`u.id`)}) end`
}

/**
 * The followers of a user, or whom the user follows, newest first; null where there is no such user. A private
 * account's lists are for its followers; across a block there is nothing to see. `idx_follows_following_id` and
 * `idx_follows_follower_id` serve the page, and what is shown of its users is looked up for them alone.
 */
export async function readFollowList(
  db: Db,
  owner: UserRef,
  viewer: UserId | null,
  { direction, after, offset, limit }: FollowListPage,
): Promise<ListedUserRow[] | null> {
  const who = viewerId(viewer)
  const [mine, theirs] =
    direction === 'followers'
      ? [sql`f.following_id`, sql`f.follower_id`]
      : [sql`f.follower_id`, sql`f.following_id`]
  const rows = await query<{ listed: ListedUserRow | null }>(
    db,
    sql`
    with owner as (
      select u.id,
             (u.id = ${who} or not u.is_private
              or exists (select from follows f where f.follower_id = ${who} and f.following_id = u.id))
             and ${noBlockBetween(who, sql`u.id`)} as readable
      from users u
      where ${whichUser(owner)} and ${isPresent}
    )
    select ${listedUser(who)} as listed
    from owner
    left join lateral (
      select f.created_at, u.id
      from follows f
      join users u on u.id = ${theirs}
      where owner.readable and ${mine} = owner.id and ${isBehind(after, sql`f.created_at`, theirs)} and ${isPresent}
        and ${noBlockBetween(who, sql`u.id`)}
      order by f.created_at desc, ${theirs} desc
      limit ${limit} offset ${offset}) page on true
    left join users u on u.id = page.id
    order by page.created_at desc, page.id desc`,
  )
  if (rows.length === 0) return null
  return rows.flatMap(({ listed }) => (listed === null ? [] : [listed]))
}
