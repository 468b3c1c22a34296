import type { TweetSearch } from '../contracts/search.ts'
import { idFloor, MAX_ID } from '../domain/ids.ts'
import { COLUMN_WEIGHTS, MAX_TIER, relevanceSql, topScoreSql } from '../domain/search/ranking.ts'
import { tierToken } from '../domain/search/text-query.ts'
import { besideRange } from './ask.ts'
import { NOTHING, quoted } from './match-expression.ts'

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
export const LATEST = besideRange(`select t.id, 0 as score
  from tweets_fts
  cross join tweets t on t.id = tweets_fts.rowid
  where tweets_fts match ?1
    and tweets_fts.rowid >= ?2
    and tweets_fts.rowid < ?3
    and (?4 or not t.is_sensitive)
  order by tweets_fts.rowid desc
  limit ?5`)

/** How many of the newest matches of a database are weighed, and of those of each tier of engagement. */
const NEWEST_MAX = 400
const ENGAGED_MAX = 200
/**
 * Engagement that makes a tweet a candidate although it is not among the newest: 100. In the formula of relevance 10,000
 * is worth 0.09 more, too little for another pass; in `top` each tier counts.
 */
const ENGAGED_TIERS = [2]
const ALL_TIERS = Array.from({ length: MAX_TIER }, (_, below) => below + 1)
/** D1 takes five selects in a union. */
const UNION_MAX = 3

/**
 * The best of the newest matches and, where there are more than are weighed, of the engaging ones among the older: one
 * statement, because a trip to the database takes longer than most of them. BM25 weighs each candidate (its `idf` takes a
 * pass over the list of each token, which is short work: it reads no positions), so their number bounds the time that a
 * common word takes.
 */
function best(score: 'relevance' | 'text-less relevance' | 'top'): string {
  const text = score === 'relevance' ? `-bm25(tweets_fts, ${COLUMN_WEIGHTS.join(', ')})` : '0'
  const scored = score === 'top' ? topScoreSql('?4') : relevanceSql('?4')
  const tiers = chunksOf(score === 'top' ? ALL_TIERS : ENGAGED_TIERS, UNION_MAX)
  return besideRange(`with newest as materialized (
      select rowid as id, ${text} as text
      from tweets_fts
      where tweets_fts match ?1
        and rowid >= ?2
        and rowid < ?3
      order by rowid desc
      limit ${NEWEST_MAX}
    ),
    cut as materialized (select count(*) = ${NEWEST_MAX} as is_cut, min(id) as oldest from newest),
    ${tiers.map((some, at) => `engaged_${at} as materialized (${engaged(some, text)}),`).join('\n')}
    candidates as (
      select id, text from newest
      ${tiers.map((_, at) => `union select id, text from engaged_${at}`).join('\n')}
    ),
    scored as (
      select id, ${scored} as score
      from (
        select c.id as id, c.text as text, t.engagement as engagement
        from candidates c
        cross join tweets t on t.id = c.id
        where ?5 or not t.is_sensitive
      )
    )
    select id, score
    from scored
    where (score, id) < (?6, ?7)
    order by score desc, id desc
    limit ?8`)
}

function engaged(tiers: readonly number[], text: string): string {
  return tiers.map((tier) => `select * from (${engagedFrom(tier, text)})`).join(' union all ')
}

/** Asks for nothing where all matches are weighed anyway. */
function engagedFrom(tier: number, text: string): string {
  const isOfTier = quoted(tierToken(tier))
  return `select rowid as id, ${text} as text
    from tweets_fts
    where tweets_fts match (select case when is_cut then '(' || ?1 || ') AND ${isOfTier}' else '${NOTHING}' end from cut)
      and rowid >= ?2
      and rowid < (select oldest from cut)
    order by rowid desc
    limit ${ENGAGED_MAX}`
}

function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  )
}

export const BEST = {
  relevance: best('relevance'),
  'text-less relevance': best('text-less relevance'),
  top: best('top'),
}

/** How many hold a condition, up to ?2. */
export const COUNT_MATCHES = `select count(*) as matches
  from (select 1 from tweets_fts where tweets_fts match ?1 limit ?2)`
