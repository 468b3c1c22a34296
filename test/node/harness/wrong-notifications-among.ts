/**
 * Of the users `$1`: notifications, counts and groups that are not what holds; none, unless something is wrong. For people
 * who have muted and blocked nobody and may see each other, and who asked to be told of an author's tweets before there were
 * any. What a preference refuses may be missing.
 */
export const WRONG_NOTIFICATIONS_AMONG = `
  with due(user_id, type, actor_id, tweet_id) as (
    select t.user_id, 'like', l.user_id, t.id
    from likes l join tweets t on t.id = l.tweet_id
    where not t.is_deleted and l.user_id <> t.user_id
    union all
    select t.user_id, 'retweet', r.user_id, t.id
    from retweets r join tweets t on t.id = r.tweet_id
    where not t.is_deleted and r.user_id <> t.user_id
    union all
    select following_id, 'follow', follower_id, null from follows
    union all
    select target_id, 'follow_request', requester_id, null from follow_requests
    union all
    (select distinct on (t.id, reason.user_id) reason.user_id, reason.type, t.user_id, t.id
     from tweets t
     cross join lateral (
       select 1, 'reply', t.reply_to_user_id
       union all
       select 2, 'quote', q.user_id from tweets q where q.id = t.quote_tweet_id
       union all
       select 3, 'mention', m.user_id from tweet_mentions m where m.tweet_id = t.id
       union all
       select 4, 'tweet', f.follower_id
       from follows f
       where f.following_id = t.user_id and f.notify and t.reply_to_id is null) reason(rank, type, user_id)
     where not t.is_deleted and reason.user_id <> t.user_id
     order by t.id, reason.user_id, reason.rank)
    union
    select concerned.user_id, 'poll', t.user_id, t.id
    from polls p
    join tweets t on t.id = p.tweet_id
    cross join lateral (
      select v.user_id from poll_votes v where v.tweet_id = t.id union select t.user_id) concerned
    where p.closed_at is not null and not t.is_deleted
  ), kept as (
    select n.*, not n.is_read and n.id > i.read_up_to_id as is_unread,
           case when n.tweet_id is null then (n.created_at at time zone 'utc')::date end as day
    from notifications n
    left join notification_inboxes i using (user_id)
    where n.withdrawn_at is null
  ), wanted as (
    select d.*
    from due d
    left join notification_inboxes i using (user_id)
    where i.preferences ->> d.type is distinct from 'nobody'
  )
  select *
  from (
    select 'missing' as what, user_id, type, actor_id, tweet_id
    from (select * from wanted except select user_id, type, actor_id, tweet_id from kept) missing
    union all
    select 'needless', user_id, type, actor_id, tweet_id
    from (select user_id, type, actor_id, tweet_id from kept except select * from due) needless
    union all
    select 'unread: ' || unread_count || ' of ' || rows, user_id, null, null, null
    from notification_inboxes i, lateral (
      select count(*) from kept k where k.user_id = i.user_id and k.is_unread) c(rows)
    where unread_count <> rows
    union all
    select 'group: ' || coalesce(g.total, 0) || ' of ' || coalesce(k.rows, 0), user_id, type, null, nullif(tweet, 0)
    from (
      select user_id, type, coalesce(tweet_id, 0) as tweet, coalesce(day::text, '') as day, count(*) as rows
      from kept
      group by 1, 2, 3, 4) k
    full join (
      select user_id, type, coalesce(tweet_id, 0) as tweet, coalesce(day::text, '') as day, total
      from notification_groups) g using (user_id, type, tweet, day)
    where coalesce(g.total, 0) <> coalesce(k.rows, 0)) wrong
  where user_id = any($1)`
