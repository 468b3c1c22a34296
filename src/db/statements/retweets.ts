import { sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import { FLAG_RETWEETED } from '../../contracts/tweet-json.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'
import { type Db, transaction } from '../client.ts'
import {
  type FlagsState,
  flagBits,
  flagsChanged,
  lockActs,
  stateVersion,
  viewerRefusal,
} from './engagement.ts'
import { notificationRow, outboxRecord, outboxRow } from './outbox.ts'
import type { UserCardRow } from './profile-columns.ts'
import { type TweetRecord, tweetRecord, userRecord } from './tweet-columns.ts'
import { NOBODY, tweetIsVisibleTo } from './visibility.ts'

export type Retweeted =
  | {
      outcome: 'done'
      /** The new entry; null for a repeat, which changes nothing. */
      entry_id: EntryId | null
      count: number
      state: FlagsState
      /** Read for nobody in particular: a card is made of it. */
      tweet: TweetRecord
      retweeter: UserCardRow
      outbox: OutboxRow[]
    }
  /** The id belongs to another entry, or the same retweet came first just now: another try tells. */
  | { outcome: 'taken' }
  | { outcome: 'tweet_not_found' | 'forbidden' | 'unauthenticated' | 'suspended' }

/**
 * Retweets a tweet that the viewer may see; a private author's may be retweeted by the author alone. One statement;
 * the unique index lets one of two retweets at once in.
 */
export async function insertRetweet(db: Db, viewer: UserId, tweet: TweetId, id: EntryId): Promise<Retweeted> {
  const [row] = await transaction<{ result: Retweeted }>(db, {
    before: [lockActs(viewer, tweet)],
    main: sql`
    with target as (
      select t.id, t.user_id, t.retweet_count, u.is_private and u.id <> ${viewer} as is_protected, ${tweetRecord(NOBODY)} as record
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${tweet} and ${tweetIsVisibleTo(viewer)}
    ), before as (
      select from retweets where user_id = ${viewer} and tweet_id = ${tweet}
    ), gate as (
      select coalesce(${viewerRefusal(viewer)}, case
        when not exists (select from target) then 'tweet_not_found'
        when (select is_protected from target) then 'forbidden'
      end) as refusal
    ), inserted as (
      insert into retweets (id, user_id, tweet_id)
      select ${id}::bigint, ${viewer}::bigint, target.id
      from target
      where (select refusal from gate) is null and not exists (select from before)
      on conflict do nothing
      returning id, tweet_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'tweet', tweet_id, 'retweet_count', 1 from inserted
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object(
          'type', 'tweet_retweeted', 'v', 1, 'entry_id', ${id}::bigint, 'tweet_id', ${tweet}::bigint,
          'author_id', (select user_id from target), 'retweeter_id', ${viewer}::bigint)`,
      )}
      from inserted
      union all
      select ${flagsChanged(viewer, tweet)} from inserted${retweetChanged(viewer, 'inserted')}
      returning id, queue, message
    )
    select case
      when (select refusal from gate) is not null then json_build_object('outcome', (select refusal from gate))
      when exists (select from inserted) or exists (select from before) then json_build_object(
        'outcome', 'done',
        'entry_id', (select id from inserted),
        'count', (select retweet_count from target) + (select count(*) from inserted),
        'state', json_build_object(
          'flags', ${flagBits(viewer, tweet)} | ${FLAG_RETWEETED}::int, 'version', ${stateVersion(sql`exists (select from inserted)`)}),
        'tweet', (select record from target),
        'retweeter', (select ${userRecord('r')} from users r where r.id = ${viewer}),
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))
      else json_build_object('outcome', 'taken')
    end as result`,
  })
  if (row === undefined) throw new Error('Retweeting answered no row')
  return row.result
}

/** The author is told of a retweet that is not their own. */
const retweetChanged = (viewer: UserId, rows: 'inserted' | 'deleted') => sql`
      union all
      select ${notificationRow('retweet_changed', sql`'actor_id', ${viewer}::bigint, 'tweet_id', target.id`)}
      from ${sql.raw(rows)}, target
      where target.user_id <> ${viewer}`

export type Unretweeted =
  | { outcome: 'done'; entry_id: EntryId | null; count: number; state: FlagsState; outbox: OutboxRow[] }
  | { outcome: 'tweet_not_found' | 'unauthenticated' | 'suspended' }

/** Undoes a retweet. Works on a tweet that can no longer be seen, too: the row is the viewer's own. */
export async function deleteRetweet(db: Db, viewer: UserId, tweet: TweetId): Promise<Unretweeted> {
  const [row] = await transaction<{ result: Unretweeted }>(db, {
    before: [lockActs(viewer, tweet)],
    main: sql`
    with target as (
      select t.id, t.user_id, t.retweet_count
      from tweets t
      join users u on u.id = t.user_id
      where t.id = ${tweet}
        and (${tweetIsVisibleTo(viewer)}
             or exists (select from retweets mine where mine.user_id = ${viewer} and mine.tweet_id = t.id))
    ), gate as (
      select coalesce(${viewerRefusal(viewer)}, case when not exists (select from target) then 'tweet_not_found' end)
        as refusal
    ), deleted as (
      delete from retweets
      where user_id = ${viewer} and tweet_id = ${tweet} and (select refusal from gate) is null
      returning id, tweet_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'tweet', tweet_id, 'retweet_count', -1 from deleted
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object(
          'type', 'retweet_undone', 'v', 1, 'entry_id', id, 'tweet_id', tweet_id,
          'author_id', (select user_id from target), 'retweeter_id', ${viewer}::bigint)`,
      )}
      from deleted
      union all
      select ${flagsChanged(viewer, tweet)} from deleted${retweetChanged(viewer, 'deleted')}
      returning id, queue, message
    )
    select case
      when (select refusal from gate) is not null then json_build_object('outcome', (select refusal from gate))
      else json_build_object(
        'outcome', 'done',
        'entry_id', (select id from deleted),
        'count', greatest(0, (select retweet_count from target) - (select count(*) from deleted)),
        'state', json_build_object(
          'flags', ${flagBits(viewer, tweet)} & ~${FLAG_RETWEETED}::int, 'version', ${stateVersion(sql`exists (select from deleted)`)}),
        'outbox', coalesce((select json_agg(${outboxRecord}) from sent), '[]'))
    end as result`,
  })
  if (row === undefined) throw new Error('Undoing a retweet answered no row')
  return row.result
}
