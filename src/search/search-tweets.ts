import { z } from 'zod'
import type { HitPlace, TweetHits, TweetSearch } from '../contracts/search.ts'
import { MAX_ID } from '../domain/ids.ts'
import { printSearchQuery } from '../domain/search-query.ts'
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
  const firstMeant = await pageOf(index, { ...search, query: meant, after: null })
  if (firstMeant.hits.length <= first.hits.length) return { ...page, didYouMean: null }
  const meantPage = search.after === null ? firstMeant : await pageOf(index, { ...search, query: meant })
  return { ...meantPage, didYouMean: printSearchQuery(meant) }
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
