import { type SQL, sql } from 'drizzle-orm'
import type { TweetId, UserId } from '../../domain/ids.ts'
import type { NotificationType } from '../../domain/notifications.ts'
import { array, type Db, transaction } from '../client.ts'
import { countIntoGroups } from './notification-groups.ts'
import { claimMessages, lockTweets, raiseVersions } from './notification-locks.ts'
import type { Claim } from './outbox.ts'
import type { UserCardRow } from './profile-columns.ts'
import { type FlagsRecord, type TweetRecord, tweetRecord, userRecord, viewerFlags } from './tweet-columns.ts'
import { noBlockBetween, tweetIsVisibleTo } from './visibility.ts'

/** What one notification is about: there is one of each. */
export interface NotificationKey {
  user_id: UserId
  type: NotificationType
  actor_id: UserId
  tweet_id: TweetId | null
}

/** Several messages may concern the same notification. */
export interface Ruling extends NotificationKey {
  /** The message that it is of. */
  outbox_id: number
  /** Whether the recipient wants to know. */
  is_notified: boolean
  /** It may have been told before: it is told again. */
  is_repeat: boolean
}

/** A tweet that was deleted or edited, and so concerns people who are only known from what they were told. */
export interface Rewritten {
  outbox_id: number
  tweet_id: TweetId
  is_deleted: boolean
  is_repeat: boolean
  /** Notifications of it that go because it was deleted. */
  gone: { id: number; user_id: UserId }[]
}

export interface NotificationRecord {
  id: number
  type: NotificationType
  tweet_id: TweetId | null
  actor: UserCardRow
  is_read: boolean
  /** Unix ms. */
  created_at: number
  /** It was not there before, or may have been told in part. */
  is_news: boolean
}

/** What one recipient is to be told. */
export interface Told {
  user_id: UserId
  /** Their timeline takes frames. */
  is_warm: boolean
  /** They have a browser that can be pushed to. */
  has_push: boolean
  unread: { count: number; version: number }
  notifications: NotificationRecord[]
  /** What the notifications are about, as the recipient sees it; only where the timeline is warm. */
  tweets: { tweet: TweetRecord; flags: FlagsRecord }[]
  /** Ids of what no longer holds. */
  withdrawn: number[]
}

export interface WrittenNotifications {
  told: Told[]
  /**
   * Messages of tweets that concern more people than those that were planned for: more than a step takes, or some who were
   * being told of the tweet meanwhile. `is_repeat`: another delivery has begun, too, and may not have ended.
   */
  unfinished: { outbox_id: number; is_repeat: boolean }[]
  /** Of the messages that are still owed: nobody else who takes them later has them done by this one's word. */
  claims: Claim[]
}

/**
 * Stores what holds and is wanted, withdraws what no longer holds, and counts both, whatever the order in which things
 * happened and are heard of: what holds is read here, behind the locks. A claim on the messages tells whoever takes them
 * meanwhile that they are not the first. Locks of the tweets keep deletions and edits apart from what is told of their tweets;
 * raising the inboxes' versions makes all that concerns one recipient wait in line. Each kind is locked in one order.
 */
export async function writeNotifications(
  db: Db,
  rulings: readonly Ruling[],
  rewritten: readonly Rewritten[],
): Promise<WrittenNotifications> {
  if (rulings.length === 0 && rewritten.length === 0) return { told: [], unfinished: [], claims: [] }
  const users = [
    ...rulings.map(({ user_id }) => user_id),
    ...rewritten.flatMap(({ gone }) => gone.map(({ user_id }) => user_id)),
  ]
  const messages = [...new Set([...rulings, ...rewritten].map(({ outbox_id }) => outbox_id))]
  const tweets = lockTweets({
    shared: rulings.flatMap(({ tweet_id }) => (tweet_id === null ? [] : [tweet_id])),
    exclusive: rewritten.map(({ tweet_id }) => tweet_id),
  })
  const [row] = await transaction<{ written: WrittenNotifications }>(db, {
    before: [claimMessages(messages), tweets, raiseVersions(users)],
    main: write(messages, rulings, rewritten, new Set(users).size),
  })
  if (row === undefined) throw new Error('Writing notifications answered no row')
  return row.written
}

/**
 * Whether what the row `a` tells of is so, with the tweet `t` that it names if that is there. Of a tweet that somebody was
 * told of as such, an edit may make a mention; it does not take back what was told. Across a block nothing
 * holds.
 */
const holds: SQL = sql`case when not ${noBlockBetween(sql`a.user_id`, sql`a.actor_id`)} then false else case a.type
        when 'follow' then (
          select count(*) from follows f where f.follower_id = a.actor_id and f.following_id = a.user_id) > 0
        when 'follow_request' then (
          select count(*) from follow_requests f where f.requester_id = a.actor_id and f.target_id = a.user_id) > 0
        else t.id is not null and case a.type
          when 'like' then (
            select count(*) from likes l where l.user_id = a.actor_id and l.tweet_id = a.tweet_id) > 0
          when 'retweet' then (
            select count(*) from retweets r where r.user_id = a.actor_id and r.tweet_id = a.tweet_id) > 0
          when 'reply' then t.answers
          when 'quote' then t.quotes and not t.answers
          when 'mention' then t.mentions and not t.answers and not t.quotes
          when 'tweet' then known.id is not null or not (t.mentions or t.answers or t.quotes)
          else true
        end
      end end`

/** Limits that cut nothing off tell the planner how little it is. */
function write(
  messages: readonly number[],
  rulings: readonly Ruling[],
  rewritten: readonly Rewritten[],
  users: number,
): SQL {
  const gone = rewritten.flatMap((tweet) => tweet.gone.map(({ id }) => id))
  const most = rulings.length + gone.length
  return sql`
    with owed as materialized (
      select id, attempts, attempts > 1 as is_repeat from outbox where id = any(${array(messages, 'bigint')})
    ), asked as materialized (
      select a.user_id, a.type, a.actor_id, a.tweet_id, min(a.place) as place, bool_or(a.is_notified) as is_notified,
             bool_or(a.is_repeat or owed.is_repeat) as is_repeat
      from jsonb_to_recordset(${JSON.stringify(rulings.map((ruling, place) => ({ place, ...ruling })))}::jsonb) as a(
        place int, outbox_id bigint, user_id bigint, type text, actor_id bigint, tweet_id bigint, is_notified boolean,
        is_repeat boolean)
      join owed on owed.id = a.outbox_id
      group by a.user_id, a.type, a.actor_id, a.tweet_id
      limit ${rulings.length}
    ), deleted as materialized (
      select id, user_id, withdrawn_at from notifications where id = any(${array(gone, 'bigint')})
    ), judged as materialized (
      select a.*, known.id, known.withdrawn_at is not null as is_withdrawn, ${holds} as holds
      from asked a
      join notification_inboxes i on i.user_id = a.user_id
      left join lateral (
        select n.id, n.withdrawn_at
        from notifications n
        where a.tweet_id is not null and n.user_id = a.user_id and n.type = a.type and n.tweet_id = a.tweet_id
          and n.actor_id = a.actor_id
        union all
        select n.id, n.withdrawn_at
        from notifications n
        where a.tweet_id is null and n.user_id = a.user_id and n.type = a.type and n.tweet_id is null
          and n.actor_id = a.actor_id) known on true
      left join lateral (
        select t.id, t.reply_to_user_id is not distinct from a.user_id as answers,
               coalesce((select q.user_id = a.user_id from tweet_by_id(t.quote_tweet_id) q), false) as quotes,
               (select count(*) from tweet_mentions m where m.tweet_id = t.id and m.user_id = a.user_id) > 0 as mentions
        from tweet_by_id(a.tweet_id) t
        where not t.is_deleted) t on true
    ), stored as (
      insert into notifications (user_id, type, actor_id, tweet_id)
      select user_id, type, actor_id, tweet_id
      from judged
      where id is null and holds and is_notified
      order by place
      returning *
    ), restored as (
      update notifications n
      set withdrawn_at = null
      from judged j
      where n.id = j.id and j.is_withdrawn and j.holds and j.is_notified
      returning n.*
    ), withdrawn as (
      update notifications n
      set withdrawn_at = now()
      from (select id from judged where not is_withdrawn and not holds
            union
            select id from deleted where withdrawn_at is null
            limit ${most}) ended
      where n.id = ended.id and n.withdrawn_at is null
      returning n.*
    ), changed as materialized (
      select s.*, 1 as change, true as is_news from stored s
      union all
      select r.*, 1, false from restored r
      union all
      select w.*, -1, false from withdrawn w
    ), counted as (
      update notification_inboxes i
      set unread_count = greatest(0, i.unread_count + c.unread)
      from (
        select n.user_id, sum(n.change) as unread
        from changed n
        join notification_inboxes i on i.user_id = n.user_id
        where not n.is_read and n.id > i.read_up_to_id
        group by n.user_id
        limit ${users}) c
      where i.user_id = c.user_id
      returning i.user_id, i.unread_count
    ), grouped as (${countIntoGroups(most)}
    ), telling as materialized (
      select n.user_id, n.id, n.tweet_id, json_build_object(
               'id', n.id, 'type', n.type, 'tweet_id', n.tweet_id, 'actor', ${userRecord('u')},
               'is_read', n.is_read or n.id <= i.read_up_to_id,
               'created_at', (extract(epoch from n.created_at) * 1000)::bigint,
               'is_news', n.is_news) as record
      from (
        select n.user_id, n.id, n.type, n.actor_id, n.tweet_id, n.is_read, n.created_at, n.is_news
        from changed n
        where n.change > 0
        union all
        select n.user_id, n.id, n.type, n.actor_id, n.tweet_id, n.is_read, n.created_at, true
        from judged j
        join notifications n on n.id = j.id
        where j.is_repeat and j.holds and j.is_notified and not j.is_withdrawn) n
      join users u on u.id = n.actor_id
      join notification_inboxes i on i.user_id = n.user_id
    ), untelling as (
      select user_id, id from withdrawn
      union all
      select user_id, id from judged where is_repeat and is_withdrawn and not (holds and is_notified)
      union all
      select user_id, id from deleted where withdrawn_at is not null
    ), shown as (
      select about.user_id, json_build_object(
               'tweet', ${tweetRecord(sql`about.user_id`)}, 'flags', ${viewerFlags(sql`about.user_id`)}) as tweet
      from (
        select distinct n.user_id, n.tweet_id
        from telling n
        join timelines warm on warm.user_id = n.user_id) about
      cross join lateral tweet_by_id(about.tweet_id) t
      join users u on u.id = t.user_id
      where ${tweetIsVisibleTo(sql`about.user_id`)}
    ), told as (
      select user_id, max(unread_count) as unread_count,
             json_agg(record order by id) filter (where record is not null) as notifications,
             json_agg(tweet) filter (where tweet is not null) as tweets,
             json_agg(ended) filter (where ended is not null) as withdrawn
      from (
        select user_id, id, record, null::json as tweet, null::bigint as ended, null::int as unread_count from telling
        union all
        select user_id, null, null, tweet, null, null from shown
        union all
        select user_id, null, null, null, id, null from untelling
        union all
        select user_id, null, null, null, null, unread_count from counted) parts
      group by user_id
      limit ${users}
    )
    select json_build_object(
      'told', coalesce((
        select json_agg(json_build_object(
          'user_id', i.user_id,
          'is_warm', warm.user_id is not null,
          'has_push', (select count(*) from push_subscriptions p where p.user_id = i.user_id) > 0,
          'unread', json_build_object('count', coalesce(told.unread_count, i.unread_count), 'version', i.version),
          'notifications', coalesce(told.notifications, '[]'),
          'tweets', coalesce(told.tweets, '[]'),
          'withdrawn', coalesce(told.withdrawn, '[]')))
        from told
        join notification_inboxes i on i.user_id = told.user_id
        left join timelines warm on warm.user_id = told.user_id), '[]'),
      'unfinished', coalesce((
        select json_agg(json_build_object('outbox_id', r.outbox_id, 'is_repeat', owed.is_repeat and not r.is_repeat))
        from jsonb_to_recordset(${JSON.stringify(rewritten.map(({ gone, ...tweet }) => tweet))}::jsonb) as r(
          outbox_id bigint, tweet_id bigint, is_deleted boolean, is_repeat boolean)
        join owed on owed.id = r.outbox_id
        where (owed.is_repeat and not r.is_repeat) or ${othersAreLeft(gone)}), '[]'),
      'claims', coalesce((
        select json_agg(json_build_object('outbox_id', id, 'attempts', attempts)) from owed), '[]')) as written`
}

/** Whether of the tweet `r` there is what this statement does not look at. `notifications_tweet_id` serves it. */
const othersAreLeft = (gone: readonly number[]): SQL => sql`case
          when r.is_deleted then (
            select count(*)
            from (
              select from notifications n
              where n.tweet_id = r.tweet_id and n.withdrawn_at is null and n.id <> all(${array(gone, 'bigint')})
              order by n.type, n.id
              limit 1) one) > 0
          else (
            select count(*)
            from notifications n
            where n.tweet_id = r.tweet_id and n.type in ('reply', 'quote', 'mention') and n.withdrawn_at is null
              and (n.user_id, n.type) not in (select a.user_id, a.type from asked a where a.tweet_id = r.tweet_id)) > 0
        end`
