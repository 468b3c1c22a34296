import { sql } from 'drizzle-orm'
import type { TweetId } from '../../domain/ids.ts'
import { array, type Db, query } from '../client.ts'
import { type ErasedStep, type ErasureStep, hasOne, takeStep } from './account-erasure.ts'
import { dependantsErased, withoutContent } from './erased-content.ts'
import { notificationRow, outboxRow } from './outbox.ts'

/**
 * Deletes the account's tweets, as their author would, and erases their content with it. The rows stay, because replies stand
 * on them. Followers need not be told: they follow no longer. What hangs on a tweet (retweets, bookmarks, what people were told)
 * is owed where there is any. `idx_tweets_user_created` serves it.
 */
export async function eraseTweets(db: Db, step: ErasureStep): Promise<ErasedStep> {
  const { userId, rows } = step
  const written = await query<{ id: TweetId }>(
    db,
    sql`
    select t.id::float8 as id
    from tweets t
    where t.user_id = ${userId} and t.is_deleted = false
    order by t.id
    limit ${rows}`,
  )
  const tweets = array(
    written.map(({ id }) => id),
    'bigint',
  )
  return takeStep(db, step, {
    locks: [
      sql`select from tweets where id = any(${tweets}) and not is_deleted order by id for no key update`,
    ],
    erased: sql`due as (
      update tweets
      set is_deleted = true, deleted_at = now(), revision = revision + 1, ${withoutContent}
      where id = any(${tweets}) and user_id = ${userId} and not is_deleted
      returning id, reply_to_id, quote_tweet_id
    ), ${dependantsErased}, ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'user', ${userId}::bigint, 'tweet_count', -count(*) from due having count(*) > 0
      union all
      select 'hashtag', x.hashtag_id, 'tweet_count', -count(*)
      from tweet_hashtags x
      join due on due.id = x.tweet_id
      group by x.hashtag_id
      union all
      select 'tweet', reply_to_id, 'reply_count', -count(*) from due where reply_to_id is not null group by reply_to_id
      union all
      select 'tweet', quote_tweet_id, 'quote_count', -count(*)
      from due where quote_tweet_id is not null group by quote_tweet_id
      returning subject, subject_id
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'engagement',
        sql`jsonb_build_object('type', 'erase_dependants', 'v', 1, 'tweet_id', due.id)`,
      )}
      from due
      where ${hasOne(sql`from retweets r where r.tweet_id = due.id`)}
         or ${hasOne(sql`from bookmarks b where b.tweet_id = due.id`)}
      union all
      select ${notificationRow('tweet_withdrawn', sql`'tweet_id', due.id`)}
      from due
      where ${hasOne(sql`from notifications n where n.tweet_id = due.id and n.withdrawn_at is null`)}
      returning id, queue, message
    )`,
    counted: sql`select subject, subject_id from ledger`,
    sent: sql`select * from sent`,
    left: written.length === rows,
  })
}
