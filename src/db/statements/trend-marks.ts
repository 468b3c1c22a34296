import { type SQL, sql } from 'drizzle-orm'
import { ID_EPOCH_MS, idFloor } from '../../domain/ids.ts'
import { HOUR_MS, hourOf, TREND_WINDOW_HOURS } from '../../domain/trends/score.ts'

/** What trends look at. */
export interface TrendScope {
  /** Unix milliseconds. */
  nowMs: number
  /** The share of accounts, from 0 to 1, whose texts are read for topics. */
  topicShare: number
}

/** What is to be counted anew waits so long for more of the same author's. */
export const COALESCED_SECONDS = 10

/** The name under which cron keeps what trends, for the next minute. */
export const TRENDS_STATE = 'trends'

/** The first hour whose tweets still count: the running hour is the last of 24, and one more may still be written for. */
export function firstTrendHour(nowMs: number): number {
  return hourOf(nowMs) - TREND_WINDOW_HOURS
}

const IDS_OF_HOUR = idFloor(ID_EPOCH_MS + HOUR_MS)

/** The smallest id of an hour: `idFloor`, for an hour that a statement knows. */
export function firstIdOf(hour: SQL): SQL {
  return sql`((${hour} - ${hourOf(ID_EPOCH_MS)}::int) * ${IDS_OF_HOUR}::bigint)`
}

/** The hour of an id, counted from that of the first. */
export function hourOfId(id: SQL): SQL {
  return sql`(${id} / ${IDS_OF_HOUR}::bigint)`
}

/** The parts that accounts are drawn by: a prime, so that no pattern of ids is drawn more often. */
const PARTS = 1009

/** The account is one of the share whose texts are read for topics: always the same ones. */
export function isSampled(author: SQL, { topicShare }: TrendScope): SQL {
  return sql`(${author} % ${PARTS}::bigint < ${PARTS * topicShare}::float8)`
}

/** `hours` as a score's factor: `trendScore` of engagement 1. */
export function recency(hours: SQL): SQL {
  return sql`(exp(-(${hours}) / 24) / ((${hours}) + 1))`
}

/**
 * The CTEs by which a fold, out of `taken` and `sums`, tells trends whose tweets were engaged with, posted or deleted: in its own
 * transaction, so that none is forgotten and no message is needed. Only authors of whom something may count are marked: with
 * hashtags in a tweet of the window, drawn for topics, or counted already. Beside that a tweet goes among the trending ones once
 * its score is above the last of them.
 */
export function markTrends(scope: TrendScope): SQL {
  const first = sql`${idFloor(firstTrendHour(scope.nowMs) * HOUR_MS)}::bigint`
  return sql`, stirred as materialized (
      select t.id, t.user_id, t.entities -> 'hashtags' <> '[]' as is_tagged,
             greatest(0, extract(epoch from now() - t.created_at) / 3600)::float8 as hours,
             t.like_count + t.retweet_count + t.reply_count + s.likes + s.retweets + s.replies as engagement
      from sums s
      cross join lateral tweet_by_id(s.id) t
      where s.subject = 'tweet' and s.id >= ${first} and (s.likes, s.retweets, s.replies) <> (0, 0, 0)
        and not t.is_deleted and not t.is_sensitive
    ), marked_trends as (
      insert into trend_marks (author_id, due_at)
      select author_id, now() + make_interval(secs => ${COALESCED_SECONDS})
      from (
        select user_id as author_id from stirred where is_tagged or ${isSampled(sql`user_id`, scope)}
        union
        select d.id
        from taken d
        where d.subject = 'user' and d.counter = 'tweet_count' and (
          ${isSampled(sql`d.id`, scope)}
          or exists (select from trend_contributions c where c.author_id = d.id)
          or exists (
            select from tweets_since(d.id, ${first}) t where t.entities -> 'hashtags' <> '[]'))) whose
      order by author_id
      on conflict (author_id) do update set seq = excluded.seq
    ), rising as (
      insert into trending_tweets (tweet_id)
      select id
      from stirred
      where engagement * ${recency(sql`hours`)} > coalesce(
        (select (value ->> 'tweet_floor')::float8 from cron_state where name = ${TRENDS_STATE}), 0)
      order by id
      on conflict do nothing
    )`
}

/** A CTE's body: the authors of `rows` are to be counted anew, for a write whose counters do not say so. */
export function markTrendsOf(rows: SQL): SQL {
  return sql`
      insert into trend_marks (author_id, due_at)
      select user_id, now() + make_interval(secs => ${COALESCED_SECONDS}) from ${rows}
      on conflict (author_id) do update set seq = excluded.seq`
}
