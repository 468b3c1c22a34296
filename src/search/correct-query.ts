import { z } from 'zod'
import { foldWord } from '../domain/search/fold.ts'
import {
  editDistance,
  forgivenMistakes,
  gramsOf,
  isTerm,
  type TermKind,
} from '../domain/search/near-terms.ts'
import { requiredOf } from '../domain/search/text-query.ts'
import type { SearchQuery } from '../domain/search-query.ts'
import { anyOf, quoted } from './match-expression.ts'
import type { SearchIndex } from './ranges.ts'
import { COUNT_MATCHES } from './tweet-statements.ts'

const NEAR_MAX = 100
const CANDIDATES_MAX = 6
const COUNTED_MAX = 100
/** A word that this many tweets have is taken for what was meant. */
const COMMON = 10

/** The terms of a kind that share most trigrams with a word, of similar length. */
const nearTermsSql = (grams: string) => `select term
  from term_grams
  where gram in (${grams})
    and length between ?2 and ?3
  group by term
  order by count(*) desc, term
  limit ?4`

const NEAR_TERMS = nearTermsSql('select value from json_each(?1)')

/** The same, and nothing where a database has enough of what was typed. */
const NEAR_RARE_TERMS = nearTermsSql(`select value
    from json_each(?1)
    where (select count(*) from (select 1 from tweets_fts where tweets_fts match ?5 limit ${COMMON})) < ${COMMON}`)

/** A word or a hashtag of a query as it is looked up. */
interface Doubtful {
  kind: Extract<TermKind, '' | '#'>
  typed: string
  folded: string
  /** What finds it as it was typed. */
  match: string
}

/** The query with its misspelt words as they were probably meant; null where no word is near another. */
export async function correctedQuery(index: SearchIndex, query: SearchQuery): Promise<SearchQuery | null> {
  const doubtful = [...query.words.flatMap(doubtfulWord), ...query.hashtags.flatMap(doubtfulTag)]
  const rare = (await lookedUp(index, doubtful)).filter(({ count }) => count < COMMON)
  const meant = await Promise.all(rare.map(async (each) => ({ ...each, meant: await meantBy(index, each) })))
  if (meant.every((each) => each.meant === null)) return null
  const wordFor = (kind: TermKind, typed: string) =>
    meant.find((each) => each.kind === kind && each.typed === typed)?.meant ?? typed
  return {
    ...query,
    words: query.words.map((word) => wordFor('', word)),
    hashtags: query.hashtags.map((tag) => wordFor('#', tag)),
  }
}

function doubtfulWord(typed: string): Doubtful[] {
  const folded = foldWord(typed)
  const [wanted] = requiredOf([typed])
  return isTerm(folded) && wanted !== undefined ? [{ kind: '', typed, folded, match: anyOf(wanted) }] : []
}

function doubtfulTag(typed: string): Doubtful[] {
  const folded = foldWord(typed)
  return isTerm(folded) ? [{ kind: '#', typed, folded, match: quoted(`#${folded}`) }] : []
}

interface LookedUp extends Doubtful {
  /** How many tweets have it as it was typed, up to a hundred in each database. */
  count: number
  /** Where that is rare, words that it may have been meant for; nearest first. */
  near: string[]
}

/** How common the words are and what is near the rare ones, in one trip to each database. */
async function lookedUp(index: SearchIndex, doubtful: readonly Doubtful[]): Promise<LookedUp[]> {
  if (doubtful.length === 0) return []
  const answers = await batchAll(index, (database) =>
    doubtful.flatMap(({ kind, folded, match }) => [
      database.prepare(COUNT_MATCHES).bind(match, COUNTED_MAX),
      database.prepare(NEAR_RARE_TERMS).bind(...nearBinds(kind, folded), match),
    ]),
  )
  return doubtful.map((each, at) => ({
    ...each,
    count: matchesIn(answers, 2 * at),
    near: nearest(each.kind, each.folded, termsIn(answers, 2 * at + 1)),
  }))
}

/** The near term of which there are most, if there are more than of what was typed. */
async function meantBy(index: SearchIndex, { kind, near, count }: LookedUp): Promise<string | null> {
  if (near.length === 0) return null
  const answers = await batchAll(index, (database) =>
    near.map((term) => database.prepare(COUNT_MATCHES).bind(quoted(kind + term), COUNTED_MAX)),
  )
  let best: { term: string; count: number } | null = null
  for (const [at, term] of near.entries()) {
    const found = matchesIn(answers, at)
    if (found > count && found > (best?.count ?? 0)) best = { term, count: found }
  }
  return best?.term ?? null
}

/** Words of the vocabulary that differ by few mistakes, nearest first. */
export async function nearTerms(index: SearchIndex, kind: TermKind, word: string): Promise<string[]> {
  if (forgivenMistakes([...word].length) === 0) return []
  const answers = await batchAll(index, (database) => [
    database.prepare(NEAR_TERMS).bind(...nearBinds(kind, word)),
  ])
  return nearest(kind, word, termsIn(answers, 0))
}

function nearBinds(kind: TermKind, word: string) {
  const length = [...word].length
  const limit = forgivenMistakes(length)
  return [JSON.stringify(gramsOf(kind, word)), length - limit, length + limit, NEAR_MAX] as const
}

function nearest(kind: TermKind, word: string, terms: ReadonlySet<string>): string[] {
  const limit = forgivenMistakes([...word].length)
  return Array.from(terms, (term) => term.slice(kind.length))
    .map((term) => ({ term, distance: editDistance(word, term, limit) }))
    .filter(({ distance }) => distance > 0 && distance <= limit)
    .sort((a, b) => a.distance - b.distance || sharedPrefix(b.term, word) - sharedPrefix(a.term, word))
    .slice(0, CANDIDATES_MAX)
    .map(({ term }) => term)
}

function sharedPrefix(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}

/** The same statements in each database. */
async function batchAll(
  index: SearchIndex,
  statements: (database: D1Database) => D1PreparedStatement[],
): Promise<D1Result[][]> {
  const open = await index.open()
  return Promise.all(open.map(({ database }) => database.batch(statements(database))))
}

const counted = z.tuple([z.object({ matches: z.number() })])

function matchesIn(answers: readonly D1Result[][], at: number): number {
  return answers.reduce((sum, results) => sum + counted.parse(results[at]?.results)[0].matches, 0)
}

const terms = z.array(z.object({ term: z.string() }))

function termsIn(answers: readonly D1Result[][], at: number): Set<string> {
  return new Set(answers.flatMap((results) => terms.parse(results[at]?.results).map(({ term }) => term)))
}
