import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { paced } from '../harness/paced.ts'
import type { Plan } from '../harness/plan.ts'
import { fetchAs, type SignedIn, signIn } from '../harness/readers.ts'
import type { Figures, PartReport, Round } from '../harness/report.ts'
import { spreadOf } from '../harness/timing.ts'
import type { World } from '../harness/world.ts'
import { addPeople, personOf, settleTables } from '../seed/population.ts'

const PEOPLE = 100
const POSTS_PER_SECOND = 50
/** Of so many posts one is looked for: all of them would be a load of searches rather than of posts. */
const LOOKED_FOR_EVERY = 10
const LOOK_EVERY_MS = 50
const FOUND_WITHIN_MS = 30_000
const P99_MS_MAX = 2_000

/** From a post's request until a search for a word of its own finds it, while posts come at their pace. */
export async function searchFreshness(world: World, plan: Plan): Promise<PartReport> {
  const people = await world.seeding(async () => {
    await addPeople(world.pool, 0, PEOPLE)
    await settleTables(world.pool)
    return Promise.all(Array.from({ length: PEOPLE }, (_, index) => signIn(personOf(index))))
  })
  await measure(world, plan, people, 'warm')
  const promise: Figures = { p99_ms: P99_MS_MAX }
  const rounds = await plan.profiling(async () => {
    const done: Round[] = []
    for (let n = 0; n < plan.rounds; n++) {
      done.push({ measured: await measure(world, plan, people, `round${n}`), bare: promise })
    }
    return done
  })
  return {
    part: 'search-freshness',
    title: `posted until found, ${POSTS_PER_SECOND} posts/s`,
    lines: [
      {
        name: `one in ${LOOKED_FOR_EVERY} is looked for`,
        bareName: `${P99_MS_MAX / 1000} s, the promise`,
        rounds,
        ratioOf: 'p99_ms',
        target: plan.isQuick ? null : { atMost: 1 },
      },
    ],
    notes: [
      `Through the database, the queue, D1 and a search every ${LOOK_EVERY_MS} ms. Posts come at their time, however slow the earlier ones are.`,
    ],
  }
}

async function measure(
  { api }: World,
  plan: Plan,
  people: readonly SignedIn[],
  series: string,
): Promise<Figures> {
  let posted = 0
  const found: Promise<number>[] = []
  await paced(plan, POSTS_PER_SECOND, () => {
    const n = posted++
    const person = people[n % people.length]
    if (person === undefined) throw new Error('There is nobody')
    const word = `${series}x${n}`
    const startMs = performance.now()
    const body = JSON.stringify({ content: `The heron stood still at the weir, ${word}` })
    const sent = fetchAs(api, person, '/api/tweets', { method: 'POST', body })
    if (n % LOOKED_FOR_EVERY === 0) found.push(sent.then(() => untilFound(api, person, word, startMs)))
    return { key: word, sent }
  })
  return spreadOf(await Promise.all(found))
}

async function untilFound(api: string, person: SignedIn, word: string, startMs: number): Promise<number> {
  while (performance.now() - startMs < FOUND_WITHIN_MS) {
    const { tweets } = JSON.parse(await fetchAs(api, person, `/api/search/tweets?q=${word}&sort=latest`))
    if (tweets.length > 0) return performance.now() - startMs
    await sleep(LOOK_EVERY_MS)
  }
  throw new Error(`${word} is never found`)
}
