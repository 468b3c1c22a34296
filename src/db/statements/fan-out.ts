import { sql } from 'drizzle-orm'
import type { OutboxRow } from '../../contracts/queues.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { array, type Db, query } from '../client.ts'
import { outboxRecord, outboxRow } from './outbox.ts'
import { type TweetRecord, tweetRecord } from './tweet-columns.ts'
import { isPresent, noBlockBetween, notMutedBy } from './visibility.ts'

/** Warm followers that one delivery task serves; a larger fan-out is split into chunks of this many. */
export const FAN_OUT_CHUNK = 500

/** One tweet to deliver, or to take back, for the warm followers within some bounds. */
export interface FanOutTask {
  outbox_id: number
  tweet_id: TweetId
  author_id: UserId
  retract: boolean
  /** Both inclusive. The author counts as a follower of themselves. */
  from_follower: number
  to_follower: number
}

export interface FanOutPlan {
  outbox_id: number
  /** Null when there is nothing to deliver: the tweet is gone. Retractions need none. */
  tweet: TweetRecord | null
  /** Warm timelines, at most one more than a chunk: then the task is to be split. */
  receivers: UserId[]
}

/**
 * Resolves tasks to tweets and warm followers, for all messages of a batch in one statement. A task whose outbox
 * row is gone has been done by another delivery and has no plan. `follows_fan_out` serves the followers, in id order.
 */
export async function planFanOut(db: Db, tasks: readonly FanOutTask[]): Promise<FanOutPlan[]> {
  const rows = await query<{ plan: FanOutPlan }>(
    db,
    sql`
    select json_build_object(
      'outbox_id', task.outbox_id,
      'tweet', (
        select ${tweetRecord}
        from tweets t
        join users u on u.id = t.user_id
        where t.id = task.tweet_id and not task.retract
          and not t.is_deleted and t.reply_to_id is null and ${isPresent}),
      'receivers', coalesce(audience.ids, '[]')) as plan
    from jsonb_to_recordset(${JSON.stringify(tasks)}::jsonb) as task(
      outbox_id bigint, tweet_id bigint, author_id bigint, retract boolean, from_follower bigint, to_follower bigint)
    join outbox o on o.id = task.outbox_id
    left join lateral (
      select json_agg(warm.user_id) as ids
      from (
        (select own.user_id
         from timelines own
         where own.user_id = task.author_id
           and own.user_id between task.from_follower and task.to_follower)
        union all
        (select w.user_id
         from follows f
         join timelines w on w.user_id = f.follower_id
         where f.following_id = task.author_id
           and f.follower_id between task.from_follower and task.to_follower
           and (task.retract
                or (${noBlockBetween(sql`f.follower_id`, sql`task.author_id`)}
                    and ${notMutedBy(sql`f.follower_id`, sql`task.author_id`)}))
         order by f.follower_id
         limit ${FAN_OUT_CHUNK + 1})
      ) warm) audience on true`,
  )
  return rows.map(({ plan }) => plan)
}

/**
 * Replaces one outbox row by a row for every chunk of warm followers, in one statement: the row is gone if and
 * only if its chunks are there. Of two consumers that split the same row, the second finds it gone and makes none.
 * A follower who warms after this statement pulls the tweet itself.
 */
export async function splitFanOut(db: Db, task: FanOutTask): Promise<OutboxRow[]> {
  const rows = await query<{ row: OutboxRow }>(
    db,
    sql`
    with whole as (
      delete from outbox where id = ${task.outbox_id} returning id
    ), warm as (
      select w.user_id
      from (select follower_id as id from follows where following_id = ${task.author_id}
            union all
            select ${task.author_id}::bigint) audience
      join timelines w on w.user_id = audience.id
      where w.user_id between ${task.from_follower}::bigint and ${task.to_follower}::bigint
    ), numbered as (
      select user_id, (row_number() over (order by user_id) - 1) / ${FAN_OUT_CHUNK}::int as chunk from warm
    ), chunks as (
      select min(user_id) as from_follower, max(user_id) as to_follower from numbered group by chunk
    ), sent as (
      insert into outbox (queue, message, next_attempt_at)
      select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object(
          'type', 'fan_out_chunk', 'v', 1,
          'tweet_id', ${task.tweet_id}::bigint, 'author_id', ${task.author_id}::bigint,
          'retract', ${task.retract}::boolean,
          'from_follower', from_follower, 'to_follower', to_follower)`,
      )}
      from chunks, whole
      returning id, queue, message
    )
    select ${outboxRecord} as row from sent`,
  )
  return rows.map(({ row }) => row)
}

/** Which of these users' timelines are warm. */
export async function readWarm(db: Db, users: readonly UserId[]): Promise<UserId[]> {
  const rows = await query<{ user_id: UserId }>(
    db,
    sql`select user_id::float8 as user_id from timelines where user_id = any(${array(users, 'bigint')})`,
  )
  return rows.map((row) => row.user_id)
}
