import { type SQL, sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { type Db, transaction } from '../client.ts'
import type { Subject } from './counters.ts'
import { notificationRow, outboxRecord, outboxRow, searchRow } from './outbox.ts'
import { tweetIsVisibleTo } from './visibility.ts'

export type Deleted =
  | {
      outcome: 'deleted'
      author_id: UserId
      /** Whose counters it left. */
      subjects: Subject[]
      outbox: OutboxRow[]
    }
  /** It was deleted before: nothing changed. */
  | { outcome: 'gone' }
  /** `forbidden`: the viewer may see the tweet, but not delete it. The latter two are the viewer's own state. */
  | { outcome: 'forbidden' | 'not_found' | 'unauthenticated' | 'suspended' }

interface Actor {
  id: UserId
  isModerator: boolean
}

/**
 * Deletes a tweet (softly), takes it out of the counters, and owes the fan-out its retraction and the consumer what
 * hangs on it. One transaction: first the row is locked, so that the statement sees the hashtags that an edit it waited
 * for has left; of two deletions at once, the second no longer matches `not is_deleted`.
 */
export async function deleteTweet(db: Db, id: TweetId, actor: Actor): Promise<Deleted> {
  const [row] = await transaction<{ result: Deleted }>(db, {
    before: [
      sql`
      select from tweets
      where id = ${id} and not is_deleted and (user_id = ${actor.id} or ${actor.isModerator})
      for no key update`,
    ],
    main: markDeleted(id, actor),
  })
  if (row === undefined) throw new Error('Deleting answered no row')
  return row.result
}

function markDeleted(id: TweetId, actor: Actor): SQL {
  return sql`
    with actor as (
      select suspended_at is not null as is_suspended from users where id = ${actor.id} and is_active
    ), target as (
      select (t.user_id = ${actor.id} or ${actor.isModerator}) and not actor.is_suspended as may_delete,
             ${tweetIsVisibleTo(actor.id)} as visible
      from actor, tweets t
      join users u on u.id = t.user_id
      where t.id = ${id}
    ), gone as (
      update tweets
      set is_deleted = true, deleted_at = now(), updated_at = now(), revision = revision + 1
      where id = ${id} and not is_deleted and (select may_delete from target)
      returning id, user_id, reply_to_id, quote_tweet_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'user', user_id, 'tweet_count', -1 from gone
      union all
      select 'hashtag', hashtag_id, 'tweet_count', -1 from tweet_hashtags, gone where tweet_id = gone.id
      union all
      select 'tweet', reply_to_id, 'reply_count', -1 from gone where reply_to_id is not null
      union all
      select 'tweet', quote_tweet_id, 'quote_count', -1 from gone where quote_tweet_id is not null
      returning subject, subject_id
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object('type', 'tweet_deleted', 'v', 1, 'tweet_id', id, 'author_id', user_id)`,
      )}
      from gone
      union all
      select ${outboxRow(
        'engagement',
        sql`jsonb_build_object('type', 'erase_dependants', 'v', 1, 'tweet_id', id)`,
      )}
      from gone
      union all
      select ${notificationRow('tweet_withdrawn', sql`'tweet_id', id`)}
      from gone
      union all
      select ${searchRow('tweet_changed', sql`'tweet_id', id`)}
      from gone
      returning id, queue, message
    )
    select case
      when exists (select from gone) then json_build_object(
        'outcome', 'deleted',
        'author_id', (select user_id from gone),
        'subjects', (select json_agg(json_build_object('subject', subject, 'id', subject_id)) from ledger),
        'outbox', (select json_agg(${outboxRecord}) from sent))
      when not exists (select from actor) then json_build_object('outcome', 'unauthenticated')
      when (select is_suspended from actor) then json_build_object('outcome', 'suspended')
      when (select may_delete from target) then json_build_object('outcome', 'gone')
      when (select visible from target) then json_build_object('outcome', 'forbidden')
      else json_build_object('outcome', 'not_found')
    end as result`
}
