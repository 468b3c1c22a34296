import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { OwnProfile, Relationship } from '../../contracts/http/users.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { type OwnProfileRow, type ProfileRow, profileColumns, type UserCardRow } from './profile-columns.ts'
import { isPresent, viewerId } from './visibility.ts'

/** The user `u` is the one meant. The primary key serves ids, `users_username_unique` names. */
export function whichUser(ref: UserRef): SQL {
  return 'id' in ref ? sql`u.id = ${ref.id}` : sql`lower(u.username) = lower(${ref.username})`
}

/**
 * What stands between the viewer and the user `u`, as the JSON of a Relationship: five probes of primary keys.
 * Not `exists`: for a page of users that may be planned as a hash of all who follow the viewer.
 */
export function relationshipRecord(viewer: number): SQL {
  return sql`json_build_object(
    'is_following', (
      select true from follows f where f.follower_id = ${viewer} and f.following_id = u.id) is not null,
    'is_followed_by', (
      select true from follows f where f.follower_id = u.id and f.following_id = ${viewer}) is not null,
    'follow_requested', (
      select true from follow_requests r where r.requester_id = ${viewer} and r.target_id = u.id) is not null,
    'is_blocking', (
      select true from blocks b where b.blocker_id = ${viewer} and b.blocked_id = u.id) is not null,
    'is_muting', (
      select true from mutes m
      where m.muter_id = ${viewer} and m.muted_id = u.id
        and (m.expires_at is null or m.expires_at > now())) is not null)`
}

/** A profile as far as its reader may see it; `relationship` is null for one who is signed out. */
export type ShownProfile =
  | { shownAs: 'own'; profile: OwnProfileRow }
  | { shownAs: 'other'; profile: ProfileRow; relationship: Relationship | null }
  /** The user blocks the reader. */
  | { shownAs: 'card'; profile: UserCardRow; relationship: Relationship | null }

interface FoundProfile extends ProfileRow {
  own: Pick<OwnProfile, 'email' | 'birth_date' | 'role' | 'hide_sensitive'> | null
  relationship: Relationship
  blocks_viewer: boolean
}

/**
 * The profile of a user, or null for one who is missing, deactivated or suspended. What only its owner may read
 * leaves the database for its owner alone.
 */
export async function readProfile(db: Db, ref: UserRef, viewer: UserId | null): Promise<ShownProfile | null> {
  const who = viewerId(viewer)
  const [row] = await query<FoundProfile>(
    db,
    sql`
    select ${profileColumns},
           case when u.id = ${who} then json_build_object(
             'email', u.email,
             'birth_date', u.birth_date,
             'role', u.role,
             'hide_sensitive', u.hide_sensitive) end as own,
           ${relationshipRecord(who)} as relationship,
           exists (select from blocks b where b.blocker_id = u.id and b.blocked_id = ${who}) as blocks_viewer
    from users u
    where ${whichUser(ref)} and ${isPresent}`,
  )
  if (row === undefined) return null
  const { own, relationship, blocks_viewer, ...profile } = row
  if (own !== null) return { shownAs: 'own', profile: { ...profile, ...own } }
  return {
    shownAs: blocks_viewer ? 'card' : 'other',
    profile,
    relationship: viewer === null ? null : relationship,
  }
}
