import type { Random } from '../../tools/seed/random.ts'
import type { Plan } from '../harness/plan.ts'
import type { SearchRuntime } from '../harness/search-runtime.ts'
import { eachDocument, SearchCorpus } from '../seed/search-corpus.ts'

export const QUERIES_A_ROUND = 60
/** What search itself takes for few. */
const FEW_HITS = 3
const TRIES_MAX = 20_000
const SAMPLE_SIZE = 1_000

/** What FTS5 does when it is asked for the twenty best, and nothing else. */
export const BARE_TWEETS = 'select rowid from tweets_fts where tweets_fts match ?1 order by rank limit 20'
export const BARE_PEOPLE = 'select rowid from people_fts where people_fts match ?1 order by rank limit 20'

/** What somebody types, and the bare query of it. */
export interface Query {
  text: string
  bare: string
}

/** Texts and names of the oldest documents, which are indexed at every size: what is asked for is there. */
export interface Sample {
  texts: string[][]
  names: string[]
}

export function sampleTheIndex(): Sample {
  const corpus = new SearchCorpus()
  const sample: Sample = { texts: [], names: [] }
  eachDocument(corpus, 0, SAMPLE_SIZE, {
    tweet: ({ content }) => sample.texts.push(content.split(' ').filter((word) => !word.startsWith('#'))),
    person: ({ displayName }) => sample.names.push(displayName),
  })
  return sample
}

interface Kind {
  /** False of what is more work than the bare query does by far. */
  isCompared: boolean
  isPeople: boolean
  make: (sample: Sample, random: Random) => Query
}

/** As people ask: mostly for what is there, common and rare. */
export const KINDS: Record<string, Kind> = {
  'one word': { isCompared: true, isPeople: false, make: oneWord },
  'two words': { isCompared: true, isPeople: false, make: twoWords },
  'two words of few hits': { isCompared: false, isPeople: false, make: twoWords },
  phrase: {
    isCompared: true,
    isPeople: false,
    make: ({ texts }, random) => {
      const text = random.pick(texts)
      const at = random.below(text.length - 1)
      const phrase = `"${text.slice(at, at + 2).join(' ')}"`
      return { text: phrase, bare: phrase }
    },
  },
  misspelt: {
    isCompared: false,
    isPeople: false,
    make: (sample, random) => {
      const { text, bare } = oneWord(sample, random)
      return { text: misspelt(text, random), bare }
    },
  },
  people: {
    isCompared: true,
    isPeople: true,
    make: ({ names }, random) => {
      const begun = random.pick(names).slice(0, 3)
      return { text: begun, bare: `"${begun}" *` }
    },
  },
  'misspelt people': {
    isCompared: false,
    isPeople: true,
    make: ({ names }, random) => {
      const [name = ''] = random.pick(names).split(' ')
      return { text: misspelt(name, random), bare: `"${name}"` }
    },
  },
}

export function oneWord({ texts }: Sample, random: Random): Query {
  const word = random.pick(random.pick(texts))
  return { text: word, bare: `"${word}"` }
}

function twoWords({ texts }: Sample, random: Random): Query {
  const text = random.pick(texts)
  const [first, second] = [random.pick(text), random.pick(text)]
  return { text: `${first} ${second}`, bare: `"${first}" "${second}"` }
}

/** Two words are one kind of query where they stand together often, and another where they do not. */
async function isOfKind(runtime: SearchRuntime, kind: string, { text, bare }: Query): Promise<boolean> {
  if (!kind.startsWith('two words')) return true
  if (new Set(text.split(' ')).size < 2) return false
  const found: unknown = JSON.parse(await runtime.ask('/sql', { sql: BARE_TWEETS, binds: [bare] }))
  return Array.isArray(found) && found.length >= FEW_HITS === (kind === 'two words')
}

/** As many of a kind as a round asks. */
export async function queriesOf(
  runtime: SearchRuntime,
  plan: Plan,
  kind: string,
  make: () => Query,
): Promise<Query[]> {
  const queries: Query[] = []
  for (let tries = 0; queries.length < (plan.isQuick ? 5 : QUERIES_A_ROUND); tries++) {
    if (tries === TRIES_MAX) throw new Error('There are no such queries')
    const query = make()
    if (await isOfKind(runtime, kind, query)) queries.push(query)
  }
  return queries
}

/** With two neighbouring letters changed. */
function misspelt(word: string, random: Random): string {
  const at = 1 + random.below(word.length - 2)
  return word.slice(0, at) + word.charAt(at + 1) + word.charAt(at) + word.slice(at + 2)
}
