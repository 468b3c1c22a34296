import { performance } from 'node:perf_hooks'
import type { IndexChanges, TweetSearch } from '../../src/contracts/search.ts'
import { parseSearchQuery } from '../../src/domain/search-query.ts'
import { temporaryFolder } from '../../test/node/harness/temporary-folder.ts'
import { randomStream } from '../../tools/seed/random.ts'
import { type Plan, sideBySide } from '../harness/plan.ts'
import type { Figures, Line, PartReport } from '../harness/report.ts'
import { SearchBench, type SearchRuntime } from '../harness/search-runtime.ts'
import { spreadOf, timeEach } from '../harness/timing.ts'
import type { World } from '../harness/world.ts'
import { fillSearchDatabase, SearchCorpus } from '../seed/search-corpus.ts'
import {
  BARE_PEOPLE,
  BARE_TWEETS,
  KINDS,
  oneWord,
  QUERIES_A_ROUND,
  type Query,
  queriesOf,
  type Sample,
  sampleTheIndex,
} from './search-queries.ts'

const SIZES = [10_000, 100_000, 1_000_000]
const QUICK_SIZES = [1_000]
const INDEXED_A_ROUND = 1_000
const BATCH = 50
const LIMIT_P99_MS = 200

const BARE_INDEX = `insert into bench_fts (rowid, words)
  select value ->> 'id', value ->> 'content' from json_each(?1)`

/**
 * Indexing and queries beside bare FTS5 as the index grows. The bare query is one statement on the same table of the same
 * D1, and takes the same way: a Worker that calls another by RPC, which asks the database. It is of what was typed alone,
 * answers ids by BM25 alone, and does not look whether more databases are open or words are misspelt.
 */
export async function search(world: World, plan: Plan): Promise<PartReport> {
  const folder = await temporaryFolder()
  try {
    const bench = new SearchBench(folder.path)
    const corpus = new SearchCorpus()
    const sample = sampleTheIndex()
    const lines: Line[] = []
    let present = 0
    for (const size of plan.isQuick ? QUICK_SIZES : SIZES) {
      const from = present
      await world.seeding(() => fill(bench, corpus, from, size))
      present = size + 2 * plan.rounds * INDEXED_A_ROUND
      const runtime = await bench.start()
      try {
        lines.push(
          ...(await measureSize(runtime, plan, { corpus, sample, size, isLargest: size === SIZES.at(-1) })),
        )
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
        'The texts are words of a Zipf distribution, of which the commonest is in 6 % of the tweets; words, phrases and names are of indexed documents.',
        'Two words have three hits or more: with fewer, and with a misspelt word or name, it is looked up what was meant, in up to three more trips. The bare query of what is misspelt has it as it was meant.',
        'The hop: one bare query by RPC, beside the same on the binding of the Worker that was called.',
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
  sample: Sample
  size: number
  isLargest: boolean
}

async function measureSize(
  runtime: SearchRuntime,
  plan: Plan,
  { corpus, sample, size, isLargest }: Stage,
): Promise<Line[]> {
  const random = randomStream(`search queries ${size}`)
  const count = size.toLocaleString('en')
  const lines: Line[] = []
  for (const [kind, { isCompared, isPeople, make }] of Object.entries(KINDS)) {
    const queries = await queriesOf(runtime, plan, kind, () => make(sample, random))
    const rounds = await measureKind(runtime, plan, { queries, isPeople })
    lines.push({
      name: `${kind}, ${count}`,
      bareName: 'bare query',
      rounds,
      ratioOf: 'p50_ms',
      target: isCompared && !plan.isQuick ? { atMost: 1.5 } : null,
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
  lines.push(await measureHop(runtime, plan, sample, count))
  lines.push(await measureIndexing(runtime, plan, corpus, size))
  return lines
}

interface Asked {
  queries: readonly Query[]
  isPeople: boolean
}

async function measureKind(runtime: SearchRuntime, plan: Plan, { queries, isPeople }: Asked) {
  const ask = async ({ text }: Query) => {
    if (isPeople) await runtime.ask('/users', { text, after: null, limit: 20 })
    else await runtime.ask('/tweets', tweetSearch(text))
  }
  const askBare = async ({ bare }: Query) => {
    await runtime.ask('/bare', { sql: isPeople ? BARE_PEOPLE : BARE_TWEETS, binds: [bare] })
  }
  await timeEach(queries, ask)
  await timeEach(queries, askBare)
  return sideBySide(
    plan,
    () => timeEach(queries, ask),
    () => timeEach(queries, askBare),
  )
}

async function measureHop(runtime: SearchRuntime, plan: Plan, sample: Sample, count: string): Promise<Line> {
  const random = randomStream('hop')
  const queries = Array.from({ length: QUERIES_A_ROUND }, () => oneWord(sample, random))
  const ask = (path: string) =>
    timeEach(queries, async ({ bare }) => {
      await runtime.ask(path, { sql: BARE_TWEETS, binds: [bare] })
    })
  await ask('/sql')
  const rounds = await sideBySide(
    plan,
    () => ask('/bare'),
    () => ask('/sql'),
  )
  return { name: `bare, ${count}`, bareName: 'without the hop', rounds, ratioOf: 'p50_ms', target: null }
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
    () => measure((tweets) => runtime.ask('/bare', { sql: BARE_INDEX, binds: [JSON.stringify(tweets)] })),
  )
  return {
    name: `${BATCH} tweets indexed, ${size.toLocaleString('en')}`,
    bareName: 'bare insert',
    rounds,
    ratioOf: 'per_second',
    target: null,
  }
}
