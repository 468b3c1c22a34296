import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { OwnProfile, Relationship } from '../../contracts/http/users.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query, transaction } from '../client.ts'
import { outboxRecord, outboxRow, searchRow } from './outbox.ts'
import { lockPrivacy } from './privacy-lock.ts'
import {
  type OwnProfileRow,
  ownProfileColumns,
  type ProfileRow,
  profileColumns,
  type UserCardRow,
} from './profile-columns.ts'
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

/** What is to be different; undefined fields stay as they are. Texts are cleaned and within their limits. */
export interface ProfileChanges {
  display_name?: string | undefined
  bio?: string | undefined
  location?: string | null | undefined
  website?: string | null | undefined
  /** `YYYY-MM-DD` */
  birth_date?: string | null | undefined
  avatar_url?: string | null | undefined
  cover_url?: string | null | undefined
  is_private?: boolean | undefined
  hide_sensitive?: boolean | undefined
}

export type UpdatedProfile =
  | { outcome: 'updated'; profile: OwnProfileRow; outbox: OutboxRow[] }
  /** These fields name media that are not the user's: nothing was changed. */
  | { outcome: 'foreign_media'; fields: ('avatar_url' | 'cover_url')[] }
  | { outcome: 'unauthenticated' | 'suspended' }

/**
 * Changes one's own profile and answers it. What changes nothing writes nothing. `revision` tells timelines that
 * the cards they keep are outdated, or that the author's privacy is another, and orders what search is told. The only
 * media a profile may name are those it names already. An account that is made public owes that all who asked to follow
 * it do; one whose privacy is another, that search learns of all its tweets.
 *
 * One statement although it waits for other changes of the same profile: `held` gives the row as they left it,
 * and everything below is computed from that, so no change undoes another.
 */
export async function updateProfile(db: Db, user: UserId, changes: ProfileChanges): Promise<UpdatedProfile> {
  const [row] = await transaction<{ result: UpdatedProfile }>(db, {
    before: [changes.is_private === false ? lockPrivacy(user) : null],
    main: sql`
    with held as (
      select u as stored from users u where u.id = ${user} and u.is_active for no key update
    ), wanted as (
      select w.*,
             w is distinct from h.stored as differs,
             (w.display_name, w.bio) is distinct from ((h.stored).display_name, (h.stored).bio) as is_found_otherwise,
             w.is_private <> (h.stored).is_private as turns,
             w.avatar_url is distinct from (h.stored).avatar_url as looks_otherwise,
             array_remove(array[${ifForeign('avatar_url')}, ${ifForeign('cover_url')}], null) as foreign_media
      from held h
      cross join lateral jsonb_populate_record(h.stored, ${JSON.stringify(changes)}::jsonb) w
    ), updated as (
      update users u
      set display_name = w.display_name,
          bio = w.bio,
          location = w.location,
          website = w.website,
          birth_date = w.birth_date,
          avatar_url = w.avatar_url,
          cover_url = w.cover_url,
          is_private = w.is_private,
          hide_sensitive = w.hide_sensitive,
          revision = u.revision + (w.is_found_otherwise or w.turns or w.looks_otherwise)::int,
          updated_at = now()
      from wanted w
      where u.id = w.id and w.differs and w.suspended_at is null and cardinality(w.foreign_media) = 0
      returning ${ownProfileColumns}
    ), owed as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow('engagement', sql`jsonb_build_object('type', 'accept_requests', 'v', 1, 'user_id', ${user}::bigint)`)}
      from updated
      where not updated.is_private
        and (select count(*) from (select from follow_requests where target_id = ${user} limit 1) one) > 0
      union all
      select ${searchRow('user_changed', sql`'user_id', updated.id`)}
      from updated, wanted
      where wanted.is_found_otherwise
      union all
      select ${searchRow('tweets_of_changed', sql`'user_id', updated.id, 'before_id', null`)}
      from updated, wanted
      where wanted.turns
      returning id, queue, message
    )
    select case
      when u.suspended_at is not null then json_build_object('outcome', 'suspended')
      when cardinality(u.foreign_media) > 0 then json_build_object(
        'outcome', 'foreign_media', 'fields', u.foreign_media)
      else json_build_object('outcome', 'updated', 'profile', coalesce(
        (select to_json(written) from updated written),
        (select to_json(same) from (select ${ownProfileColumns}) same)),
        'outbox', coalesce((select json_agg(${outboxRecord}) from owed), '[]'))
    end as result
    from wanted u`,
  })
  return row?.result ?? { outcome: 'unauthenticated' }
}

/** The name of the column where a profile is to name media that it does not name yet, or else null. */
function ifForeign(column: 'avatar_url' | 'cover_url'): SQL {
  return sql.raw(
    `case when w.${column} is not null and w.${column} is distinct from (h.stored).${column} then '${column}' end`,
  )
}
