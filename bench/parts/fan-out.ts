import { performance } from 'node:perf_hooks'
import { z } from 'zod'
import { until } from '../../tools/stack/until.ts'
import { type Plan, sideBySide } from '../harness/plan.ts'
import { openFilesOf, residentMbOf } from '../harness/process-figures.ts'
import { fetchAs, type SignedIn, signIn } from '../harness/readers.ts'
import { type Figures, type Line, mediansOf, type PartReport, type Round } from '../harness/report.ts'
import { forEachAtOnce } from '../harness/timing.ts'
import { bareFetch, type World } from '../harness/world.ts'
import { addFollows, addPeople, personOf, settleTables } from '../seed/population.ts'
import { HOME } from './home.ts'

const FOLLOWERS = [100, 1_000, 5_000]
/** As many object calls as a fan-out has under way (CALLS_IN_FLIGHT in src/queues/fan-out.ts). */
const CALLS_IN_FLIGHT = 64
const AT_LEAST_OF_BARE = { atLeast: 0.6 }
/** Linear: time to the last of n followers is n times as long, and what does not depend on n is not held against it. */
const LINEAR = { atMost: 1.3 }
/** A live object takes about 3 descriptors: with more of them, ours and the bare are not kept live at the same time. */
const BOTH_LIVE_MAX = 2_000
const READS_AT_ONCE = 16
const FEW_OPEN_FILES = 500
const LET_GO_WITHIN_MS = 40_000
const DONE_WITHIN_MS = 120_000
const LOOK_EVERY_MS = 3

/** From a post's answer until every warm follower's timeline has the tweet. */
export async function fanOut(world: World, plan: Plan): Promise<PartReport> {
  const sizes = plan.isQuick ? [5, 20] : FOLLOWERS
  const { stars, fans } = await world.seeding(() => seed(world, sizes))
  const row = await rowOf(world, fans[0])
  const lines: Line[] = []
  const peaks: string[] = []
  const letGo: string[] = []
  for (const [index, size] of sizes.entries()) {
    const star = stars[index]
    if (star === undefined) continue
    let leastOpen = Number.POSITIVE_INFINITY
    const ours = async () => {
      await touch(world, [star, ...fans.slice(0, size)])
      leastOpen = Math.min(leastOpen, await openFilesOf(world.pid))
      return postAndWait(world, star, size)
    }
    const bare = async () => {
      await bareFetch(world, `/touch/${size}/${CALLS_IN_FLIGHT}`, { method: 'POST' })
      return bareLoop(world, size, row)
    }
    const rounds = await plan.profiling(() => measure(world, plan, size, ours, bare))
    peaks.push(`${size}: ${(await residentMbOf(world.pid)).toFixed(0)} MB`)
    if (leastOpen < size)
      letGo.push(`The machine is slow: of ${size} objects some were let go again before a run.`)
    await requireDelivered(world, fans.slice(0, size))
    lines.push({
      name: `${size.toLocaleString('en')} followers`,
      bareName: 'bare loop, the same row',
      rounds,
      ratioOf: 'per_second',
      target: plan.isQuick ? null : AT_LEAST_OF_BARE,
    })
  }
  lines.push(...linearity(lines, sizes, plan))
  return {
    part: 'fan-out',
    title: 'deliveries',
    lines,
    notes: [
      `${CALLS_IN_FLIGHT} calls in flight. ${fans.length} timelines are warm. Memory of the runtime after ${peaks.join(', ')}.`,
      ...letGo,
    ],
  }
}

/** In turns; or, when not all objects can live at the same time, ours and then the bare. */
async function measure(
  world: World,
  plan: Plan,
  size: number,
  ours: () => Promise<Figures>,
  bare: () => Promise<Figures>,
): Promise<Round[]> {
  if (size <= BOTH_LIVE_MAX) {
    await ours()
    await bare()
    return sideBySide(plan, ours, bare)
  }
  const measured = await runsOf(world, plan, ours)
  const bares = await runsOf(world, plan, bare)
  return measured.map((figures, round) => ({ measured: figures, bare: bares[round] ?? {} }))
}

async function runsOf(world: World, { rounds }: Plan, run: () => Promise<Figures>): Promise<Figures[]> {
  await until(async () => !((await openFilesOf(world.pid)) > FEW_OPEN_FILES), {
    withinMs: LET_GO_WITHIN_MS,
    everyMs: 200,
  })
  await run()
  const runs: Figures[] = []
  for (let round = 0; round < rounds; round++) runs.push(await run())
  return runs
}

/** Each size has a star; the fans of the smaller one are fans of the larger, too. All timelines are warm. */
async function seed(
  world: World,
  sizes: readonly number[],
): Promise<{ stars: SignedIn[]; fans: SignedIn[] }> {
  const { pool } = world
  const most = Math.max(...sizes)
  await addPeople(pool, 0, sizes.length + most)
  for (const [star, count] of sizes.entries()) {
    await addFollows(pool, { from: sizes.length, count }, { from: star, count: 1 })
  }
  await settleTables(pool)
  const stars = await Promise.all(sizes.map((_, star) => signIn(personOf(star))))
  const fans = await Promise.all(
    Array.from({ length: most }, (_, fan) => signIn(personOf(sizes.length + fan))),
  )
  await touch(world, [...stars, ...fans])
  return { stars, fans }
}

/** The runtime lets an object go some ten seconds after its last call; all runs begin with live ones. */
async function touch({ api }: World, people: readonly SignedIn[]): Promise<void> {
  await forEachAtOnce(people, READS_AT_ONCE, async (person) => {
    await fetchAs(api, person, HOME)
  })
}

/** Posts, and waits for the outbox to be empty: a row goes when its effect is done. */
async function postAndWait({ api, pool }: World, star: SignedIn, followers: number): Promise<Figures> {
  const body = JSON.stringify({ content: `It is ${performance.now()} now` })
  await fetchAs(api, star, '/api/tweets', { method: 'POST', body })
  const startMs = performance.now()
  const done = await until(async () => (await pool.query('select from outbox limit 1')).rowCount === 0, {
    withinMs: DONE_WITHIN_MS,
    everyMs: LOOK_EVERY_MS,
  })
  if (!done) throw new Error(`A tweet to ${followers} followers is still not delivered`)
  return figuresOf(followers, performance.now() - startMs)
}

async function bareLoop(world: World, objects: number, row: string): Promise<Figures> {
  const startMs = performance.now()
  await bareFetch(world, `/deliver/${objects}/${CALLS_IN_FLIGHT}`, { method: 'POST', body: row })
  return figuresOf(objects, performance.now() - startMs)
}

function figuresOf(deliveries: number, lastMs: number): Figures {
  return { per_second: (deliveries / lastMs) * 1000, last_ms: lastMs }
}

/** What a delivery stores of a tweet is about its JSON. */
async function rowOf(world: World, fan: SignedIn | undefined): Promise<string> {
  if (fan === undefined) throw new Error('Nobody follows')
  const body = JSON.stringify({ content: 'A tweet of the usual length, to see what a row of it holds' })
  return fetchAs(world.api, fan, '/api/tweets', { method: 'POST', body })
}

const page = z.object({ tweets: z.array(z.object({ content: z.string() })) })

/** A benchmark of deliveries that did not arrive would be a fast one. */
async function requireDelivered({ api }: World, fans: readonly SignedIn[]): Promise<void> {
  const [first, last] = [fans[0], fans.at(-1)]
  for (const fan of [first, last]) {
    if (fan === undefined) continue
    const { tweets } = page.parse(JSON.parse(await fetchAs(api, fan, HOME)))
    if (!tweets.some(({ content }) => content.startsWith('It is ')))
      throw new Error(`@${fan.username} got nothing`)
  }
}

/** Of each size but the first: time to the last, beside that of the size before times how many more there are. */
function linearity(lines: readonly Line[], sizes: readonly number[], plan: Plan): Line[] {
  return lines.slice(1).map((line, index) => {
    const before = lines[index]
    const times = (sizes[index + 1] ?? Number.NaN) / (sizes[index] ?? Number.NaN)
    const beforeMs = mediansOf(before?.rounds.map(({ measured }) => measured) ?? []).last_ms ?? Number.NaN
    return {
      name: `${line.name}: linear`,
      bareName: `${times} times ${before?.name ?? ''}`,
      rounds: line.rounds.map(({ measured }) => ({
        measured: { last_ms: measured.last_ms ?? Number.NaN },
        bare: { last_ms: beforeMs * times },
      })),
      ratioOf: 'last_ms',
      target: plan.isQuick ? null : LINEAR,
    }
  })
}
