import { until } from '../../tools/stack/until.ts'
import { type Request, runLoad } from '../harness/load.ts'
import { type Plan, sideBySide } from '../harness/plan.ts'
import { fetchAs, type SignedIn, signIn } from '../harness/readers.ts'
import type { Line, PartReport, Target } from '../harness/report.ts'
import type { World } from '../harness/world.ts'
import { addPeople, personOf, settleTables } from '../seed/population.ts'
import { HOME } from './home.ts'

const CONNECTIONS = [1, 16]
const AT_MOST_OF_BARE: Target = { atMost: 1.5 }
/** So many that none of them posts more than the quota of real ones allows. */
const AUTHORS = 320
const CONTENT = 'Counted eleven reed warblers before breakfast, and a twelfth that would not be counted.'
const SETTLED_WITHIN_MS = 60_000

/** Posting a tweet, by authors with warm timelines and no followers: what followers cost, fan-out measures. */
export async function post(world: World, plan: Plan): Promise<PartReport> {
  const authors = await world.seeding(() => seed(world, plan.isQuick ? 8 : AUTHORS))
  const measure = async (connections: number) => {
    const figures = await runLoad({
      origin: world.api,
      pid: world.pid,
      connections,
      seconds: plan.seconds,
      requestsOf: (connection) => everyNth(authors, connections, connection).map(postOf),
    })
    await untilSettled(world)
    return figures
  }
  const measureBare = (connections: number) =>
    runLoad({
      origin: world.bare,
      pid: world.pid,
      connections,
      seconds: plan.seconds,
      requestsOf: (connection) => everyNth(authors, connections, connection).map(barePostOf),
    })

  await measure(1)
  await measureBare(1)
  const lines = await plan.profiling(async () => {
    const measured: Line[] = []
    for (const connections of plan.isQuick ? [1, 4] : CONNECTIONS) {
      measured.push({
        name: `${connections} connections`,
        bareName: 'one bare insert',
        rounds: await sideBySide(
          plan,
          () => measure(connections),
          () => measureBare(connections),
        ),
        ratioOf: 'p50_ms',
        target: plan.isQuick ? null : AT_MOST_OF_BARE,
      })
    }
    return measured
  })
  return {
    part: 'post',
    title: 'a tweet',
    lines,
    notes: [
      'The bare Worker inserts the same tweet and nothing else. What follows a post by the queues runs in the same process.',
    ],
  }
}

function postOf({ headers }: SignedIn): Request {
  const body = JSON.stringify({ content: CONTENT })
  return {
    method: 'POST',
    path: '/api/tweets',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  }
}

function barePostOf({ id }: SignedIn): Request {
  return { method: 'POST', path: `/tweets/${id}`, body: CONTENT }
}

/** The authors of a connection: no two connections write as the same. */
function everyNth<Item>(items: readonly Item[], n: number, first: number): Item[] {
  return items.filter((_, index) => index % n === first)
}

async function seed({ pool, api }: World, count: number): Promise<SignedIn[]> {
  await addPeople(pool, 0, count)
  await settleTables(pool)
  const authors = await Promise.all(Array.from({ length: count }, (_, index) => signIn(personOf(index))))
  for (const author of authors) await fetchAs(api, author, HOME)
  return authors
}

/** What the posts owed to queues and counters is done: it must not run while the bare is measured. */
async function untilSettled({ pool }: World): Promise<void> {
  const settled = await until(
    async () => {
      const { rowCount } = await pool.query(
        'select where exists (select from outbox) or exists (select from counter_deltas)',
      )
      return rowCount === 0
    },
    { withinMs: SETTLED_WITHIN_MS },
  )
  if (!settled) throw new Error('The posts’ effects are still not done')
}
