import { performance } from 'node:perf_hooks'
import type { IndexChanges, TweetSearch } from '../../src/contracts/search.ts'
import { parseSearchQuery } from '../../src/domain/search-query.ts'
import { temporaryFolder } from '../../test/node/harness/temporary-folder.ts'
import { type Random, randomStream } from '../../tools/seed/random.ts'
import { type Plan, sideBySide } from '../harness/plan.ts'
import type { Figures, Line, PartReport } from '../harness/report.ts'
import { SearchBench, type SearchRuntime } from '../harness/search-runtime.ts'
import { spreadOf, timeEach } from '../harness/timing.ts'
import type { World } from '../harness/world.ts'
import { fillSearchDatabase, SearchCorpus } from '../seed/search-corpus.ts'

const SIZES = [10_000, 100_000, 1_000_000]
const QUICK_SIZES = [1_000]
const QUERIES_A_ROUND = 60
const INDEXED_A_ROUND = 1_000
const BATCH = 50
const LIMIT_P99_MS = 200

/** What FTS5 does when it is asked for the twenty best, and nothing else. */
const BARE_TWEETS = 'select rowid from tweets_fts where tweets_fts match ?1 order by rank limit 20'
const BARE_PEOPLE = 'select rowid from people_fts where people_fts match ?1 order by rank limit 20'
const BARE_INDEX = `insert into bench_fts (rowid, words)
  select value ->> 'id', value ->> 'content' from json_each(?1)`

/** What somebody types, and the bare query of it. */
interface Query {
  text: string
  bare: string
}

/** Indexing and queries beside bare FTS5 on the same D1, as the index grows. */
export async function search(world: World, plan: Plan): Promise<PartReport> {
  const folder = await temporaryFolder()
  try {
    const bench = new SearchBench(folder.path)
    const corpus = new SearchCorpus()
    const lines: Line[] = []
    let present = 0
    for (const size of plan.isQuick ? QUICK_SIZES : SIZES) {
      const from = present
      await world.seeding(() => fill(bench, corpus, from, size))
      present = size + 2 * plan.rounds * INDEXED_A_ROUND
      const runtime = await bench.start()
      try {
        lines.push(...(await measureSize(runtime, plan, { corpus, size, isLargest: size === SIZES.at(-1) })))
      } finally {
        await runtime.stop()
      }
    }
    return {
      part: 'search',
      title: 'one after the other',
      lines,
      notes: [
        `The bare query: ${BARE_TWEETS}`,
        'The texts are words of a Zipf distribution, of which the commonest is in 6 % of the tweets; both are asked by RPC or D1 through one Worker.',
        'A misspelt word is asked for, looked up, and asked for as it was meant; the bare query has the word as it was meant.',
      ],
    }
  } finally {
    await folder.remove()
  }
}

async function fill(bench: SearchBench, corpus: SearchCorpus, from: number, until: number): Promise<void> {
  const database = await bench.openFirst()
  fillSearchDatabase(database, corpus, from, until)
  database.exec(`
    drop table if exists bench_fts;
    create virtual table bench_fts using fts5 (words, content = '', contentless_delete = 1)`)
  database.close()
}

interface Stage {
  corpus: SearchCorpus
  size: number
  isLargest: boolean
}

async function measureSize(
  runtime: SearchRuntime,
  plan: Plan,
  { corpus, size, isLargest }: Stage,
): Promise<Line[]> {
  const random = randomStream(`search queries ${size}`)
  const count = size.toLocaleString('en')
  const lines: Line[] = []
  for (const [kind, make] of Object.entries(KINDS)) {
    const rounds = await measureKind(runtime, plan, { corpus, random, kind, make })
    const isCompared = kind !== 'misspelt' && !plan.isQuick
    lines.push({
      name: `${kind}, ${count}`,
      bareName: 'bare query',
      rounds,
      ratioOf: 'p50_ms',
      target: isCompared ? { atMost: 1.5 } : null,
    })
    if (!isLargest) continue
    const limit = { p99_ms: LIMIT_P99_MS }
    const tail = rounds.map(({ measured: { p99_ms = Number.NaN } }) => ({
      measured: { p99_ms },
      bare: limit,
    }))
    lines.push({
      name: `${kind}, p99`,
      bareName: 'limit',
      rounds: tail,
      ratioOf: 'p99_ms',
      target: { atMost: 1 },
    })
  }
  lines.push(await measureIndexing(runtime, plan, corpus, size))
  return lines
}

interface Kind {
  corpus: SearchCorpus
  random: Random
  kind: string
  make: (words: string[], random: Random, corpus: SearchCorpus) => Query
}

/**
 * Of the words of one text, so that there is something to be found. But two words are common ones: in these texts no
 * others stand together more often than once, as those that are looked for together do in ours.
 */
const KINDS: Record<string, Kind['make']> = {
  'one word': ([word = '']) => ({ text: word, bare: `"${word}"` }),
  'two words': (_words, random, corpus) => {
    const [first, second] = [corpus.commonWord(random), corpus.commonWord(random)]
    return { text: `${first} ${second}`, bare: `"${first}" "${second}"` }
  },
  phrase: ([first = '', second = '']) => ({ text: `"${first} ${second}"`, bare: `"${first} ${second}"` }),
  misspelt: ([word = ''], random) => ({ text: misspelt(word, random), bare: `"${word}"` }),
  people: ([word = '']) => ({ text: word.slice(0, 3), bare: `"${word.slice(0, 3)}" *` }),
}

/** With two neighbouring letters changed. */
function misspelt(word: string, random: Random): string {
  const at = 1 + random.below(word.length - 2)
  return word.slice(0, at) + word.charAt(at + 1) + word.charAt(at) + word.slice(at + 2)
}

async function measureKind(runtime: SearchRuntime, plan: Plan, { corpus, random, kind, make }: Kind) {
  const amount = plan.isQuick ? 5 : QUERIES_A_ROUND
  const queries = Array.from({ length: amount }, () =>
    make(corpus.tweet(0).content.split(' '), random, corpus),
  )
  const isPeople = kind === 'people'
  const ask = async ({ text }: Query) => {
    if (isPeople) await runtime.ask('/users', { text, after: null, limit: 20 })
    else await runtime.ask('/tweets', tweetSearch(text))
  }
  const askBare = async ({ bare }: Query) => {
    await runtime.ask('/sql', { sql: isPeople ? BARE_PEOPLE : BARE_TWEETS, binds: [bare] })
  }
  await timeEach(queries, ask)
  return sideBySide(
    plan,
    () => timeEach(queries, ask),
    () => timeEach(queries, askBare),
  )
}

function tweetSearch(text: string): TweetSearch {
  const parsed = parseSearchQuery(text)
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`)
  const page = { after: null, limit: 20, withSensitive: false }
  return { query: parsed.query, sort: 'relevance', asOfMs: Date.now(), ...page }
}

async function measureIndexing(
  runtime: SearchRuntime,
  plan: Plan,
  corpus: SearchCorpus,
  size: number,
): Promise<Line> {
  let next = size
  const amount = plan.isQuick ? BATCH : INDEXED_A_ROUND
  const measure = async (write: (tweets: IndexChanges['tweets']) => Promise<unknown>): Promise<Figures> => {
    const batches = Array.from({ length: amount / BATCH }, () =>
      Array.from({ length: BATCH }, () => corpus.tweet(next++)),
    )
    const startMs = performance.now()
    const durationsMs: number[] = []
    for (const tweets of batches) {
      const batchMs = performance.now()
      await write(tweets)
      durationsMs.push(performance.now() - batchMs)
    }
    return { per_second: (amount / (performance.now() - startMs)) * 1000, ...spreadOf(durationsMs) }
  }
  const rounds = await sideBySide(
    plan,
    () => measure((tweets) => runtime.ask('/index', { tweets, people: [] })),
    () => measure((tweets) => runtime.ask('/sql', { sql: BARE_INDEX, binds: [JSON.stringify(tweets)] })),
  )
  return {
    name: `${BATCH} tweets indexed, ${size.toLocaleString('en')}`,
    bareName: 'bare insert',
    rounds,
    ratioOf: 'per_second',
    target: null,
  }
}
