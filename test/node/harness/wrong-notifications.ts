/** The notifications that there are to be while nobody is blocked, muted or private, whatever was told of them. */
const EXPECTED = `
  select t.user_id, 'like' as type, l.user_id as actor_id, t.id as tweet_id
  from likes l
  join tweets t on t.id = l.tweet_id and not t.is_deleted
  union all
  select t.user_id, 'retweet', r.user_id, t.id
  from retweets r
  join tweets t on t.id = r.tweet_id and not t.is_deleted
  union all
  select following_id, 'follow', follower_id, null from follows
  union all
  select target_id, 'follow_request', requester_id, null from follow_requests
  union all
  select t.reply_to_user_id, 'reply', t.user_id, t.id
  from tweets t
  where t.reply_to_user_id is not null and not t.is_deleted
  union all
  select q.user_id, 'quote', t.user_id, t.id
  from tweets t
  join tweets q on q.id = t.quote_tweet_id
  where not t.is_deleted and q.user_id is distinct from t.reply_to_user_id
  union all
  select m.user_id, 'mention', t.user_id, t.id
  from tweets t
  join tweet_mentions m on m.tweet_id = t.id
  left join tweets q on q.id = t.quote_tweet_id
  where not t.is_deleted and m.user_id is distinct from t.reply_to_user_id and m.user_id is distinct from q.user_id
  union all
  select f.follower_id, 'tweet', t.user_id, t.id
  from tweets t
  join follows f on f.following_id = t.user_id and f.notify
  where not t.is_deleted and t.reply_to_id is null`

const THERE = 'select user_id, type, actor_id, tweet_id from notifications where withdrawn_at is null'

/**
 * Where the notifications are not what holds by the rows of what was done, or their counts and groups not what they are
 * by the notifications. For people among whom nothing stands against telling, and who asked for tweets from the start.
 */
export const WRONG_NOTIFICATIONS = `
  with expected as (
    select * from (${EXPECTED}) told where user_id <> actor_id
  ), unread as (
    select i.user_id, i.unread_count as stored, (
             select count(*) from notifications n
             where n.user_id = i.user_id and n.withdrawn_at is null and not n.is_read and n.id > i.read_up_to_id) as counted
    from notification_inboxes i
  ), groups as (
    select user_id, type, tweet_id, case when tweet_id is null then (created_at at time zone 'utc')::date end as day,
           count(*)::int as total, max(id) as latest_id, max(created_at) as latest_at,
           (array_agg(actor_id order by id desc))[1:5] as actor_ids
    from notifications
    where withdrawn_at is null
    group by 1, 2, 3, 4
  ), stored_groups as (
    select user_id, type, tweet_id, day, total, latest_id, latest_at, actor_ids from notification_groups where total <> 0
  )
  select 'missing' as wrong, to_json(m) as what from (select * from expected except all (${THERE})) m
  union all
  select 'unexpected', to_json(m) from ((${THERE}) except all select * from expected) m
  union all
  select 'unread', to_json(u) from unread u where stored <> counted
  union all
  select 'group missing', to_json(g) from (select * from groups except all select * from stored_groups) g
  union all
  select 'group wrong', to_json(g) from (select * from stored_groups except all select * from groups) g`
