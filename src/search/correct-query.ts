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
/** So many words of a text are looked up: nobody misspells more, and each is thousands of rows. */
export const CORRECTED_MAX = 3
/** What is read of the terms of a trigram and a length. A rare trigram has fewer, and it tells more. */
const LIST_MAX = 300

/**
 * The terms that share most trigrams with a word, of equals those of the rarest; and of the terms in ?2 those that there
 * are. ?1 is `[[gram, length]]`.
 */
const NEAR_TERMS = `with lists as materialized (
    select (
      select json_group_array(term)
      from (
        select term
        from term_grams
        where gram = asked.value ->> 0
          and length = asked.value ->> 1
        limit ${LIST_MAX}
      )
    ) as terms
    from json_each(?1) as asked
  ),
  measured as materialized (select terms, json_array_length(terms) as size from lists),
  sharing as (
    select listed.value as term
    from measured, json_each(measured.terms) as listed
    group by listed.value
    order by count(*) desc, min(size), listed.value
    limit ${NEAR_MAX}
  )
  select term from sharing
  union
  select term from terms where term in (select value from json_each(?2))`

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
  const wrong = misspelt(await countedWords(index, doubtful))
  const meant = await Promise.all(wrong.map(async (each) => ({ ...each, meant: await meantBy(index, each) })))
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

interface CountedWord extends Doubtful {
  /** How many tweets have it as it was typed, up to a hundred in each database. */
  count: number
}

async function countedWords(index: SearchIndex, doubtful: readonly Doubtful[]): Promise<CountedWord[]> {
  if (doubtful.length === 0) return []
  const answers = await batchAll(index, (database) =>
    doubtful.map(({ match }) => database.prepare(COUNT_MATCHES).bind(match, COUNTED_MAX)),
  )
  return doubtful.map((each, at) => ({ ...each, count: matchesIn(answers, at) }))
}

/** The words that no tweet has, because nothing is found for them alone; where there are none, the rarest. */
function misspelt(words: readonly CountedWord[]): CountedWord[] {
  const unknown = words.filter(({ count }) => count === 0)
  if (unknown.length > 0) return unknown.length > CORRECTED_MAX ? [] : unknown
  const rare = words.filter(({ count }) => count < COMMON)
  return rare.sort((a, b) => a.count - b.count).slice(0, CORRECTED_MAX)
}

/** The near term of which there are most, if there are more than of what was typed. */
async function meantBy(index: SearchIndex, { kind, folded, count }: CountedWord): Promise<string | null> {
  const near = await nearTerms(index, kind, folded)
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
  const binds = [listsOf(kind, word), swapsOf(word).map((swapped) => kind + swapped)]
  const answers = await batchAll(index, (database) => [
    database.prepare(NEAR_TERMS).bind(...binds.map((each) => JSON.stringify(each))),
  ])
  return nearest(kind, word, termsIn(answers, 0))
}

function listsOf(kind: TermKind, word: string): [gram: string, length: number][] {
  const length = [...word].length
  const limit = forgivenMistakes(length)
  const lengths = Array.from({ length: 2 * limit + 1 }, (_, at) => length - limit + at)
  return gramsOf(kind, word).flatMap((gram) => lengths.map((of): [string, number] => [gram, of]))
}

/** The word with two neighbours changed: a short one shares no trigram with these. */
function swapsOf(word: string): string[] {
  const letters = [...word]
  return letters.slice(1).map((letter, at) => {
    const swapped = [...letters]
    swapped.splice(at, 2, letter, letters[at] ?? '')
    return swapped.join('')
  })
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
