import { z } from 'zod'
import type { HitPlace, TweetHits, TweetSearch } from '../contracts/search.ts'
import { MAX_ID } from '../domain/ids.ts'
import { MAX_TIER } from '../domain/search/ranking.ts'
import { tierToken } from '../domain/search/text-query.ts'
import { printSearchQuery } from '../domain/search-query.ts'
import { askAll, askDatabase, startOf } from './ask.ts'
import { correctedQuery } from './correct-query.ts'
import { allOf, type MatchExpression, matchExpression, quoted } from './match-expression.ts'
import type { OpenDatabase, SearchIndex } from './ranges.ts'
import { best, LATEST, type Window, windowOf } from './tweet-statements.ts'

/** How many of the newest matches of a database are weighed, and of those of each tier of engagement. */
const NEWEST_MAX = 400
const ENGAGED_MAX = 200
/** Engagement that makes a tweet a candidate although it is not among the newest. */
const ENGAGED_TIERS = [4, 2]
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

const hit = z.object({ id: z.number(), score: z.number(), candidates: z.number() })
type Hit = z.infer<typeof hit>

const placeOf = ({ id, score }: Hit): HitPlace => ({ id, score })

/** Database after database from the newest on, until the page is full. */
async function latest(index: SearchIndex, { search, window, expression }: Asked): Promise<Page> {
  const { after, limit, withSensitive } = search
  const until = after === null ? window.until : Math.min(window.until, after.id)
  const hits: HitPlace[] = []
  const open = await startOf(index)
  for (const { database, range } of open.toReversed()) {
    if (range.fromId >= until || (range.untilId !== null && range.untilId <= window.from)) continue
    const wanted = limit + 1 - hits.length
    const statement = database
      .prepare(LATEST)
      .bind(expression.match, window.from, until, Number(withSensitive), wanted)
    const { results } = await statement.run()
    hits.push(...z.array(hit).parse(results).map(placeOf))
    if (hits.length > limit) break
  }
  return pageFrom(hits, limit)
}

function pageFrom(hits: readonly HitPlace[], limit: number): Page {
  return { hits: hits.slice(0, limit), hasMore: hits.length > limit }
}

/** All databases at once, their best merged. */
async function bestOf(index: SearchIndex, asked: Asked): Promise<Page> {
  const hits = await askAll(index, (place) => bestIn(place, asked))
  const byId = new Map(hits.map((each) => [each.id, placeOf(each)]))
  const sorted = [...byId.values()].sort((a, b) => b.score - a.score || b.id - a.id)
  return pageFrom(sorted, asked.search.limit)
}

/** The best of the newest matches; where there are more, of the engaging ones among the older, too. */
async function bestIn(place: OpenDatabase, asked: Asked) {
  const { search, expression } = asked
  const tiers =
    search.sort === 'top' ? Array.from({ length: MAX_TIER }, (_, below) => below + 1) : ENGAGED_TIERS
  const [newest, range] = await askDatabase(place, [statementFor(place, asked, expression.match, NEWEST_MAX)])
  const found = z.array(hit).parse(newest?.results)
  // Where a page is behind all candidates nothing says how many there are.
  const isCut = found.length === 0 ? search.after !== null : (found[0]?.candidates ?? 0) >= NEWEST_MAX
  if (!isCut) return { found, range }
  const engaged = await place.database.batch(
    tiers.map((tier) =>
      statementFor(place, asked, allOf([expression.match, quoted(tierToken(tier))]), ENGAGED_MAX),
    ),
  )
  return { found: [...found, ...engaged.flatMap(({ results }) => z.array(hit).parse(results))], range }
}

function statementFor({ database }: OpenDatabase, asked: Asked, match: string, candidates: number) {
  const { search, window, expression } = asked
  const { sort, asOfMs, after, limit, withSensitive } = search
  const scored = sort === 'top' ? 'top' : expression.hasText ? 'relevance' : 'text-less relevance'
  const place = after ?? { score: Number.MAX_VALUE, id: MAX_ID }
  const binds = [match, window.from, window.until, asOfMs, Number(withSensitive), place.score, place.id]
  return database.prepare(best(scored)).bind(...binds, limit + 1, candidates)
}
