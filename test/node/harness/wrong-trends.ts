/** The words of the texts that tests of trends write. */
export const TOPICS = ['heron', 'weir', 'teasel'] as const

/**
 * What the buckets are to be, counted from the tables alone, and what they are: only where they differ. Every tweet is taken for
 * one of the window. Topics are counted of the accounts that SAMPLED names, a condition on `u`.
 */
export const wrongTrends = (sampled = 'true') => `
  with uses as (
    select 'hashtag' as kind, h.tag::text as term, t.id, t.user_id from tweets t
    join tweet_hashtags x on x.tweet_id = t.id join hashtags h on h.id = x.hashtag_id
    union all
    select 'topic', topic.term, t.id, t.user_id
    from tweets t
    join users u on u.id = t.user_id and ${sampled}
    join unnest('{${TOPICS.join()}}'::text[]) as topic(term) on t.content ~ ('(^| )' || topic.term)
  ), counted as (
    select uses.kind, uses.term, uses.user_id, floor(extract(epoch from t.created_at) / 3600)::int as hour, count(*) as tweets,
           max((select count(*) from likes l where l.tweet_id = t.id)
               + (select count(*) from retweets r where r.tweet_id = t.id)
               + (select count(*) from tweets a where a.reply_to_id = t.id and not a.is_deleted)) as engagement
    from uses join tweets t using (id, user_id) join users u on u.id = user_id
    where not t.is_deleted and not t.is_sensitive and u.is_active and u.suspended_at is null and not u.is_private
    group by uses.kind, uses.term, uses.user_id, hour
  ), wanted as (
    select kind, term, hour, count(*) as accounts, sum(tweets) as tweets, sum(engagement) as engagement
    from counted group by kind, term, hour
  )
  select kind, term, hour, w as wanted, b as found
  from wanted w
  full join (select * from trend_buckets where (accounts, tweets, engagement) <> (0, 0, 0)
             and (kind = 'hashtag' or term in ('${TOPICS.join("', '")}'))) b using (kind, term, hour)
  where (w.accounts, w.tweets, w.engagement) is distinct from (b.accounts, b.tweets, b.engagement)`
