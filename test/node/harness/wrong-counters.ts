/** What a counter is to be when the ledger is folded, and what it is: only where they differ. */
export const WRONG_COUNTERS = `
  select 'tweets of user ' || id as counted, tweet_count as counter, rows
  from users u, lateral (select count(*) from tweets t where t.user_id = u.id and not t.is_deleted) c(rows)
  where tweet_count <> rows
  union all
  select 'followers of user ' || id, follower_count, rows
  from users u, lateral (select count(*) from follows f where f.following_id = u.id) c(rows)
  where follower_count <> rows
  union all
  select 'followees of user ' || id, following_count, rows
  from users u, lateral (select count(*) from follows f where f.follower_id = u.id) c(rows)
  where following_count <> rows
  union all
  select 'tweets with #' || tag, tweet_count, rows
  from hashtags h, lateral (
    select count(*) from tweet_hashtags x join tweets t on t.id = x.tweet_id
    where x.hashtag_id = h.id and not t.is_deleted) c(rows)
  where tweet_count <> rows
  union all
  select counter || ' of tweet ' || t.id, stored, rows
  from tweets t, lateral (values
    ('likes', like_count, (select count(*) from likes l where l.tweet_id = t.id)),
    ('retweets', retweet_count, (select count(*) from retweets r where r.tweet_id = t.id)),
    ('bookmarks', bookmark_count, (select count(*) from bookmarks b where b.tweet_id = t.id)),
    ('replies', reply_count, (select count(*) from tweets a where a.reply_to_id = t.id and not a.is_deleted)),
    ('quotes', quote_count, (select count(*) from tweets q where q.quote_tweet_id = t.id and not q.is_deleted))
  ) c(counter, stored, rows)
  where stored <> rows
  union all
  select 'votes for ' || position || ' in ' || tweet_id, vote_count, rows
  from poll_options o, lateral (
    select count(*) from poll_votes v where v.tweet_id = o.tweet_id and v.position = o.position) c(rows)
  where vote_count <> rows`
