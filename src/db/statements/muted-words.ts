import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { ReaderPreferences } from '../../contracts/timeline.ts'
import type { UserId } from '../../domain/ids.ts'
import { array, type Db, query, transaction } from '../client.ts'
import { stateVersion, viewerRefusal } from './engagement.ts'
import { outboxRecord, outboxRow } from './outbox.ts'

/** A muted word as it is listed; times in Unix milliseconds. */
export interface MutedWordRow {
  id: number
  phrase: string
  expires_at: number | null
  created_at: number
}

/** What a change of what somebody does not want to see owes: all of it as their own timeline is told, and the outbox. */
export interface MutedWordsChange {
  state: ReaderPreferences
  outbox: OutboxRow[]
}

export type MutedWordPut =
  /** `changed` is false for a repeat that says nothing new: then the outbox is empty. */
  | ({ outcome: 'added' | 'there'; changed: boolean; word: MutedWordRow } & MutedWordsChange)
  | { outcome: 'too_many_muted_words' | 'unauthenticated' | 'suspended' }

export type MutedWordDeleted =
  | ({ outcome: 'deleted' } & MutedWordsChange)
  | { outcome: 'muted_word_not_found' | 'unauthenticated' | 'suspended' }

/**
 * Changes of one user's muted words and of whether they hide what is sensitive, and readings of them for that user's timeline, wait for each other: first this in a
 * statement of its own, then a statement that sees all that was done before it. So the list never grows too long, and of two
 * lists the one with the newer version is the later one.
 */
function wordsLock(user: SQL): SQL {
  return sql`hashtextextended('muted-words:' || ${user}, 0)`
}

export function lockMutedWords(user: UserId): SQL {
  return sql`select pg_advisory_xact_lock(${wordsLock(sql`${user}::bigint`)})`
}

/** For those who read the words of these users; of several, the locks are taken in one order. */
export function lockMutedWordsShared(users: readonly UserId[]): SQL {
  return sql`
      select pg_advisory_xact_lock_shared(lock)
      from (select distinct ${wordsLock(sql`id`)} as lock
            from unnest(${array(users, 'bigint')}) id
            order by lock) locks`
}

const inForce = sql`(w.expires_at is null or w.expires_at > now())`
const wordRecord = sql`json_build_object(
        'phrase', w.phrase, 'expiresAtMs', (extract(epoch from w.expires_at) * 1000)::bigint)`
const wordRow = sql`json_build_object(
          'id', w.id, 'phrase', w.phrase,
          'expires_at', (extract(epoch from w.expires_at) * 1000)::bigint,
          'created_at', (extract(epoch from w.created_at) * 1000)::bigint)`

/** The words of a user that have not expired, as JSON. `muted_words_once` serves it. */
export function mutedWordsOf(user: SQL): SQL {
  return sql`coalesce((
        select json_agg(${wordRecord}) from muted_words w where w.user_id = ${user} and ${inForce}), '[]')`
}

/** Whether a user hides what is sensitive. */
export function hidesSensitive(user: SQL): SQL {
  return sql`coalesce((select hide_sensitive from users where id = ${user}), true)`
}

/** The muted words that have not expired, newest first. */
export async function readMutedWords(db: Db, user: UserId): Promise<MutedWordRow[]> {
  const rows = await query<{ word: MutedWordRow }>(
    db,
    sql`
    select ${wordRow} as word from muted_words w where w.user_id = ${user} and ${inForce} order by w.id desc`,
  )
  return rows.map(({ word }) => word)
}

/** The outbox row by which the user's own timeline is told for certain what they do not want to see. */
export const preferencesChanged = (user: UserId) =>
  outboxRow(
    'fan-out',
    sql`jsonb_build_object('type', 'preferences_changed', 'v', 1, 'user_id', ${user}::bigint)`,
  )

/**
 * Mutes a phrase; one that is muted already, by its folded form, gets the new expiry. Behind its lock, what has expired makes
 * room first: how many there are is then exact under any concurrency, and a phrase that has expired can be muted anew.
 */
export async function putMutedWord(
  db: Db,
  user: UserId,
  { phrase, folded, expiresAtMs }: { phrase: string; folded: string; expiresAtMs: number | null },
  max: number,
): Promise<MutedWordPut> {
  const expiresAt = expiresAtMs === null ? sql`null::timestamptz` : sql`to_timestamp(${expiresAtMs / 1000})`
  const [row] = await transaction<{ result: MutedWordPut }>(db, {
    before: [
      lockMutedWords(user),
      sql`delete from muted_words where user_id = ${user} and expires_at <= now()`,
    ],
    main: sql`
    with gate as (
      select ${viewerRefusal(user)} as refusal
    ), before as (
      select * from muted_words where user_id = ${user} and folded = ${folded}
    ), changed as (
      insert into muted_words as known (user_id, phrase, folded, expires_at)
      select ${user}::bigint, ${phrase}, ${folded}, ${expiresAt}
      where (select refusal from gate) is null
        and (exists (select from before) or (select count(*) from muted_words where user_id = ${user}) < ${max}::int)
      on conflict (user_id, folded) do update set expires_at = excluded.expires_at
      where known.expires_at is distinct from excluded.expires_at
      returning *
    ), word as (
      select * from changed union all select * from before where not exists (select from changed)
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${preferencesChanged(user)} from changed
      returning id, queue, message
    )
    select case
      when (select refusal from gate) is not null then json_build_object('outcome', (select refusal from gate))
      when not exists (select from word) then json_build_object('outcome', 'too_many_muted_words')
      else json_build_object(
        'outcome', case when exists (select from before) then 'there' else 'added' end,
        'changed', exists (select from changed),
        'word', (select ${wordRow} from word w),
        ${changePairs(
          sql`
          select * from word union all select * from muted_words where user_id = ${user} and folded <> ${folded}`,
          sql`exists (select from changed)`,
          user,
        )})
    end as result`,
  })
  if (row === undefined) throw new Error('Muting a word answered no row')
  return row.result
}

/** Unmutes one of the user's own phrases. */
export async function deleteMutedWord(db: Db, user: UserId, id: number): Promise<MutedWordDeleted> {
  const [row] = await transaction<{ result: MutedWordDeleted }>(db, {
    before: [lockMutedWords(user)],
    main: sql`
    with gate as (
      select ${viewerRefusal(user)} as refusal
    ), gone as (
      delete from muted_words
      where id = ${id} and user_id = ${user} and (select refusal from gate) is null
      returning id
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${preferencesChanged(user)} from gone
      returning id, queue, message
    )
    select case
      when (select refusal from gate) is not null then json_build_object('outcome', (select refusal from gate))
      when not exists (select from gone) then json_build_object('outcome', 'muted_word_not_found')
      else json_build_object(
        'outcome', 'deleted',
        ${changePairs(sql`select * from muted_words where user_id = ${user} and id <> ${id}`, sql`true`, user)})
    end as result`,
  })
  if (row === undefined) throw new Error('Unmuting a word answered no row')
  return row.result
}

/** The columns of MutedWordsChange, of the words that there are then. */
function changePairs(words: SQL, changed: SQL, user: UserId): SQL {
  return sql`
        'state', json_build_object(
          'words', coalesce((select json_agg(${wordRecord}) from (${words}) w where ${inForce}), '[]'),
          'hidesSensitive', ${hidesSensitive(sql`${user}`)},
          'version', ${stateVersion(changed)}),
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]')`
}

/** The truth about what users do not want to see, for timelines that may have heard otherwise; none for those that are cold. */
export async function readPreferences(
  db: Db,
  users: readonly UserId[],
): Promise<({ user_id: UserId } & ReaderPreferences)[]> {
  const rows = await transaction<{ state: { user_id: UserId } & ReaderPreferences }>(db, {
    before: [lockMutedWordsShared(users)],
    main: sql`
    select json_build_object(
      'user_id', t.user_id,
      'words', ${mutedWordsOf(sql`t.user_id`)},
      'hidesSensitive', ${hidesSensitive(sql`t.user_id`)},
      'version', (extract(epoch from statement_timestamp()) * 1000000)::bigint) as state
    from timelines t
    where t.user_id = any(${array(users, 'bigint')})`,
  })
  return rows.map(({ state }) => state)
}
