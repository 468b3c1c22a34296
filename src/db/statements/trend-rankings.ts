import { type SQL, sql } from 'drizzle-orm'
import type { TweetId } from '../../domain/ids.ts'
import type { TopicCandidate, Trend } from '../../domain/trends/ranking.ts'
import { BASELINE_HOURS, HOUR_MS, hourOf, TREND_WINDOW_HOURS } from '../../domain/trends/score.ts'
import { array, type Db, query, transaction } from '../client.ts'
import { recency, TRENDS_STATE } from './trend-marks.ts'
import { isPresent } from './visibility.ts'

/** Of each hour of the window so many terms are looked at: what is in none of them is no trend of the day. */
const TERMS_OF_HOUR = 200
/** Topics whose baseline is looked at. */
const BASELINES_MAX = 500

/** What trends, as cron keeps it for a minute. */
export interface Trends {
  /** Unix milliseconds. */
  at: number
  /** The best first. */
  hashtags: Trend[]
  topics: Trend[]
  tweets: TweetId[]
  /** A tweet whose score is not above this is not among the best of the day. */
  tweet_floor: number
}

export interface TrendCandidates {
  hashtags: Trend[]
  topics: TopicCandidate[]
  /** Hours before the window of which topics are known, 168 at the most. */
  hours_before: number
  /** The best first. */
  tweets: { id: TweetId; score: number }[]
  /** Candidates that trend no more, or not for everybody. */
  outdated: TweetId[]
}

/**
 * What may trend at a moment: sums of the buckets of 24 hours, by the specification's score. One statement of bounded work: 200 terms
 * of each kind and hour by `trend_buckets_top`, their 24 buckets by the primary key, the 168 before them for the 500 best topics
 * alone; and the tweets that folds have found.
 */
export async function readTrendCandidates(db: Db, nowMs: number, limit: number): Promise<TrendCandidates> {
  const hour = hourOf(nowMs)
  const first = hour - TREND_WINDOW_HOURS + 1
  const [row] = await query<{ candidates: TrendCandidates }>(
    db,
    sql`
    with ${sumsOf('hashtag', first, nowMs)}, ${sumsOf('topic', first, nowMs)}, topic_with_usual as (
      select s.*, (
        select coalesce(sum(b.accounts), 0)
        from trend_buckets b
        where b.kind = 'topic' and b.term = s.term and b.hour >= ${first - BASELINE_HOURS} and b.hour < ${first}) as before
      from (select * from topic_sums order by score desc, term limit ${BASELINES_MAX}) s
    ), found as materialized (
      select c.tweet_id as id, t.id is not null as is_shown,
             (t.like_count + t.retweet_count + t.reply_count)
               * ${recency(sql`greatest(0, ${nowMs / 1000}::float8 - extract(epoch from t.created_at)::float8) / 3600`)} as score
      from trending_tweets c
      left join lateral (
        select t.*
        from tweet_by_id(c.tweet_id) t
        join users u on u.id = t.user_id
        where not t.is_deleted and not t.is_sensitive and ${isPresent} and not u.is_private
          and t.created_at > to_timestamp(${nowMs / 1000 - TREND_WINDOW_HOURS * 3600}::float8)) t on true
    ), best as (
      select id, score from found where is_shown and score > 0 order by score desc, id desc limit ${limit}
    )
    select json_build_object(
      'hashtags', coalesce((
        select json_agg(json_build_object('name', term, 'score', score, 'tweet_count', tweets) order by score desc, term)
        from (select * from hashtag_sums order by score desc, term limit ${limit}) h), '[]'),
      'topics', coalesce((
        select json_agg(json_build_object(
          'name', term, 'score', score, 'tweet_count', tweets, 'accounts', accounts, 'before', before))
        from topic_with_usual), '[]'),
      'hours_before', least(${BASELINE_HOURS}::int, greatest(0, ${first}::int - coalesce((
        select hour from trend_buckets where kind = 'topic' order by hour limit 1), ${first}::int))),
      'tweets', coalesce((
        select json_agg(json_build_object('id', id, 'score', score) order by score desc, id desc) from best), '[]'),
      'outdated', coalesce((
        select json_agg(id) from found where id not in (select id from best)), '[]')) as candidates`,
  )
  if (row === undefined) throw new Error('Trends answered no row')
  return row.candidates
}

/** The CTE `hashtag_sums` or `topic_sums`: what may be the best terms of the window, with their scores. */
function sumsOf(kind: 'hashtag' | 'topic', first: number, nowMs: number): SQL {
  const last = first + TREND_WINDOW_HOURS - 1
  const hours = sql`greatest(0, ${nowMs / HOUR_MS}::float8 - (b.hour + 1))`
  return sql`${sql.raw(kind)}_sums as materialized (
      select f.term, s.*
      from (
        select distinct top.term
        from generate_series(${first}::int, ${last}::int) as recent(hour)
        cross join lateral (
          select b.term
          from trend_buckets b
          where b.kind = ${kind} and b.hour = recent.hour
          order by b.accounts + b.engagement desc
          limit ${TERMS_OF_HOUR}) top) f
      cross join lateral (
        select sum((b.accounts + b.engagement) * ${recency(hours)}) as score,
               sum(b.tweets) as tweets, sum(b.accounts) as accounts
        from trend_buckets b
        where b.kind = ${kind} and b.term = f.term and b.hour between ${first}::int and ${last}::int) s
      where s.accounts > 0
    )`
}

/** Keeps what trends, and forgets the candidates that are not needed any more. */
export async function writeTrendRankings(
  db: Db,
  trends: Trends,
  outdated: readonly TweetId[],
): Promise<void> {
  await transaction(db, {
    main: sql`
    insert into cron_state (name, value) values (${TRENDS_STATE}, ${JSON.stringify(trends)}::jsonb)
    on conflict (name) do update set value = excluded.value, updated_at = now()`,
    after: [
      outdated.length === 0
        ? null
        : sql`delete from trending_tweets where tweet_id = any(${array(outdated, 'bigint')})`,
    ],
  })
}
