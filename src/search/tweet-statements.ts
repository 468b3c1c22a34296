import type { TweetSearch } from '../contracts/search.ts'
import { idFloor, MAX_ID } from '../domain/ids.ts'
import { COLUMN_WEIGHTS, relevanceSql, topScoreSql } from '../domain/search/ranking.ts'

/** Ids of the tweets that may be found: from `from` on and below `until`. */
export interface Window {
  from: number
  until: number
}

/** What is asked for, and nothing newer than the scroll's beginning. */
export function windowOf({ query: { sinceMs, untilMs }, asOfMs }: TweetSearch): Window {
  const from = sinceMs === null ? 0 : idFloor(sinceMs)
  const until = Math.min(idFloor(asOfMs + 1), untilMs === null ? MAX_ID : idFloor(untilMs))
  return { from, until }
}

/** The newest matches, behind `until`. The FTS table is read from its end and no further than needed. */
export const LATEST = `select t.id, 0 as score, 0 as candidates
  from tweets_fts
  cross join tweets t on t.id = tweets_fts.rowid
  where tweets_fts match ?1
    and tweets_fts.rowid >= ?2
    and tweets_fts.rowid < ?3
    and (?4 or not t.is_sensitive)
  order by tweets_fts.rowid desc
  limit ?5`

/**
 * The best of the newest ?9 matches. BM25 weighs each of them (its `idf` takes a pass over the list of each token, which
 * is short work: it reads no positions), so their number bounds the time that a common word takes.
 */
export function best(score: 'relevance' | 'text-less relevance' | 'top'): string {
  const text = score === 'relevance' ? `-bm25(tweets_fts, ${COLUMN_WEIGHTS.join(', ')})` : '0'
  const scored = score === 'top' ? topScoreSql('?4') : relevanceSql('?4')
  return `with matched as materialized (
      select rowid as id, ${text} as text
      from tweets_fts
      where tweets_fts match ?1
        and rowid >= ?2
        and rowid < ?3
      order by rowid desc
      limit ?9
    ),
    scored as (
      select id, ${scored} as score
      from (
        select m.id as id, m.text as text, t.engagement as engagement
        from matched m
        cross join tweets t on t.id = m.id
        where ?5 or not t.is_sensitive
      )
    )
    select id, score, (select count(*) from matched) as candidates
    from scored
    where (score, id) < (?6, ?7)
    order by score desc, id desc
    limit ?8`
}

/** How many hold a condition, up to ?2. */
export const COUNT_MATCHES = `select count(*) as matches
  from (select 1 from tweets_fts where tweets_fts match ?1 limit ?2)`
