import { type SQL, sql } from 'drizzle-orm'
import { FAN_OUT_RECEIVERS_MAX, type OutboxRow } from '../../contracts/queues.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'
import { array, type Db, query } from '../client.ts'
import { flagBits } from './engagement.ts'
import { replyBelongs } from './home-windows.ts'
import { outboxRecord, outboxRow } from './outbox.ts'
import type { UserCardRow } from './profile-columns.ts'
import { isPushed } from './pulled-authors.ts'
import { type TweetRecord, tweetRecord, userRecord } from './tweet-columns.ts'
import { isPresent, NOBODY, noBlockBetween, notMutedBy } from './visibility.ts'

/** Warm followers that one delivery task serves; a larger fan-out is split into chunks of this many. */
export const FAN_OUT_CHUNK = FAN_OUT_RECEIVERS_MAX

/**
 * Retweeters, the newest, whose followers are told of an edit as the author's are. A timeline that shows the tweet through
 * an earlier one has its page brought up to date as any page.
 */
const REVISED_RETWEETERS = 100

/** What is done to timelines: an entry is delivered or taken back, or the card of a tweet replaced. */
export type FanOutEffect = 'deliver' | 'retract' | 'revise'

/** One entry's effect on the timelines of the warm followers within some bounds. */
export interface FanOutTask {
  outbox_id: number
  effect: FanOutEffect
  /** The tweet's id, or the retweet's. */
  entry_id: EntryId
  tweet_id: TweetId
  author_id: UserId
  /** Whose followers: the author, or the retweeter. They count as a follower of themselves. */
  by_id: UserId
  /** Both inclusive. */
  from_follower: number
  to_follower: number
  /** The only ones to be told, of whom at least one is named; null for all within the bounds. */
  to: UserId[] | null
}

/** What a receiver had done to the tweet that is shown again: retweeted, or quoted. */
export interface ActedReceiver {
  user_id: UserId
  tweet_id: TweetId
  flags: number
}

export interface FanOutPlan {
  outbox_id: number
  /** Since the write that owes the effect, by the database's clock. */
  age_ms: number
  /** Null when there is nothing to deliver or revise: the tweet or who retweeted it is gone, or the retweet was undone. */
  tweet: TweetRecord | null
  /** Null but for a retweet. */
  retweeter: UserCardRow | null
  /** Warm timelines, at most one more than a chunk: then the task is to be split. */
  receivers: UserId[]
  acted: ActedReceiver[]
  /** The database's clock in microseconds: what `acted` says holds as of then. */
  version: number
}

/** A user may read the author of the task's tweet. */
const readsAuthor = (user: SQL) => sql`(
            (not shown.is_private or ${user} = task.author_id
             or (select count(*) from follows f2
                 where f2.follower_id = ${user} and f2.following_id = task.author_id) > 0)
            and ${noBlockBetween(user, sql`task.author_id`)})`

/**
 * A follower `f` hears of the entry: unless they hid retweets, muted or blocked somebody, may not read the author, or the
 * reply is not for them.
 */
const hears = sql`(
            (task.entry_id = task.tweet_id or f.show_retweets)
            and ${readsAuthor(sql`f.follower_id`)}
            and ${noBlockBetween(sql`f.follower_id`, sql`task.by_id`)}
            and ${notMutedBy(sql`f.follower_id`, sql`task.author_id`)}
            and ${notMutedBy(sql`f.follower_id`, sql`task.by_id`)}
            and (task.entry_id <> task.tweet_id or ${replyBelongs(sql`f.follower_id`, 'shown')}))`

/** Only those whom a narrowed task names. */
const isNamed = (user: SQL) => sql`(task."to" is null or ${user} = any(task."to"))`

/** Who retweeted the tweet that an edit revises. */
const revisedRetweeters = (effect: SQL, tweet: SQL) => sql`
          (select r.user_id
           from retweets r
           where ${effect} = 'revise' and r.tweet_id = ${tweet}
           order by r.id desc
           limit ${REVISED_RETWEETERS})`

/**
 * Resolves tasks to tweets and warm followers, for all messages of a batch in one statement. A task whose outbox
 * row is gone has been done by another delivery and has no plan. `follows_fan_out` serves the followers, in id order.
 * The followers of a pulled author are not told.
 */
export async function planFanOut(db: Db, tasks: readonly FanOutTask[]): Promise<FanOutPlan[]> {
  const rows = await query<{ plan: FanOutPlan }>(
    db,
    sql`
    select json_build_object(
      'outbox_id', task.outbox_id,
      'age_ms', round(extract(epoch from statement_timestamp() - o.created_at) * 1000),
      'version', (extract(epoch from statement_timestamp()) * 1000000)::bigint,
      'tweet', case when task.effect <> 'retract' then shown.tweet end,
      'retweeter', (
        select ${userRecord('u')}
        from users u
        where u.id = task.by_id and task.entry_id <> task.tweet_id),
      'receivers', coalesce(to_json(audience.ids), '[]'),
      'acted', coalesce((
        select json_agg(json_build_object('user_id', acts.user_id, 'tweet_id', acts.tweet_id, 'flags', acts.flags))
        from (
          select receiver.user_id, again.tweet_id, ${flagBits(sql`receiver.user_id`, sql`again.tweet_id`)} as flags
          from (select task.tweet_id where task.entry_id <> task.tweet_id
                union all
                select shown.quote_tweet_id where task.entry_id = task.tweet_id and shown.quote_tweet_id is not null
               ) again
          cross join unnest(audience.ids) as receiver(user_id)
          where task.effect = 'deliver') acts
        where acts.flags <> 0), '[]')) as plan
    from jsonb_to_recordset(${JSON.stringify(tasks)}::jsonb) as task(
      outbox_id bigint, effect text, entry_id bigint, tweet_id bigint, author_id bigint, by_id bigint,
      from_follower bigint, to_follower bigint, "to" bigint[])
    join outbox o on o.id = task.outbox_id
    left join lateral (
      select t.user_id, t.reply_to_id, t.reply_to_user_id, t.quote_tweet_id, u.is_private, ${tweetRecord(NOBODY)} as tweet
      from tweet_by_id(task.tweet_id) t
      join users u on u.id = t.user_id
      where not t.is_deleted and ${isPresent}
        and (task.entry_id = task.tweet_id or exists (
          select from retweets r join users u on u.id = r.user_id where r.id = task.entry_id and ${isPresent}))
      limit 1) shown on true
    left join lateral (
      select array_agg(distinct warm.user_id) as ids
      from (
        (select own.user_id
         from timelines own
         where own.user_id = task.by_id
           and own.user_id between task.from_follower and task.to_follower
           and ${isNamed(sql`own.user_id`)})
        union all
        (select w.user_id
         from follows f
         join timelines w on w.user_id = f.follower_id
         where f.following_id = task.by_id
           and f.follower_id between task.from_follower and task.to_follower
           and ${isNamed(sql`f.follower_id`)}
           and ${isPushed(sql`task.by_id`, sql`task.entry_id`)}
           and (task.effect <> 'deliver' or ${hears})
         order by f.follower_id
         limit ${FAN_OUT_CHUNK + 1})
        union all
        (select distinct w.user_id
         from ${revisedRetweeters(sql`task.effect`, sql`task.tweet_id`)} again
         cross join lateral (
           select f.follower_id as id from follows f where f.following_id = again.user_id
           union all
           select again.user_id) shown_to
         join timelines w on w.user_id = shown_to.id
         where w.user_id between task.from_follower and task.to_follower
           and ${isNamed(sql`w.user_id`)}
           and ${readsAuthor(sql`w.user_id`)}
         order by w.user_id
         limit ${FAN_OUT_CHUNK + 1})
      ) warm) audience on true`,
  )
  return rows.map(({ plan }) => plan)
}

/**
 * Replaces one outbox row by a row for every chunk of warm followers, in one statement: the row is gone if and
 * only if its chunks are there. Of two consumers that split the same row, the second finds it gone and makes none.
 * A follower who warms after this statement pulls the tweet itself. The rows are as old as what they replace.
 */
export async function splitFanOut(db: Db, task: FanOutTask): Promise<OutboxRow[]> {
  const rows = await query<{ row: OutboxRow }>(
    db,
    sql`
    with whole as (
      delete from outbox where id = ${task.outbox_id} returning id, created_at
    ), again as (
      select user_id from ${revisedRetweeters(sql`${task.effect}::text`, sql`${task.tweet_id}::bigint`)} r
    ), warm as (
      select w.user_id
      from (select follower_id as id from follows
            where following_id = ${task.by_id} and ${isPushed(sql`${task.by_id}`, sql`${task.entry_id}`)}
            union
            select ${task.by_id}::bigint
            union
            select again.user_id from again
            union
            select f.follower_id from again join follows f on f.following_id = again.user_id) audience
      join timelines w on w.user_id = audience.id
      where w.user_id between ${task.from_follower}::bigint and ${task.to_follower}::bigint
    ), numbered as (
      select user_id, (row_number() over (order by user_id) - 1) / ${FAN_OUT_CHUNK}::int as chunk from warm
    ), chunks as (
      select min(user_id) as from_follower, max(user_id) as to_follower from numbered group by chunk
    ), sent as (
      insert into outbox (queue, message, next_attempt_at, created_at)
      select ${outboxRow(
        'fan-out',
        sql`jsonb_build_object(
          'type', 'fan_out_chunk', 'v', 1, 'effect', ${task.effect}::text, 'entry_id', ${task.entry_id}::bigint,
          'tweet_id', ${task.tweet_id}::bigint, 'author_id', ${task.author_id}::bigint,
          'by_id', ${task.by_id}::bigint,
          'from_follower', from_follower, 'to_follower', to_follower)`,
      )}, whole.created_at
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
