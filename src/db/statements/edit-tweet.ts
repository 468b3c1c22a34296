import { type SQL, sql } from 'drizzle-orm'
import type { Entities } from '../../contracts/http/tweets.ts'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { EDIT_WINDOW_SECONDS, EDITS_MAX } from '../../domain/limits.ts'
import { type Db, query, transaction } from '../client.ts'
import type { Subject } from './counters.ts'
import { notificationRow, outboxRecord, outboxRow, searchRow } from './outbox.ts'
import { markTrendsOf } from './trend-marks.ts'
import { type FlagsRecord, type TweetRecord, tweetRecord, viewerFlags } from './tweet-columns.ts'
import { entitiesOf, hashtagsNamed, insertHashtags, type NewEntities, peopleNamed } from './tweet-tags.ts'
import { NOBODY, tweetIsVisibleTo, viewerId } from './visibility.ts'

export interface NewVersion extends NewEntities {
  content: string
  /** Nothing of it can be seen: only a quote may say that. */
  isBlank: boolean
}

export type Edited =
  | {
      outcome: 'edited'
      tweet: TweetRecord
      flags: FlagsRecord
      /** As everybody may see it: what cards are made of. */
      card: TweetRecord
      /** Whose counters changed. */
      subjects: Subject[]
      outbox: OutboxRow[]
    }
  /** It says that already: nothing was written. */
  | { outcome: 'unchanged'; tweet: TweetRecord; flags: FlagsRecord }
  | { outcome: 'edit_closed'; reason: 'poll' | 'too_late' | 'too_many' }
  | { outcome: 'blank' | 'forbidden' | 'tweet_not_found' | 'unauthenticated' | 'suspended' }

/**
 * Gives one's own tweet another text and keeps the old one as a version. One transaction: first the new hashtags are
 * added and the row is locked, so that the statement sees what an edit, a deletion or a fold it waited for has left.
 */
export async function editTweet(db: Db, id: TweetId, author: UserId, version: NewVersion): Promise<Edited> {
  const [row] = await transaction<{ result: Edited }>(db, {
    before: [
      insertHashtags(author, version.tags),
      sql`select from tweets where id = ${id} and user_id = ${author} and not is_deleted for no key update`,
    ],
    main: writeVersion(id, author, version),
  })
  if (row === undefined) throw new Error('Editing answered no row')
  return row.result
}

function writeVersion(id: TweetId, author: UserId, { content, isBlank, ...found }: NewVersion): SQL {
  return sql`
    with actor as (
      select suspended_at from users where id = ${author} and is_active
    ), target as materialized (
      select t.*, (select count(*) from tweet_versions v where v.tweet_id = t.id) as edits
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${id} and ${tweetIsVisibleTo(author)}
    ), gate as (
      select case
        when not exists (select from actor) then 'unauthenticated'
        when (select suspended_at from actor) is not null then 'suspended'
        when not exists (select from target) then 'tweet_not_found'
        when (select user_id from target) <> ${author} then 'forbidden'
        when (select content from target) = ${content} then 'unchanged'
        when exists (select from polls where tweet_id = ${id}) then 'poll'
        when (select created_at from target) <= now() - make_interval(secs => ${EDIT_WINDOW_SECONDS})
          then 'too_late'
        when (select edits from target) >= ${EDITS_MAX}::int then 'too_many'
        when ${isBlank} and (select quote_tweet_id from target) is null then 'blank'
      end as refusal
    ), people as materialized (${peopleNamed(found.mentioned)}
    ), known_tags as materialized (${hashtagsNamed(found.tags)}
    ), kept as (
      insert into tweet_versions (tweet_id, version, content, entities, created_at)
      select id, edits + 1, content, entities, coalesce(edited_at, created_at)
      from target
      where (select refusal from gate) is null
      returning tweet_id
    ), edited as (
      update tweets t
      set content = ${content}, entities = ${entitiesOf(sql`given.e`)}, edited_at = now(), updated_at = now(),
          revision = t.revision + 1
      from kept, (select ${JSON.stringify(found.entities)}::jsonb as e) given
      where t.id = ${id}
      returning t.*
    ), ${retagging}, marked_trends as (${markTrendsOf(sql`edited`)}
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object('type', 'tweet_edited', 'v', 1, 'tweet_id', id, 'author_id', user_id)`,
      )}
      from edited
      union all
      select ${searchRow('tweet_changed', sql`'tweet_id', id`)} from edited
      union all
      select ${notificationRow('tweet_changed', sql`'tweet_id', id, 'author_id', user_id`)}
      from edited
      where exists (select from unmentioned) or exists (select from mentioned)
      returning id, queue, message
    )
    select case
      when exists (select from edited) then (
        select json_build_object(
          'outcome', 'edited',
          'tweet', ${tweetRecord(author)}, 'flags', ${viewerFlags(author)}, 'card', ${tweetRecord(NOBODY)},
          'subjects', coalesce((
            select json_agg(json_build_object('subject', subject, 'id', subject_id)) from ledger), '[]'),
          'outbox', (select json_agg(${outboxRecord}) from sent))
        from edited t
        join users u on u.id = t.user_id)
      when (select refusal from gate) = 'unchanged' then (
        select json_build_object(
          'outcome', 'unchanged', 'tweet', ${tweetRecord(author)}, 'flags', ${viewerFlags(author)})
        from target t
        join users u on u.id = t.user_id)
      when (select refusal from gate) in ('poll', 'too_late', 'too_many') then json_build_object(
        'outcome', 'edit_closed', 'reason', (select refusal from gate))
      else json_build_object('outcome', (select refusal from gate))
    end as result`
}

/** The hashtags and mentions that the new text has no more go, those it has not had come. */
const retagging = sql`untagged as (
      delete from tweet_hashtags h
      using edited
      where h.tweet_id = edited.id and h.hashtag_id not in (select id from known_tags)
      returning h.hashtag_id
    ), tagged as (
      insert into tweet_hashtags (tweet_id, hashtag_id)
      select edited.id, known_tags.id from edited, known_tags
      on conflict do nothing
      returning hashtag_id
    ), unmentioned as (
      delete from tweet_mentions m
      using edited
      where m.tweet_id = edited.id and m.user_id not in (select id from people)
      returning m.user_id
    ), mentioned as (
      insert into tweet_mentions (tweet_id, user_id)
      select edited.id, people.id from edited, people
      on conflict do nothing
      returning user_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'hashtag', hashtag_id, 'tweet_count', -1 from untagged
      union all
      select 'hashtag', hashtag_id, 'tweet_count', 1 from tagged
      returning subject, subject_id
    )`

export interface VersionRow {
  /** Counts from 1, the first text. */
  version: number
  content: string
  entities: Entities
  /** When it was said, in Unix milliseconds. */
  created_at: number
}

/** Below a version, or after skipping some. */
export interface VersionPage {
  before: number | null
  offset: number
  limit: number
}

/** What a tweet says and said, newest first; null where the viewer may not see it. There are few versions of any. */
export async function readVersions(
  db: Db,
  id: TweetId,
  viewer: UserId | null,
  { before, offset, limit }: VersionPage,
): Promise<VersionRow[] | null> {
  const [row] = await query<{ versions: VersionRow[] }>(
    db,
    sql`
    select coalesce((
      select json_agg(json_build_object(
        'version', page.version, 'content', page.content, 'entities', page.entities,
        'created_at', (extract(epoch from page.created_at) * 1000)::bigint) order by page.version desc)
      from (
        select *
        from (
          select v.version, v.content, v.entities, v.created_at from tweet_versions v where v.tweet_id = t.id
          union all
          select 1 + (select count(*) from tweet_versions v where v.tweet_id = t.id), t.content, t.entities,
                 coalesce(t.edited_at, t.created_at)) version
        where ${before === null ? sql`true` : sql`version.version < ${before}`}
        order by version.version desc
        limit ${limit} offset ${offset}) page), '[]') as versions
    from tweets t
    join users u on u.id = t.user_id
    where t.id = ${id} and ${tweetIsVisibleTo(viewerId(viewer))}`,
  )
  return row?.versions ?? null
}
