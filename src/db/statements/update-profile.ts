import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { ReaderPreferences } from '../../contracts/timeline.ts'
import type { UserId } from '../../domain/ids.ts'
import { type Db, transaction } from '../client.ts'
import type { Subject } from './counters.ts'
import { stateVersion } from './engagement.ts'
import {
  ACCEPTED_AT_ONCE,
  acceptedSubjects,
  acceptTaken,
  NOBODY_ACCEPTED,
  othersAccepted,
  takePending,
} from './follow-requests.ts'
import { hidesSensitive, lockMutedWords, mutedWordsOf, preferencesChanged } from './muted-words.ts'
import { outboxRecord, searchRow, tweetsOfChangedRow } from './outbox.ts'
import { lockPrivacy } from './privacy-lock.ts'
import { type OwnProfileRow, ownProfileColumns } from './profile-columns.ts'

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
  /** `subjects` are those whose counters have changed. */
  | {
      outcome: 'updated'
      profile: OwnProfileRow
      subjects: Subject[]
      /** Where whether the user hides what is sensitive was given. */
      preferences: ReaderPreferences | null
      outbox: OutboxRow[]
    }
  /** These fields name media that are not the user's: nothing was changed. */
  | { outcome: 'foreign_media'; fields: ('avatar_url' | 'cover_url')[] }
  | { outcome: 'unauthenticated' | 'suspended' }

/**
 * Changes one's own profile and answers it. What changes nothing writes nothing. `revision` tells timelines that
 * the cards they keep are outdated, or that the author's privacy is another, and orders what search is told of the person and of their tweets. The only media a
 * profile may name are those it names already. Who asked to follow an account that is made public follows it from now on: in the same transaction
 * where they are `acceptedAtOnce` at most, and else as the outbox then owes.
 *
 * The change is one statement although it waits for other changes of the same profile: `held` gives the row as they left it,
 * and everything below is computed from that, so no change undoes another.
 */
export async function updateProfile(
  db: Db,
  user: UserId,
  changes: ProfileChanges,
  acceptedAtOnce = ACCEPTED_AT_ONCE,
): Promise<UpdatedProfile> {
  const opens = changes.is_private === false
  const chooses = changes.hide_sensitive !== undefined
  const [row] = await transaction<{ result: UpdatedProfile }>(db, {
    before: [
      chooses ? lockMutedWords(user) : null,
      ...(opens ? [lockPrivacy(user), ...takePending(user, acceptedAtOnce)] : []),
    ],
    main: sql`
    with held as (
      select u as stored from users u where u.id = ${user} and u.is_active for no key update
    ), wanted as (
      select w.*,
             w is distinct from h.stored as differs,
             w.hide_sensitive <> (h.stored).hide_sensitive as prefers,
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
    ), ${opens ? acceptTaken(user) : NOBODY_ACCEPTED}, owed as (
      insert into outbox (queue, message, next_attempt_at)
      select ${preferencesChanged(user)} from updated, wanted where wanted.prefers
      ${opens ? sql`union all ${othersAccepted(user)}` : sql.empty()}
      union all
      select ${searchRow('user_changed', sql`'user_id', updated.id`)}
      from updated, wanted
      where wanted.is_found_otherwise
      union all
      select ${tweetsOfChangedRow(sql`updated.id`, sql`wanted.revision + 1`)}
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
        'subjects', ${acceptedSubjects},
        'preferences', ${chooses ? preferencesNow(user) : sql`null::json`},
        'outbox', coalesce((select json_agg(${outboxRecord}) from (table sent union all table owed) sent), '[]'))
    end as result
    from wanted u`,
  })
  return row?.result ?? { outcome: 'unauthenticated' }
}

/** What the user does not want to see once this is committed, behind the lock of it. */
function preferencesNow(user: UserId): SQL {
  return sql`json_build_object(
          'words', ${mutedWordsOf(sql`${user}`)},
          'hidesSensitive', coalesce((select hide_sensitive from updated), ${hidesSensitive(sql`${user}`)}),
          'version', ${stateVersion(sql`exists (select from updated)`)})`
}

/** The name of the column where a profile is to name media that it does not name yet, or else null. */
function ifForeign(column: 'avatar_url' | 'cover_url'): SQL {
  return sql.raw(
    `case when w.${column} is not null and w.${column} is distinct from (h.stored).${column} then '${column}' end`,
  )
}
