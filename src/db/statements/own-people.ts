import { type SQL, sql } from 'drizzle-orm'
import type { Relationship } from '../../contracts/http/users.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { isBehind, type ListPage, type Place, placeRecord } from './places.ts'
import type { UserCardRow } from './profile-columns.ts'
import { userRecord } from './tweet-columns.ts'
import { relationshipRecord } from './users.ts'
import { isPresent } from './visibility.ts'

/** Lists of people that are one's own. */
export type OwnPeople = 'blocks' | 'mutes' | 'follow-requests'

export interface OwnPersonRow {
  user: UserCardRow
  relationship: Relationship
  /** Unix ms; of a mute that ends. */
  until_ms: number | null
  place: Place
}

/** Where each list stands: the table, its owner, whom it lists, and of what is listed the index serves each page. */
const LISTS: Record<OwnPeople, { from: SQL; owner: SQL; other: SQL; holds: SQL; until: SQL }> = {
  blocks: {
    from: sql`blocks`,
    owner: sql`l.blocker_id`,
    other: sql`l.blocked_id`,
    holds: sql`true`,
    until: sql`null::timestamptz`,
  },
  mutes: {
    from: sql`mutes`,
    owner: sql`l.muter_id`,
    other: sql`l.muted_id`,
    holds: sql`(l.expires_at is null or l.expires_at > now())`,
    until: sql`l.expires_at`,
  },
  'follow-requests': {
    from: sql`follow_requests`,
    owner: sql`l.target_id`,
    other: sql`l.requester_id`,
    holds: sql`true`,
    until: sql`null::timestamptz`,
  },
}

/**
 * Whom somebody blocks or has muted, or who asks to follow them, the latest first; without who was deactivated or
 * suspended. `blocks_latest`, `mutes_latest` and `follow_requests_target_id` serve the pages.
 */
export async function readOwnPeople(
  db: Db,
  viewer: UserId,
  list: OwnPeople,
  { after, offset, limit }: ListPage<Place>,
): Promise<OwnPersonRow[]> {
  const { from, owner, other, holds, until } = LISTS[list]
  const rows = await query<{ listed: OwnPersonRow }>(
    db,
    sql`
    select json_build_object(
             'user', ${userRecord('u')},
             'relationship', ${relationshipRecord(viewer)},
             'until_ms', (extract(epoch from page.until) * 1000)::bigint,
             'place', ${placeRecord(sql`page.created_at`, sql`u.id`)}) as listed
    from (
      select l.created_at, u.id, ${until} as until
      from ${from} l
      join users u on u.id = ${other}
      where ${owner} = ${viewer} and ${holds} and ${isBehind(after, sql`l.created_at`, other)} and ${isPresent}
      order by l.created_at desc, ${other} desc
      limit ${limit} offset ${offset}) page
    join users u on u.id = page.id
    order by page.created_at desc, page.id desc`,
  )
  return rows.map(({ listed }) => listed)
}
