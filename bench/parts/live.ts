import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import { until } from '../../tools/stack/until.ts'
import { type Plan, sideBySide } from '../harness/plan.ts'
import { fetchAs, type SignedIn, signIn } from '../harness/readers.ts'
import type { Figures, PartReport } from '../harness/report.ts'
import { openBareSockets, openStreams } from '../harness/sockets.ts'
import { spreadOf } from '../harness/timing.ts'
import { bareFetch, type World } from '../harness/world.ts'
import { addFollows, addPeople, personOf, settleTables } from '../seed/population.ts'

const SOCKETS = 1_000
const POSTS_PER_SECOND = 50
const FOLLOWERS = 4
const P99_MS_MAX = 100
const ARRIVED_WITHIN_MS = 30_000
/** Said in each tweet, so that a frame tells which post it shows. */
const MARK = /post number (\d+)\b/

/** What has arrived of posts: told by the sockets, asked by the rounds. */
interface Arrivals {
  note(post: number): void
  /** Waits until each post since `first` has arrived so often, and answers how long each took from its request on. */
  since(first: number, each: number): Promise<number[]>
  /** A post's number, from now on under way. */
  begin(): number
}

/** From a post's request to its frame on a follower's socket, with a thousand sockets open. */
export async function live(world: World, plan: Plan): Promise<PartReport> {
  const people = await world.seeding(() => seed(world, plan.isQuick ? 20 : SOCKETS))
  const ours = newArrivals()
  const bare = newArrivals()
  const sockets = [...(await openOurs(world, people, ours)), ...(await openBare(world, people.length, bare))]
  try {
    const measure = () =>
      postFor(plan, ours, FOLLOWERS, async (post) => {
        const author = people[post % people.length]
        if (author === undefined) return
        const body = JSON.stringify({ content: `This is post number ${post}` })
        await fetchAs(world.api, author, '/api/tweets', { method: 'POST', body })
      })
    const measureBare = () =>
      postFor(plan, bare, 1, async (post) => {
        await bareFetch(world, `/echo/${post % people.length}`, {
          method: 'POST',
          body: `post number ${post}`,
        })
      })
    await measure()
    await measureBare()
    const rounds = await plan.profiling(() => sideBySide(plan, measure, measureBare))
    return {
      part: 'live',
      title: `post to socket, ${people.length} sockets of each kind`,
      lines: [
        {
          name: `${POSTS_PER_SECOND} posts/s to ${FOLLOWERS} followers each`,
          bareName: 'an object that echoes to its socket',
          rounds,
          ratioOf: 'p99_ms',
          target: null,
        },
        {
          name: 'its p99, beside the promise',
          bareName: `${P99_MS_MAX} ms`,
          rounds: rounds.map(({ measured: { p99_ms = Number.NaN } }) => ({
            measured: { p99_ms },
            bare: { p99_ms: P99_MS_MAX },
          })),
          ratioOf: 'p99_ms',
          target: plan.isQuick ? null : { atMost: 1 },
        },
      ],
      notes: [
        'Through the database, the queue and the follower’s object. Posts come at their time, however slow the earlier ones are.',
      ],
    }
  } finally {
    for (const socket of sockets) socket.terminate()
  }
}

/** Each is followed by the next few. */
async function seed({ pool }: World, count: number): Promise<SignedIn[]> {
  await addPeople(pool, 0, count)
  for (let person = 0; person < count; person++) {
    const before = Array.from({ length: FOLLOWERS }, (_, index) => (person - index - 1 + count) % count)
    for (const followee of before)
      await addFollows(pool, { from: person, count: 1 }, { from: followee, count: 1 })
  }
  await settleTables(pool)
  return Promise.all(Array.from({ length: count }, (_, index) => signIn(personOf(index))))
}

/** Sends so many posts a second, each at its time, and answers how long they took to each socket that shows them. */
async function postFor(
  { seconds }: Plan,
  arrivals: Arrivals,
  each: number,
  send: (post: number) => Promise<void>,
): Promise<Figures> {
  const startMs = performance.now()
  const sent: Promise<void>[] = []
  let first: number | null = null
  for (let n = 0; n < seconds * POSTS_PER_SECOND; n++) {
    await sleep(Math.max(0, startMs + (n * 1000) / POSTS_PER_SECOND - performance.now()))
    const post = arrivals.begin()
    first ??= post
    sent.push(send(post))
  }
  await Promise.all(sent)
  return spreadOf(await arrivals.since(first ?? 0, each))
}

function newArrivals(): Arrivals {
  const startedMs: number[] = []
  const tookMs: number[][] = []
  return {
    begin() {
      tookMs.push([])
      return startedMs.push(performance.now()) - 1
    },
    note(post) {
      tookMs[post]?.push(performance.now() - (startedMs[post] ?? Number.NaN))
    },
    async since(first, each) {
      const all = await until(() => tookMs.slice(first).every((times) => times.length >= each), {
        withinMs: ARRIVED_WITHIN_MS,
      })
      if (!all) throw new Error('Not every post came to its sockets')
      return tookMs.slice(first).flat()
    },
  }
}

/** The author's own socket shows a post before its answer: only followers' are counted. */
async function openOurs(world: World, people: readonly SignedIn[], arrivals: Arrivals): Promise<WebSocket[]> {
  return openStreams(world, people, (data, index) => {
    const post = Number(MARK.exec(data)?.[1])
    if (post % people.length !== index) arrivals.note(post)
  })
}

async function openBare(world: World, count: number, arrivals: Arrivals): Promise<WebSocket[]> {
  return openBareSockets(world, count, (data) => arrivals.note(Number(MARK.exec(data)?.[1])))
}
