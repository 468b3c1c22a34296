import type pg from 'pg'
import { idFloor } from '../../src/domain/ids.ts'
import { BASELINE_HOURS, HOUR_MS, hourOf, TREND_WINDOW_HOURS } from '../../src/domain/trends/score.ts'

/** As many as cron keeps. */
const TRENDING_TWEETS = 500

/** Forgets what was counted of trends, to be counted anew from the tables. Answers of how many authors. */
export async function rebuildTrends(client: pg.Client): Promise<number> {
  await client.query('begin')
  await client.query('truncate trend_buckets, trend_contributions, trending_tweets')
  const authors = await markTrendsAnew(client)
  await client.query('commit')
  return authors
}

/**
 * Has trends count whoever wrote within their window and the baseline before it, as rows that no fold has seen need it. The
 * Worker's consumers and cron do that. Answers how many authors they are.
 */
export async function markTrendsAnew(client: pg.Client, nowMs = Date.now()): Promise<number> {
  const hour = hourOf(nowMs) - TREND_WINDOW_HOURS
  const idOf = (from: number) => idFloor(from * HOUR_MS)
  const { rowCount } = await client.query(
    `insert into trend_marks (author_id, due_at, from_hour)
     select user_id, now(), $1 from tweets where id >= $2 and not is_deleted group by user_id order by user_id
     on conflict (author_id) do update
     set seq = excluded.seq, due_at = excluded.due_at, from_hour = excluded.from_hour`,
    [hour - BASELINE_HOURS, idOf(hour - BASELINE_HOURS)],
  )
  await client.query(
    `insert into trending_tweets (tweet_id)
     select id
     from tweets
     where id >= $1 and not is_deleted and not is_sensitive and like_count + retweet_count + reply_count > 0
     order by like_count + retweet_count + reply_count desc, id desc
     limit $2
     on conflict do nothing`,
    [idOf(hour), TRENDING_TWEETS],
  )
  return rowCount ?? 0
}
