import { type SQL, sql } from 'drizzle-orm'
import type { TweetId, UserId } from '../../domain/ids.ts'
import type { NotificationType } from '../../domain/notifications.ts'
import { type Db, transaction } from '../client.ts'
import type { UserCardRow } from './profile-columns.ts'
import { type FlagsRecord, type TweetRecord, tweetRecord, userRecord, viewerFlags } from './tweet-columns.ts'
import { noBlockBetween, tweetIsVisibleTo } from './visibility.ts'

/** Names of the newest that a group keeps. */
const ACTORS_KEPT = 5

/** What one notification is about: there is one of each. */
export interface NotificationKey {
  user_id: UserId
  type: NotificationType
  actor_id: UserId
  tweet_id: TweetId | null
}

export interface Ruling extends NotificationKey {
  /** Whether the recipient wants to know. */
  is_notified: boolean
  /** It may have been told before: it is told again. */
  is_repeat: boolean
}

/** Notifications of a deleted tweet. */
export interface Withdrawal {
  tweet_id: TweetId
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
  /** It was not there before. */
  is_new: boolean
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
  /** Deleted tweets of which more is to be withdrawn. */
  unfinished: TweetId[]
}

/**
 * Stores what holds and is wanted, withdraws what no longer holds, and counts both, whatever the order in which things
 * happened and are heard of: what holds is read here, behind the locks. Locks of the tweets keep a deletion apart from
 * what is told of its tweet; raising the inboxes' versions makes all that concerns one recipient wait in line.
 */
export async function writeNotifications(
  db: Db,
  rulings: readonly Ruling[],
  withdrawals: readonly Withdrawal[],
): Promise<WrittenNotifications> {
  const users = [
    ...rulings.map(({ user_id }) => user_id),
    ...withdrawals.flatMap(({ gone }) => gone.map(({ user_id }) => user_id)),
  ]
  if (users.length === 0 && withdrawals.length === 0) return { told: [], unfinished: [] }
  const [row] = await transaction<{ written: WrittenNotifications }>(db, {
    before: [lockTweets(rulings, withdrawals), raiseVersions(users)],
    main: write(rulings, withdrawals),
  })
  if (row === undefined) throw new Error('Writing notifications answered no row')
  return row.written
}

/** In one order, shared by all that is told of a tweet and exclusive for its deletion. */
function lockTweets(rulings: readonly Ruling[], withdrawals: readonly Withdrawal[]): SQL | null {
  const deleted = new Set(withdrawals.map(({ tweet_id }) => tweet_id))
  const named = new Set(rulings.flatMap(({ tweet_id }) => (tweet_id === null ? [] : [tweet_id])))
  const tweets = [...new Set([...deleted, ...named])]
  if (tweets.length === 0) return null
  const locks = tweets.map((tweet_id) => ({ tweet_id, is_deleted: deleted.has(tweet_id) }))
  return sql`
    select case when is_deleted then pg_advisory_xact_lock(lock) else pg_advisory_xact_lock_shared(lock) end
    from (
      select hashtextextended('notified:' || l.tweet_id, 0) as lock, bool_or(l.is_deleted) as is_deleted
      from jsonb_to_recordset(${JSON.stringify(locks)}::jsonb) as l(tweet_id bigint, is_deleted boolean)
      group by 1
      order by 1) locks`
}

/** Whoever changes what somebody is notified of begins with this: it locks their inbox. */
export function raiseVersions(users: readonly UserId[]): SQL | null {
  if (users.length === 0) return null
  return sql`
    insert into notification_inboxes as i (user_id, version)
    select u.id, 1
    from users u
    where u.id in (select value::bigint from jsonb_array_elements_text(${JSON.stringify([...new Set(users)])}::jsonb))
    order by u.id
    on conflict (user_id) do update set version = i.version + 1`
}

/** Whether what the row `a` tells of is so, with the tweet `t` that it names if that is there. Across a block nothing is. */
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
          when 'tweet' then not t.mentions and not t.answers and not t.quotes
          else true
        end
      end end`

function write(rulings: readonly Ruling[], withdrawals: readonly Withdrawal[]): SQL {
  const inOrder = rulings.map((ruling, place) => ({ place, ...ruling }))
  return sql`
    with asked as materialized (
      select *
      from jsonb_to_recordset(${JSON.stringify(inOrder)}::jsonb) as a(
        place int, user_id bigint, type text, actor_id bigint, tweet_id bigint, is_notified boolean, is_repeat boolean)
    ), deleted as materialized (
      select d.tweet_id, (g.value ->> 'id')::bigint as id, (g.value ->> 'user_id')::bigint as user_id
      from jsonb_to_recordset(${JSON.stringify(withdrawals)}::jsonb) as d(tweet_id bigint, gone jsonb)
      left join lateral jsonb_array_elements(d.gone) g on true
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
      where n.withdrawn_at is null
        and n.id in (select id from judged where not is_withdrawn and not holds union select id from deleted)
      returning n.*
    ), changed as (
      select s.*, 1 as change, true as is_new from stored s
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
        group by n.user_id) c
      where i.user_id = c.user_id
      returning i.user_id, i.unread_count
    ), grouped as (${changeGroups}
    ), telling as materialized (
      select n.user_id, n.id, n.type, n.actor_id, n.tweet_id, n.is_read, n.created_at, n.is_new
      from changed n
      where n.change > 0
      union all
      select n.user_id, n.id, n.type, n.actor_id, n.tweet_id, n.is_read, n.created_at, false
      from judged j
      join notifications n on n.id = j.id
      where j.is_repeat and j.holds and not j.is_withdrawn
    ), untelling as materialized (
      select user_id, id from withdrawn
      union all
      select user_id, id from judged where is_repeat and is_withdrawn and not holds
      union all
      select n.user_id, n.id from deleted d join notifications n on n.id = d.id where n.withdrawn_at is not null
    )
    select json_build_object(
      'told', coalesce((
        select json_agg(json_build_object(
          'user_id', i.user_id,
          'is_warm', warm.user_id is not null,
          'has_push', exists (select from push_subscriptions p where p.user_id = i.user_id),
          'unread', json_build_object(
            'count', coalesce((select c.unread_count from counted c where c.user_id = i.user_id), i.unread_count),
            'version', i.version),
          'notifications', coalesce((
            select json_agg(json_build_object(
              'id', n.id, 'type', n.type, 'tweet_id', n.tweet_id, 'actor', ${userRecord('u')},
              'is_read', n.is_read or n.id <= i.read_up_to_id,
              'created_at', (extract(epoch from n.created_at) * 1000)::bigint,
              'is_new', n.is_new) order by n.id)
            from telling n
            join users u on u.id = n.actor_id
            where n.user_id = i.user_id), '[]'),
          'tweets', coalesce((
            select json_agg(seen.shown)
            from (select distinct n.tweet_id from telling n where n.user_id = warm.user_id) about
            cross join lateral (
              select json_build_object(
                'tweet', ${tweetRecord(sql`i.user_id`)}, 'flags', ${viewerFlags(sql`i.user_id`)}) as shown
              from tweet_by_id(about.tweet_id) t
              join users u on u.id = t.user_id
              where ${tweetIsVisibleTo(sql`i.user_id`)}) seen), '[]'),
          'withdrawn', coalesce((select json_agg(n.id) from untelling n where n.user_id = i.user_id), '[]')))
        from notification_inboxes i
        left join timelines warm on warm.user_id = i.user_id
        where i.user_id in (select user_id from telling union select user_id from untelling)), '[]'),
      'unfinished', coalesce((
        select json_agg(d.tweet_id)
        from (select distinct tweet_id from deleted) d
        where exists (
          select from notifications n
          where n.tweet_id = d.tweet_id and n.withdrawn_at is null and n.id not in (
            select id from deleted where id is not null))), '[]')) as written`
}

/** The body of a CTE that counts `changed` into the groups. */
export const changeGroups: SQL = sql`
      insert into notification_groups as g (user_id, type, tweet_id, day, latest_id, latest_at, total, actor_ids)
      select n.user_id, n.type, n.tweet_id,
             case when n.tweet_id is null then (n.created_at at time zone 'utc')::date end,
             coalesce(max(n.id) filter (where n.change > 0), 0),
             coalesce(max(n.created_at) filter (where n.change > 0), '-infinity'),
             sum(n.change),
             coalesce((array_agg(n.actor_id order by n.id desc) filter (where n.change > 0))[1:${ACTORS_KEPT}], '{}')
      from changed n
      group by 1, 2, 3, 4
      on conflict (user_id, type, tweet_id, day) do update
      set latest_id = greatest(g.latest_id, excluded.latest_id),
          latest_at = greatest(g.latest_at, excluded.latest_at),
          total = g.total + excluded.total,
          actor_ids = array(
            select kept.id
            from unnest(excluded.actor_ids || g.actor_ids) with ordinality as kept(id, place)
            where not exists (
              select from changed n
              where n.change < 0 and n.user_id = g.user_id and n.type = g.type and n.actor_id = kept.id
                and n.tweet_id is not distinct from g.tweet_id)
            group by kept.id
            order by min(kept.place)
            limit ${ACTORS_KEPT})`
