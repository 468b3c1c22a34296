import { type SQL, sql } from 'drizzle-orm'
import type { MutedWord } from '../../contracts/timeline.ts'
import { idFloor, type UserId } from '../../domain/ids.ts'
import { TREND_WINDOW_HOURS } from '../../domain/trends/score.ts'
import { type Db, query } from '../client.ts'
import { mutedWordsOf } from './muted-words.ts'
import { popularPeople, type RecommendedRow, recommendationsTo } from './recommendations.ts'
import { TRENDS_STATE } from './trend-marks.ts'
import type { Trends } from './trend-rankings.ts'
import { tweetRecord, viewerFlags } from './tweet-columns.ts'
import type { ShownTweet } from './tweets.ts'
import { notHiddenAsSensitive, notMutedBy, tweetIsVisibleTo, viewerId } from './visibility.ts'

export interface TrendsForReader {
  /** Null before they were ranked for the first time. */
  trends: Trends | null
  muted_words: MutedWord[]
}

const mutedBy = (viewer: UserId | null): SQL =>
  viewer === null ? sql`'[]'::json` : mutedWordsOf(sql`${viewer}::bigint`)

/** What trends, and the words that the viewer does not want to see. A primary key, and `muted_words_once`. */
export async function readTrends(db: Db, viewer: UserId | null): Promise<TrendsForReader> {
  const [row] = await query<TrendsForReader>(
    db,
    sql`
    select (select value from cron_state where name = ${TRENDS_STATE}) as trends, ${mutedBy(viewer)} as muted_words`,
  )
  return row ?? { trends: null, muted_words: [] }
}

export interface ExploreRow extends TrendsForReader {
  /** The best first. */
  tweets: ShownTweet[]
  people: RecommendedRow[]
}

/**
 * A page of what goes on, in one statement: the trends, the best of the trending tweets that the viewer may see, and people.
 * Without tweets of those whom the viewer mutes; each of the hundred is a probe, and no more than `limit` are read in full.
 */
export async function readExplore(
  db: Db,
  viewer: UserId | null,
  { nowMs, tweets, people }: { nowMs: number; tweets: number; people: number },
): Promise<ExploreRow> {
  const who = viewerId(viewer)
  const found = viewer === null ? popularPeople(people) : recommendationsTo(viewer, { nowMs, limit: people })
  const [row] = await query<ExploreRow>(
    db,
    sql`
    with kept as materialized (
      select value as trends from cron_state where name = ${TRENDS_STATE}
    ), best as materialized (
      select wanted.id, wanted.place
      from kept
      cross join lateral jsonb_array_elements_text(kept.trends -> 'tweets') with ordinality as named(id, place)
      cross join lateral (select named.id::bigint as id, named.place) wanted
      cross join lateral tweet_by_id(wanted.id) t
      join users u on u.id = t.user_id
      where wanted.id >= ${idFloor(nowMs - TREND_WINDOW_HOURS * 3_600_000)}::bigint
        and ${tweetIsVisibleTo(who)} and not u.is_private and not t.is_sensitive and ${notMutedBy(who, sql`u.id`)}
      order by wanted.place
      limit ${tweets}
    )
    select (select trends from kept) as trends,
           ${mutedBy(viewer)} as muted_words,
           coalesce((
             select json_agg(json_build_object('tweet', ${tweetRecord(who, notHiddenAsSensitive(who))}, 'flags', ${viewerFlags(who)}) order by best.place)
             from best
             cross join lateral tweet_by_id(best.id) t
             join users u on u.id = t.user_id), '[]') as tweets,
           coalesce((
             select json_agg(recommended) filter (where recommended is not null) from (${found}) people), '[]') as people`,
  )
  return row ?? { trends: null, muted_words: [], tweets: [], people: [] }
}
