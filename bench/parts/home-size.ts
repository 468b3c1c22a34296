import { until } from '../../tools/stack/until.ts'
import { runLoad } from '../harness/load.ts'
import { type Plan, sideBySide } from '../harness/plan.ts'
import { fetchAs, type SignedIn, signIn } from '../harness/readers.ts'
import { type Figures, type Line, mediansOf, type PartReport, type Target } from '../harness/report.ts'
import { bareFetch, type World } from '../harness/world.ts'
import { addFollows, addPeople, addTweets, personOf, type Range, settleTables } from '../seed/population.ts'
import { HOME } from './home.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const FLAT: Target = { atMost: 1.15 }
/** How long an isolate may go on with the pulled authors that it knows, and a little. */
const PULL_SET_TTL_MS = 62_000
/** By how much shorter than others each run is: there are many, of one connection. */
const SHARE_OF_SECONDS = 0.5
const NEW_TWEETS_OF_PULLED = 10

interface Sizes {
  authors: number
  followees: number[]
  /** Of the tweets in the database: each stage adds to those before. */
  tweets: number[]
  pulled: number[]
}

const SIZES: Sizes = {
  authors: 5_000,
  followees: [10, 100, 1_000, 5_000],
  tweets: [1_000, 100_000, 1_000_000],
  pulled: [0, 1, 10],
}
const QUICK_SIZES: Sizes = { authors: 100, followees: [10, 100], tweets: [1_000, 2_000], pulled: [0, 2] }

/** Whether a warm page costs the same whatever there is around it. */
export async function homeSize(world: World, plan: Plan): Promise<PartReport> {
  const sizes = plan.isQuick ? QUICK_SIZES : SIZES
  const people = await world.seeding(() => seedPeople(world, sizes))
  const byTweets = await measureTweets(world, plan, sizes, people)
  const pulledSinceMs = await world.seeding(() => seedPulled(world, sizes))
  const byFollowees = await measureReaders(world, plan, 'followees', sizes.followees, people.byFollowees)
  if (!plan.isQuick)
    await until(() => Date.now() - pulledSinceMs > PULL_SET_TTL_MS, { withinMs: 2 * PULL_SET_TTL_MS })
  const byPulled = await measureReaders(world, plan, 'pulled authors', sizes.pulled, people.byPulled)
  return {
    part: 'home-size',
    title: 'warm, one connection',
    lines: [...byFollowees, ...byTweets, ...byPulled],
    notes: [
      'Beside the smallest of the same kind. Of tweets, which can only become more, by way of the bare route: the smallest’s figure',
      'times what the bare route has become since.',
    ],
  }
}

interface Readers {
  byFollowees: SignedIn[]
  byTweets: SignedIn[]
  byPulled: SignedIn[]
}

/** Authors first, then one reader for each size; those who are to be pulled stand behind the other authors. */
async function seedPeople({ pool }: World, { authors, followees, tweets, pulled }: Sizes): Promise<Readers> {
  const mostPulled = Math.max(...pulled)
  const firstReader = authors + mostPulled
  await addPeople(pool, 0, firstReader + followees.length + tweets.length + pulled.length)
  let next = firstReader
  const reader = async (...followed: Range[]): Promise<SignedIn> => {
    const index = next++
    for (const range of followed) await addFollows(pool, { from: index, count: 1 }, range)
    return signIn(personOf(index))
  }
  const byFollowees: SignedIn[] = []
  for (const count of followees) byFollowees.push(await reader({ from: 0, count }))
  const byTweets: SignedIn[] = []
  for (const _ of tweets) byTweets.push(await reader({ from: 0, count: 100 }))
  const byPulled: SignedIn[] = []
  for (const count of pulled)
    byPulled.push(await reader({ from: 0, count: 100 - count }, { from: authors, count }))
  return { byFollowees, byTweets, byPulled }
}

/** Each stage adds tweets, and is read by somebody whose timeline was built then. */
async function measureTweets(world: World, plan: Plan, sizes: Sizes, people: Readers): Promise<Line[]> {
  const stages: { count: number; ours: Figures[]; bare: Figures[] }[] = []
  let present = 0
  for (const [index, count] of sizes.tweets.entries()) {
    const added = count - present
    await world.seeding(() => addStage(world, sizes, { index, count: added }))
    present = count
    const reader = people.byTweets[index]
    if (reader === undefined) continue
    await bareFetch(world, '/page/0', { method: 'PUT', body: await fetchAs(world.api, reader, HOME) })
    await readFor(world, plan, reader)
    const rounds = await sideBySide(
      plan,
      () => readFor(world, plan, reader),
      () => readBareFor(world, plan),
    )
    stages.push({ count, ours: rounds.map(({ measured }) => measured), bare: rounds.map(({ bare }) => bare) })
  }
  const [smallest, ...others] = stages
  if (smallest === undefined) return []
  const smallestMs = mediansOf(smallest.ours).p50_ms ?? Number.NaN
  const smallestBareMs = mediansOf(smallest.bare).p50_ms ?? Number.NaN
  return others.map(({ count, ours, bare }) => ({
    name: `${count.toLocaleString('en')} tweets`,
    bareName: smallest.count.toLocaleString('en'),
    rounds: ours.map((measured, round) => ({
      measured: onlyP50(measured),
      bare: { p50_ms: (smallestMs * (bare[round]?.p50_ms ?? Number.NaN)) / smallestBareMs },
    })),
    ratioOf: 'p50_ms',
    target: plan.isQuick ? null : FLAT,
  }))
}

/** The first stage's tweets are of a few authors, whom everybody follows; the last reach back to the beginning. */
async function addStage(
  { pool }: World,
  { authors, tweets }: Sizes,
  { index, count }: { index: number; count: number },
) {
  const toMs = Date.now() - HOUR_MS
  const fromMs = index === tweets.length - 1 ? Date.UTC(2024, 1, 1) : toMs - 60 * DAY_MS
  await addTweets(pool, {
    authors: { from: 0, count: index === 0 ? Math.min(50, authors) : authors },
    count,
    fromMs,
    toMs,
    series: index,
  })
  await settleTables(pool)
}

/** From an hour ago they are pulled, and they have written since. */
async function seedPulled({ pool }: World, { authors, pulled }: Sizes): Promise<number> {
  const count = Math.max(...pulled)
  const toMs = Date.now() - 60_000
  await addTweets(pool, {
    authors: { from: authors, count },
    count: count * NEW_TWEETS_OF_PULLED,
    fromMs: toMs - HOUR_MS / 2,
    toMs,
    series: 7,
  })
  const ids = Array.from({ length: count }, (_, index) => personOf(authors + index).id)
  await pool.query(
    `insert into pulled_authors (user_id, since) select unnest($1::bigint[]), now() - interval '1 hour'`,
    [ids],
  )
  return Date.now()
}

/** Readers of rising sizes next to each other: each beside the first. */
async function measureReaders(
  world: World,
  plan: Plan,
  unit: string,
  sizes: readonly number[],
  readers: readonly SignedIn[],
): Promise<Line[]> {
  for (const reader of readers) {
    await fetchAs(world.api, reader, HOME)
    await readFor(world, plan, reader)
  }
  const runs: Figures[][] = readers.map(() => [])
  await plan.profiling(async () => {
    for (let round = 0; round < plan.rounds; round++) {
      const inTurn = [...readers.entries()]
      for (const [index, reader] of round % 2 === 0 ? inTurn : inTurn.toReversed()) {
        runs[index]?.push(await readFor(world, plan, reader))
      }
    }
  })
  const [smallest = [], ...others] = runs
  return others.map((ours, index) => ({
    name: `${sizes[index + 1]} ${unit}`,
    bareName: `${sizes[0]}`,
    rounds: ours.map((measured, round) => ({
      measured: onlyP50(measured),
      bare: onlyP50(smallest[round] ?? {}),
    })),
    ratioOf: 'p50_ms',
    target: plan.isQuick ? null : FLAT,
  }))
}

function onlyP50({ p50_ms = Number.NaN }: Figures): Figures {
  return { p50_ms }
}

function readFor({ api, pid }: World, { seconds }: Plan, reader: SignedIn): Promise<Figures> {
  const requestsOf = () => [{ path: HOME, headers: reader.headers }]
  return runLoad({ origin: api, pid, connections: 1, seconds: seconds * SHARE_OF_SECONDS, requestsOf })
}

function readBareFor({ bare, pid }: World, { seconds }: Plan): Promise<Figures> {
  const requestsOf = () => [{ path: '/page/0' }]
  return runLoad({ origin: bare, pid, connections: 1, seconds: seconds * SHARE_OF_SECONDS, requestsOf })
}
