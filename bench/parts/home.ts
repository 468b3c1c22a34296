import type { UserId } from '../../src/domain/ids.ts'
import { seedCommunity } from '../../tools/seed/seed-community.ts'
import { runLoad } from '../harness/load.ts'
import { type Plan, sideBySide } from '../harness/plan.ts'
import { fetchAs, type SignedIn, signIn } from '../harness/readers.ts'
import type { Figures, Line, PartReport, Target } from '../harness/report.ts'
import { bareFetch, type World } from '../harness/world.ts'

/** What every part that reads homes asks for. */
export const HOME = '/api/timeline/home?limit=20'
const PAGE_LENGTH = 20
/** Both at most as many as there are readers: each connection is somebody else's. */
const CONNECTIONS = [1, 16, 64]
const READERS = 64
const AT_LEAST_OF_BARE: Target = { atLeast: 0.85 }

/** A warm home timeline: signed in, 20 tweets with counts and flags, each connection another reader. */
export async function home(world: World, plan: Plan): Promise<PartReport> {
  const readers = await world.seeding(() => warmReaders(world, plan))
  const pages = await Promise.all(readers.map((reader) => fetchAs(world.api, reader, HOME)))
  await Promise.all(
    pages.map((page, index) => bareFetch(world, `/page/${index}`, { method: 'PUT', body: page })),
  )
  const connections = plan.isQuick ? [1, 8] : CONNECTIONS

  const measure = (count: number, seconds: number) =>
    runLoad({
      origin: world.api,
      pid: world.pid,
      connections: count,
      seconds,
      requestsOf: (index) => [{ path: HOME, headers: readerOf(readers, index).headers }],
    })
  const measureBare = (count: number, seconds: number) =>
    runLoad({
      origin: world.bare,
      pid: world.pid,
      connections: count,
      seconds,
      requestsOf: (index) => [{ path: `/page/${index % readers.length}` }],
    })

  const most = Math.max(...connections)
  await measure(most, plan.seconds)
  await measureBare(most, plan.seconds)
  const tripsBefore = world.roundTrips()
  const lines = await plan.profiling(() => measureAll(plan, connections, measure, measureBare))
  const trips = world.roundTrips() - tripsBefore
  const bytes = pages.reduce((sum, page) => sum + Buffer.byteLength(page), 0) / pages.length
  return {
    part: 'home',
    title: `warm, ${PAGE_LENGTH} tweets`,
    lines,
    notes: [
      `${readers.length} readers, ${(bytes / 1000).toFixed(1)} KB a page; ${trips} statements brought pages up to date meanwhile.`,
    ],
  }
}

async function measureAll(
  plan: Plan,
  connections: readonly number[],
  measure: (connections: number, seconds: number) => Promise<Figures>,
  measureBare: (connections: number, seconds: number) => Promise<Figures>,
): Promise<Line[]> {
  const lines: Line[] = []
  for (const count of connections) {
    const rounds = await sideBySide(
      plan,
      () => measure(count, plan.seconds),
      () => measureBare(count, plan.seconds),
    )
    const target = plan.isQuick || count === 1 ? null : AT_LEAST_OF_BARE
    lines.push({
      name: `${count} connections`,
      bareName: 'bare route and object',
      rounds,
      ratioOf: 'per_second',
      target,
    })
  }
  return lines
}

/** Readers of a believable community whose timelines are built, and whose pages are full. */
async function warmReaders({ databaseUrl, pool, api }: World, { isQuick }: Plan): Promise<SignedIn[]> {
  const size = isQuick ? { users: 100, tweets: 2_000 } : { users: 2_000, tweets: 40_000 }
  await seedCommunity(databaseUrl, { ...size, seed: 'bench', nowMs: Date.now() })
  // The middle of those who follow somebody and did something to what they read.
  const { rows } = await pool.query<{ id: string; username: string }>(
    `select u.id, u.username
     from users u
     where u.following_count >= 20 and (select count(*) from likes l where l.user_id = u.id) >= 5
     order by u.following_count, u.id
     limit $1`,
    [isQuick ? 8 : READERS],
  )
  const readers = await Promise.all(
    rows.map(({ id, username }) => signIn({ id: Number(id) as UserId, username })),
  )
  for (const reader of readers) {
    const { tweets } = JSON.parse(await fetchAs(api, reader, HOME))
    if (tweets.length < PAGE_LENGTH) throw new Error(`@${reader.username} has no full page`)
  }
  return readers
}

function readerOf(readers: readonly SignedIn[], index: number): SignedIn {
  const reader = readers[index % readers.length]
  if (reader === undefined) throw new Error('Nobody reads')
  return reader
}
