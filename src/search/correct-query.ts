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

/** The query with its misspelt words as they were probably meant; null where no word is near another. */
export async function correctedQuery(index: SearchIndex, query: SearchQuery): Promise<SearchQuery | null> {
  const [words, hashtags] = await Promise.all([
    Promise.all(query.words.map((word) => correctedWord(index, word))),
    Promise.all(query.hashtags.map((tag) => correctedTag(index, tag))),
  ])
  if ([...words, ...hashtags].every((corrected) => corrected === null)) return null
  return {
    ...query,
    words: query.words.map((word, at) => words[at] ?? word),
    hashtags: query.hashtags.map((tag, at) => hashtags[at] ?? tag),
  }
}

async function correctedWord(index: SearchIndex, word: string): Promise<string | null> {
  const folded = foldWord(word)
  if (!isTerm(folded)) return null
  const [wanted] = requiredOf([word])
  if (wanted === undefined) return null
  const near = await nearTerms(index, '', folded)
  return commonest(index, anyOf(wanted), near, (term) => quoted(term))
}

async function correctedTag(index: SearchIndex, tag: string): Promise<string | null> {
  const folded = foldWord(tag)
  if (!isTerm(folded)) return null
  const near = await nearTerms(index, '#', folded)
  return commonest(index, quoted(`#${folded}`), near, (term) => quoted(`#${term}`))
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

/** The term of which there are most, if there are more than of what was typed. */
async function commonest(
  index: SearchIndex,
  typed: string,
  terms: readonly string[],
  matchOf: (term: string) => string,
): Promise<string | null> {
  if (terms.length === 0) return null
  const [typedCount = 0, ...counts] = await countMatches(index, [typed, ...terms.map(matchOf)])
  if (typedCount >= COMMON) return null
  let best: { term: string; count: number } | null = null
  for (const [at, term] of terms.entries()) {
    const count = counts[at] ?? 0
    if (count > typedCount && count > (best?.count ?? 0)) best = { term, count }
  }
  return best?.term ?? null
}

async function countMatches(index: SearchIndex, matches: readonly string[]): Promise<number[]> {
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
