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
const NEAR_TERMS = `select term
  from term_grams
  where gram in (select value from json_each(?1))
    and length between ?2 and ?3
  group by term
  order by count(*) desc, term
  limit ?4`

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
  const counts = await countMatches(
    index,
    doubtful.map(({ match }) => match),
  )
  const rare = doubtful.flatMap((each, at) => {
    const count = counts[at] ?? 0
    return count < COMMON ? [{ ...each, count }] : []
  })
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

/** The near term of which there are most, if there are more than of what was typed. */
async function meantBy(index: SearchIndex, { kind, folded, count }: Doubtful & { count: number }) {
  const terms = await nearTerms(index, kind, folded)
  const counts = await countMatches(
    index,
    terms.map((term) => quoted(kind + term)),
  )
  let best: { term: string; count: number } | null = null
  for (const [at, term] of terms.entries()) {
    const found = counts[at] ?? 0
    if (found > count && found > (best?.count ?? 0)) best = { term, count: found }
  }
  return best?.term ?? null
}

/** Words of the vocabulary that differ by few mistakes, nearest first. */
export async function nearTerms(index: SearchIndex, kind: TermKind, word: string): Promise<string[]> {
  const length = [...word].length
  const limit = forgivenMistakes(length)
  if (limit === 0) return []
  const grams = JSON.stringify(gramsOf(kind, word))
  const open = await index.open()
  const answers = await Promise.all(
    open.map(({ database }) =>
      database
        .prepare(NEAR_TERMS)
        .bind(grams, length - limit, length + limit, NEAR_MAX)
        .run(),
    ),
  )
  const terms = new Set(
    answers
      .flatMap(({ results }) => z.array(z.object({ term: z.string() })).parse(results))
      .map(({ term }) => term.slice(kind.length)),
  )
  return [...terms]
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

/** How many tweets hold each of the conditions, up to a hundred in each database. */
async function countMatches(index: SearchIndex, matches: readonly string[]): Promise<number[]> {
  if (matches.length === 0) return []
  const open = await index.open()
  const answers = await Promise.all(
    open.map(({ database }) =>
      database.batch(matches.map((match) => database.prepare(COUNT_MATCHES).bind(match, COUNTED_MAX))),
    ),
  )
  const counted = z.tuple([z.object({ matches: z.number() })])
  return matches.map((_, at) =>
    answers.reduce((sum, results) => sum + counted.parse(results[at]?.results)[0].matches, 0),
  )
}
