import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'
import { outboxRecord, outboxRow } from './outbox.ts'
import type { UserCardRow } from './profile-columns.ts'
import { type FlagsRecord, type TweetRecord, tweetRecord, userRecord, viewerFlags } from './tweet-columns.ts'
import { isPresent, mayRead, tweetIsVisibleTo, viewerId } from './visibility.ts'

export interface ShownTweet {
  tweet: TweetRecord
  flags: FlagsRecord
}

/** The tweet with the viewer's flags, or null where the viewer may not see it. */
export async function readTweet(db: Db, id: TweetId, viewer: UserId | null): Promise<ShownTweet | null> {
  const who = viewerId(viewer)
  const [row] = await query<ShownTweet>(
    db,
    sql`
    select ${tweetRecord} as tweet, ${viewerFlags(who)} as flags
    from tweets t
    join users u on u.id = t.user_id
    where t.id = ${id} and ${tweetIsVisibleTo(who)}`,
  )
  return row ?? null
}

export type Deleted =
  | { outcome: 'deleted'; author_id: UserId; hashtag_ids: number[]; outbox: OutboxRow[] }
  /** It was deleted before: nothing changed. */
  | { outcome: 'gone' }
  /** `forbidden`: the viewer may see the tweet, but not delete it. The latter two are the viewer's own state. */
  | { outcome: 'forbidden' | 'not_found' | 'unauthenticated' | 'suspended' }

/**
 * Deletes a tweet (softly), takes it out of the counters and owes the fan-out its retraction. One statement:
 * of two deletions at once, the second waits for the row and then no longer matches `not is_deleted`.
 */
export async function deleteTweet(
  db: Db,
  id: TweetId,
  viewer: { id: UserId; isModerator: boolean },
): Promise<Deleted> {
  const [row] = await query<{ result: Deleted }>(
    db,
    sql`
    with actor as (
      select suspended_at is not null as is_suspended from users where id = ${viewer.id} and is_active
    ), target as (
      select (t.user_id = ${viewer.id} or ${viewer.isModerator}) and not actor.is_suspended as may_delete,
             ${tweetIsVisibleTo(viewer.id)} as visible
      from actor, tweets t
      join users u on u.id = t.user_id
      where t.id = ${id}
    ), gone as (
      update tweets
      set is_deleted = true, deleted_at = now(), updated_at = now(), revision = revision + 1
      where id = ${id} and not is_deleted and (select may_delete from target)
      returning user_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'user', user_id, 'tweet_count', -1 from gone
      union all
      select 'hashtag', hashtag_id, 'tweet_count', -1 from tweet_hashtags, gone where tweet_id = ${id}
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object('type', 'tweet_deleted', 'v', 1, 'tweet_id', ${id}::bigint, 'author_id', user_id)`,
      )}
      from gone
      returning id, queue, message
    )
    select case
      when exists (select from gone) then json_build_object(
        'outcome', 'deleted',
        'author_id', (select user_id from gone),
        'hashtag_ids', coalesce(
          (select json_agg(hashtag_id) from tweet_hashtags where tweet_id = ${id}), '[]'),
        'outbox', (select json_agg(${outboxRecord}) from sent))
      when not exists (select from actor) then json_build_object('outcome', 'unauthenticated')
      when (select is_suspended from actor) then json_build_object('outcome', 'suspended')
      when (select may_delete from target) then json_build_object('outcome', 'gone')
      when (select visible from target) then json_build_object('outcome', 'forbidden')
      else json_build_object('outcome', 'not_found')
    end as result`,
  )
  if (row === undefined) throw new Error('Deleting answered no row')
  return row.result
}

/** A tweet on a timeline read from Postgres. */
export interface ShownEntry extends ShownTweet {
  retweeter: UserCardRow | null
}

/** One place of a timeline: the entry's id is the tweet's, or the retweet's; null where it may not be seen. */
export interface EntryRow {
  entry_id: EntryId
  entry: ShownEntry | null
}

/** Where a page begins: below an entry, or after skipping some. */
export interface Keyset {
  before: number | null
  offset: number
  limit: number
}

export interface UserEntriesFilter {
  replies: boolean
  media: boolean
}

const shownEntry = (who: number) => sql`json_build_object(
    'tweet', ${tweetRecord},
    'flags', ${viewerFlags(who)},
    'retweeter', case when r.id is not null then ${userRecord('r')} end)`

/**
 * A user's own timeline: tweets and retweets, newest first; null where there is no such user for this viewer.
 * One statement: `idx_tweets_user_created` and `idx_retweets_user_id` each give their newest rows in order, so
 * it costs what the page costs, and the owner's row comes back even when there are no entries. `limit 1` keeps each
 * tweet a probe of its primary key.
 */
export async function readUserEntries(
  db: Db,
  owner: SQL,
  viewer: UserId | null,
  filter: UserEntriesFilter,
  { before, offset, limit }: Keyset,
): Promise<EntryRow[] | null> {
  const who = viewerId(viewer)
  const reach = offset + limit
  const older = (entry: SQL) => (before === null ? sql`true` : sql`${entry} < ${before}`)
  // As one value rather than a join, behind which the indexes' order would be lost: all would be read and sorted.
  const whose = sql`(select id from owner where readable)`
  const rows = await query<{ entry_id: EntryId | null; entry: ShownEntry | null }>(
    db,
    sql`
    with owner as (
      select u.id, ${mayRead(who)} as readable
      from users u
      where ${owner} and ${isPresent}
    ), page as (
      (select t.id, t.id as tweet_id, null::bigint as retweeter_id
       from tweets t
       where t.user_id = ${whose} and t.is_deleted = false and ${older(sql`t.id`)}
         and (${filter.replies} or t.reply_to_id is null)
         and (not ${filter.media} or jsonb_array_length(t.media_urls) > 0)
       order by t.id desc
       limit ${reach})
      union all
      (select r.id, r.tweet_id, r.user_id
       from retweets r
       where r.user_id = ${whose} and not ${filter.media} and ${older(sql`r.id`)}
       order by r.id desc
       limit ${reach})
      order by id desc
      limit ${limit} offset ${offset}
    )
    select page.id::float8 as entry_id, shown.entry
    from owner
    left join page on true
    left join lateral (
      select ${shownEntry(who)} as entry
      from tweets t
      join users u on u.id = t.user_id
      left join users r on r.id = page.retweeter_id
      where t.id = page.tweet_id and ${tweetIsVisibleTo(who)}
      limit 1) shown on true
    order by page.id desc`,
  )
  if (rows.length === 0) return null
  return rows.flatMap(({ entry_id, entry }) => (entry_id === null ? [] : [{ entry_id, entry }]))
}
