import { type Plan, sideBySide } from '../harness/plan.ts'
import { fetchAs, type SignedIn, signIn } from '../harness/readers.ts'
import type { Figures, PartReport } from '../harness/report.ts'
import { timeEach } from '../harness/timing.ts'
import { bareFetch, type World } from '../harness/world.ts'
import { addFollows, addPeople, addTweets, personOf, settleTables } from '../seed/population.ts'
import { HOME } from './home.ts'

const DAY_MS = 86_400_000
const FOLLOWEES = 100
const READS_A_ROUND = 40

/** The first read of a timeline that nobody has read before, one reader after the other. */
export async function homeCold(world: World, plan: Plan): Promise<PartReport> {
  const authors = plan.isQuick ? 200 : 5_000
  const reads = plan.isQuick ? 3 : READS_A_ROUND
  const readers = await world.seeding(() => seed(world, { authors, readers: (plan.rounds + 1) * reads }))
  let next = 0
  const nextReaders = () => {
    next += reads
    return readers.slice(next - reads, next)
  }

  const measure = (): Promise<Figures> =>
    timeEach(nextReaders(), async (reader) => {
      await fetchAs(world.api, reader, HOME)
    })
  let asked = 0
  const measureBare = (): Promise<Figures> =>
    timeEach(Array.from({ length: reads }), async () => {
      const reader = readers[asked++ % readers.length]
      await bareFetch(world, `/home/${reader?.id}`)
    })
  await measure()
  await measureBare()
  const rounds = await plan.profiling(() => sideBySide(plan, measure, measureBare))
  return {
    part: 'home-cold',
    title: 'first read',
    lines: [
      {
        name: `${FOLLOWEES} followees, one at a time`,
        bareName: 'one statement of the same rows',
        rounds,
        ratioOf: 'p50_ms',
        target: plan.isQuick ? null : { atMost: 2 },
      },
    ],
    notes: [
      'Built of 800 entries; the statement answers these, the followees, and the first 20 tweets with authors.',
    ],
  }
}

/** So many readers of 100 authors each, of `authors` who wrote 20 tweets each within 90 days. */
async function seed(
  { pool }: World,
  { authors, readers }: { authors: number; readers: number },
): Promise<SignedIn[]> {
  await addPeople(pool, 0, authors + readers)
  await addFollows(pool, { from: authors, count: readers }, { from: 0, count: FOLLOWEES })
  const toMs = Date.now() - DAY_MS / 24
  await addTweets(pool, {
    authors: { from: 0, count: authors },
    count: authors * 20,
    fromMs: toMs - 90 * DAY_MS,
    toMs,
    series: 0,
  })
  await settleTables(pool)
  return Promise.all(Array.from({ length: readers }, (_, index) => signIn(personOf(authors + index))))
}
