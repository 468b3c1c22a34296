import { type SQL, sql } from 'drizzle-orm'
import type { TweetId } from '../../domain/ids.ts'
import { array, type Db, query } from '../client.ts'
import { type ErasedStep, type ErasureStep, takeStep } from './account-erasure.ts'
import { notificationRow } from './outbox.ts'

/**
 * Takes back likes, retweets or bookmarks: the tweets count them no longer, and their authors are told no longer. Nobody's
 * timeline shows the retweets: who followed the account does no longer. The tables' keys `(user_id, tweet_id)` serve it.
 */
export async function eraseActs(
  db: Db,
  table: 'likes' | 'retweets' | 'bookmarks',
  step: ErasureStep,
): Promise<ErasedStep> {
  const { userId, rows } = step
  const acted = await query<{ id: TweetId }>(
    db,
    sql`
    select tweet_id::float8 as id
    from ${sql.raw(table)}
    where user_id = ${userId}
    order by tweet_id
    limit ${rows}`,
  )
  const tweets = array(
    acted.map(({ id }) => id),
    'bigint',
  )
  const { counter, event } = ACTS[table]
  return takeStep(db, step, {
    erased: sql`undone as (
      delete from ${sql.raw(table)}
      where user_id = ${userId} and tweet_id = any(${tweets})
      returning tweet_id
    ), ledger as (
      insert into counter_deltas (subject, subject_id, counter, delta)
      select 'tweet', tweet_id, ${counter}, -1 from undone
      returning subject, subject_id
    )${event === null ? sql.empty() : told(step, event)}`,
    counted: sql`select subject, subject_id from ledger`,
    ...(event === null ? {} : { sent: sql`select * from sent` }),
    left: acted.length === rows,
  })
}

const ACTS = {
  likes: { counter: 'like_count', event: 'like_changed' },
  retweets: { counter: 'retweet_count', event: 'retweet_changed' },
  bookmarks: { counter: 'bookmark_count', event: null },
} as const

/** The CTE by which the authors hear of it. */
function told({ userId }: ErasureStep, event: 'like_changed' | 'retweet_changed'): SQL {
  return sql`, sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${notificationRow(event, sql`'actor_id', ${userId}::bigint, 'tweet_id', t.id`)}
      from undone
      cross join lateral tweet_by_id(undone.tweet_id) t
      where t.user_id <> ${userId}
      returning id, queue, message
    )`
}
