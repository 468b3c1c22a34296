import { sql } from 'drizzle-orm'
import type { Entities } from '../../contracts/http/tweets.ts'
import type { TweetId, UserId } from '../../domain/ids.ts'
import type { HourOfTerms } from '../../domain/trends/contributions.ts'
import { BASELINE_HOURS } from '../../domain/trends/score.ts'
import { type Db, query, transaction } from '../client.ts'
import {
  COALESCED_SECONDS,
  firstIdOf,
  firstTrendHour,
  hourOfId,
  isSampled,
  type TrendScope,
} from './trend-marks.ts'
import { isPresent } from './visibility.ts'

/** Whoever has taken an author to count them and has not done so by then has failed. */
const CLAIMED_SECONDS = 60

/** An author to be counted anew, and all of theirs that may count. */
export interface TrendWork {
  author_id: UserId
  /** Why: what comes later has another. */
  seq: number
  /** Until when they are whose who took them: each who takes them has another. */
  claimed_until: string
  /** From which hour on they are counted: that of the window, or an earlier one. */
  from_hour: number
  tweets: CountedTweet[]
}

export interface CountedTweet {
  id: TweetId
  /** Null where the author is not drawn for topics. */
  content: string | null
  hashtags: Entities['hashtags']
  /** Likes, retweets and replies, as folded. */
  engagement: number
}

/** How much is taken at once. */
export interface TrendBounds {
  authors: number
  /** Tweets that are read, whether they count or not: who passes it is the last. */
  tweets: number
  /** Tweets of one author and hour that count: those with the most engagement, else the first. */
  tweetsOfHour: number
}

/**
 * Takes authors that are due, and reads what of theirs counts now: of those whom everybody sees, what is neither deleted nor
 * sensitive. They are read one after the other, and those behind the last stay due. One statement, so that two never take one
 * author at once; and `seq` is that of the same snapshot as the tweets (the update returns the key and what it has set), so
 * whatever was marked later keeps its mark. `trend_marks_due` serves it.
 */
export async function takeTrendWork(db: Db, scope: TrendScope, bounds: TrendBounds): Promise<TrendWork[]> {
  const sampled = isSampled(sql`m.author_id`, scope)
  const rows = await query<{ work: TrendWork }>(
    db,
    sql`
    with recursive due as materialized (
      select author_id, row_number() over (order by due_at, author_id) as place
      from (
        select author_id, due_at
        from trend_marks
        where due_at <= to_timestamp(${scope.nowMs / 1000}::float8)
        order by due_at
        limit ${bounds.authors}
        for update skip locked) locked
    ), found as (
      select 0::bigint as place, 0::bigint as tweets_read, null::bigint as author_id, null::bigint as seq, 0 as from_hour,
             null::json as tweets
      union all
      select due.place, found.tweets_read + theirs.tweets_read, m.author_id, m.seq, hours.first, theirs.tweets
      from found
      join due on due.place = found.place + 1
      cross join lateral (select m.author_id, m.seq, m.from_hour from trend_marks m where m.author_id = due.author_id limit 1) m
      cross join lateral (select coalesce(m.from_hour, ${firstTrendHour(scope.nowMs)}::int) as first) hours
      cross join lateral (
        select count(*) as tweets_read, json_agg(json_build_object(
          'id', t.id,
          'content', case when ${sampled} then t.content end,
          'hashtags', t.entities -> 'hashtags',
          'engagement', t.engagement)) filter (where t.counts and t.nth <= ${bounds.tweetsOfHour}) as tweets
        from (
          select t.id, t.content, t.entities, e.engagement, c.counts,
                 row_number() over (partition by c.counts, ${hourOfId(sql`t.id`)} order by e.engagement desc, t.id) as nth
          from users u
          cross join lateral tweets_since(u.id, ${firstIdOf(sql`hours.first`)}) t
          cross join lateral (select t.like_count + t.retweet_count + t.reply_count as engagement) e
          cross join lateral (
            select not t.is_sensitive and (${sampled} or t.entities -> 'hashtags' <> '[]') as counts) c
          where u.id = m.author_id and ${isPresent} and not u.is_private) t) theirs
      where found.tweets_read < ${bounds.tweets}
    ), claimed as (
      update trend_marks
      set due_at = to_timestamp(${scope.nowMs / 1000}::float8 + ${CLAIMED_SECONDS})
      where author_id = any(array(select author_id from found))
      returning author_id, due_at
    )
    select json_build_object(
      'author_id', author_id,
      'seq', found.seq,
      'claimed_until', claimed.due_at,
      'from_hour', found.from_hour,
      'tweets', coalesce(found.tweets, '[]')) as work
    from claimed
    join found using (author_id)`,
  )
  return rows.map(({ work }) => work)
}

/** What an author counts for now, by the hours of their tweets. */
export interface TrendsOfAuthor {
  author_id: UserId
  seq: number
  claimed_until: string
  from_hour: number
  hours: HourOfTerms[]
}

/**
 * Counts authors as given: what they counted for before goes from the buckets, what they count for now comes, each in the
 * difference alone. Answers how many authors that were: one whom another has taken since, or counted, is left to them. Who was marked
 * again since they were read is counted as they were then, and stays due: who is liked without a pause would never be counted
 * otherwise. One transaction: first the marks are locked, in order, so that nobody is counted twice at once; buckets are written in
 * order, too.
 */
export async function writeTrends(db: Db, authors: readonly TrendsOfAuthor[]): Promise<number> {
  if (authors.length === 0) return 0
  const given = sql`jsonb_to_recordset(${JSON.stringify(authors)}::jsonb) as g(author_id bigint, seq bigint, claimed_until timestamptz, from_hour int, hours jsonb)`
  // Nothing but the taking and a rebuild moves `due_at`: a mark that came since has another, and one of another claim, too.
  const isClaim = sql`m.author_id = g.author_id and m.due_at = g.claimed_until`
  const terms = sql`x(kind text, term text, tweets int, engagement int)`
  const [row] = await transaction<{ settled: number }>(db, {
    before: [
      sql`
      select
      from trend_marks m
      join ${given} on ${isClaim}
      order by m.author_id
      for update of m`,
    ],
    main: sql`
    with held as materialized (
      select g.author_id, g.from_hour, g.hours, m.seq = g.seq as is_settled
      from ${given}
      join trend_marks m on ${isClaim}
    ), wanted as materialized (
      select held.author_id, w.hour, w.terms
      from held
      cross join lateral jsonb_to_recordset(held.hours) as w(hour int, terms jsonb)
    ), known as materialized (
      select c.author_id, c.hour, c.terms
      from held
      join trend_contributions c on c.author_id = held.author_id and c.hour >= held.from_hour
    ), changed as (
      select kind, term, hour,
             sum(accounts)::int as accounts, sum(tweets)::int as tweets, sum(engagement)::int as engagement
      from (
        select x.kind, x.term, w.hour, 1 as accounts, x.tweets, x.engagement
        from wanted w
        cross join lateral jsonb_to_recordset(w.terms) as ${terms}
        union all
        select x.kind, x.term, k.hour, -1, -x.tweets, -x.engagement
        from known k
        cross join lateral jsonb_to_recordset(k.terms) as ${terms}) counted
      group by kind, term, hour
      having (sum(accounts), sum(tweets), sum(engagement)) <> (0, 0, 0)
    ), counted as (
      insert into trend_buckets as b (kind, term, hour, accounts, tweets, engagement)
      select kind, term, hour, accounts, tweets, engagement
      from changed
      order by kind, term, hour
      on conflict (kind, term, hour) do update
      set accounts = b.accounts + excluded.accounts,
          tweets = b.tweets + excluded.tweets,
          engagement = b.engagement + excluded.engagement
    ), kept as (
      insert into trend_contributions as c (author_id, hour, terms)
      select author_id, hour, terms from wanted
      on conflict (author_id, hour) do update set terms = excluded.terms where c.terms <> excluded.terms
    ), gone as (
      delete from trend_contributions c
      using known k
      where c.author_id = k.author_id and c.hour = k.hour
        and not exists (select from wanted w where w.author_id = k.author_id and w.hour = k.hour)
    ), done as (
      delete from trend_marks m using held where m.author_id = held.author_id and held.is_settled
    ), due_again as (
      update trend_marks m
      set due_at = now() + make_interval(secs => ${COALESCED_SECONDS}), from_hour = null
      from held
      where m.author_id = held.author_id and not held.is_settled
    )
    select count(*)::int as settled from held`,
  })
  return row?.settled ?? 0
}

/** Rows that one run deletes of each table at the most. */
const FORGOTTEN_MAX = 200_000

/** Deletes buckets that no baseline looks at any more and those that came to nothing, and contributions behind the window. */
export async function forgetTrends(db: Db, nowMs: number, limit = FORGOTTEN_MAX): Promise<void> {
  const firstHour = firstTrendHour(nowMs)
  await transaction(db, {
    main: sql`
    delete from trend_buckets
    where ctid = any(array(
      select ctid
      from trend_buckets
      where kind in ('hashtag', 'topic') and hour < ${firstHour - BASELINE_HOURS}
      limit ${limit}
      for update skip locked))`,
    after: [
      sql`
    delete from trend_buckets
    where ctid = any(array(
      select ctid
      from trend_buckets
      where kind in ('hashtag', 'topic') and hour < ${firstHour} and accounts + engagement <= 0
      limit ${limit}
      for update skip locked))`,
      sql`
    delete from trend_contributions
    where ctid = any(array(
      select ctid from trend_contributions where hour < ${firstHour - 1} limit ${limit} for update skip locked))`,
    ],
  })
}
