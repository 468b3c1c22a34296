import { z } from 'zod'
import { AS_TYPED, type HitPlace, type TweetHits, type TweetSearch } from '../contracts/search.ts'
import { MAX_ID } from '../domain/ids.ts'
import { printSearchQuery, type SearchQuery } from '../domain/search-query.ts'
import { type Answer, askAll, askDatabase } from './ask.ts'
import { correctedQuery } from './correct-query.ts'
import { type MatchExpression, matchExpression } from './match-expression.ts'
import type { OpenDatabase, SearchIndex } from './ranges.ts'
import { BEST, LATEST, type Window, windowOf } from './tweet-statements.ts'

/** With fewer hits than this on the first page, a word may be misspelt. */
const FEW_HITS = 3

type Page = Omit<TweetHits, 'didYouMean'>

/** A page of hits, best first; of the query as it was probably meant where hardly anything holds what was asked. */
export async function searchTweets(index: SearchIndex, search: TweetSearch): Promise<TweetHits> {
  const page = await pageOf(index, search)
  if (page.hasMore || page.hits.length >= FEW_HITS) return { ...page, didYouMean: null }
  // A scroll through what was meant asks with the query as it was typed, too: whether that has few hits is its first page's matter.
  const first = search.after === null ? page : await pageOf(index, { ...search, after: null })
  if (first.hasMore || first.hits.length >= FEW_HITS) return { ...page, didYouMean: null }
  const meant = await correctedQuery(index, search.query)
  if (meant === null) return { ...page, didYouMean: null }
  const both = await meantPage(index, search, { meant, typed: first.hits })
  return both === null ? { ...page, didYouMean: null } : { ...both, didYouMean: printSearchQuery(meant) }
}

/** The hits of what was typed, then those of what was meant; null where what was meant finds no more. */
async function meantPage(
  index: SearchIndex,
  search: TweetSearch,
  { meant, typed }: { meant: SearchQuery; typed: readonly HitPlace[] },
): Promise<Page | null> {
  const { after, limit } = search
  const asked = { ...search, query: meant, limit: limit + typed.length }
  const first = await pageOf(index, { ...asked, after: null })
  if (first.hits.length <= typed.length) return null
  const isWithinTyped = after === null || after.score >= AS_TYPED
  const page = isWithinTyped ? first : await pageOf(index, asked)
  const ids = new Set(typed.map(({ id }) => id))
  const hits = [
    ...typed.map(({ id, score }) => ({ id, score: score + AS_TYPED })).filter((hit) => isBehind(hit, after)),
    ...page.hits.filter(({ id }) => !ids.has(id)),
  ]
  return { hits: hits.slice(0, limit), hasMore: page.hasMore || hits.length > limit }
}

function isBehind({ score, id }: HitPlace, after: HitPlace | null): boolean {
  return after === null || score < after.score || (score === after.score && id < after.id)
}

function pageOf(index: SearchIndex, search: TweetSearch): Promise<Page> {
  const asked = { search, window: windowOf(search), expression: matchExpression(search.query) }
  return search.sort === 'latest' ? latest(index, asked) : bestOf(index, asked)
}

interface Asked {
  search: TweetSearch
  window: Window
  expression: MatchExpression
}

const hit: z.ZodType<HitPlace> = z.object({ id: z.number(), score: z.number() })

/** Database after database from the newest on, until the page is full. */
async function latest(index: SearchIndex, asked: Asked): Promise<Page> {
  const { limit } = asked.search
  const known = await index.open()
  const newest = known.at(-1)
  const answer = newest === undefined ? null : await latestIn(newest, asked, limit + 1)
  const isCurrent = answer?.takesNew === true || known.length === index.databases.length
  // Where another database is open by now, its hits come first: what was answered is asked again.
  const open = isCurrent ? known.slice(0, -1) : await index.refresh()
  const hits = isCurrent ? (answer?.found ?? []) : []
  for (const place of open.toReversed()) {
    if (hits.length > limit) break
    hits.push(...(await latestIn(place, asked, limit + 1 - hits.length)).found)
  }
  return pageFrom(hits, limit)
}

async function latestIn(
  { database, range }: OpenDatabase,
  { search: { after, withSensitive }, window, expression }: Asked,
  wanted: number,
): Promise<Answer<HitPlace>> {
  const until = after === null ? window.until : Math.min(window.until, after.id)
  // What is newer than this database is newer than what is asked for, too.
  if (range.fromId >= until) return { found: [], takesNew: true }
  if (range.untilId !== null && range.untilId <= window.from) return { found: [], takesNew: false }
  const binds = [expression.match, window.from, until, Number(withSensitive), wanted]
  const { found, takesNew } = await askDatabase(database.prepare(LATEST).bind(...binds), hit)
  return { found: found.sort((a, b) => b.id - a.id), takesNew }
}

function pageFrom(hits: readonly HitPlace[], limit: number): Page {
  return { hits: hits.slice(0, limit), hasMore: hits.length > limit }
}

/** All databases at once, their best merged. */
async function bestOf(index: SearchIndex, asked: Asked): Promise<Page> {
  const hits = await askAll(index, (place) => bestIn(place, asked))
  return pageFrom(
    hits.sort((a, b) => b.score - a.score || b.id - a.id),
    asked.search.limit,
  )
}

function bestIn({ database }: OpenDatabase, { search, window, expression }: Asked) {
  const { sort, asOfMs, after, limit, withSensitive } = search
  const scored = sort === 'top' ? 'top' : expression.hasText ? 'relevance' : 'text-less relevance'
  const place = after ?? { score: Number.MAX_VALUE, id: MAX_ID }
  const binds = [expression.match, window.from, window.until, asOfMs, Number(withSensitive)]
  return askDatabase(database.prepare(BEST[scored]).bind(...binds, place.score, place.id, limit + 1), hit)
}
