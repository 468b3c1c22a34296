import { neonConfig } from '@neondatabase/serverless'
import type pg from 'pg'
import { z } from 'zod'

const statement = z.object({ query: z.string(), params: z.array(z.unknown()) })
const body = z.union([
  z.object({ queries: z.array(statement) }),
  statement.transform((one) => ({ queries: [one] })),
])

const node = z.object({
  'Node Type': z.string(),
  'Relation Name': z.string().optional(),
  'Index Name': z.string().optional(),
  'Actual Loops': z.number(),
  'Actual Rows': z.number(),
  'Subplans Removed': z.number().optional(),
  'Shared Hit Blocks': z.number(),
  'Shared Read Blocks': z.number(),
  get Plans() {
    return z.array(node).optional()
  },
})
const pages = z.object({ 'Shared Hit Blocks': z.number(), 'Shared Read Blocks': z.number() })
const explained = z.tuple([z.object({ Plan: node, Planning: pages.optional() })])

/** A step of a plan that was run, and how often. */
export interface Step {
  type: string
  relation: string | undefined
  index: string | undefined
  loops: number
  /** In all loops together. */
  rows: number
}

/** How a round trip was run. */
export interface Run {
  /** Of its last statement. */
  steps: Step[]
  /** Pages that planning and running it looked at, in memory or not: what it costs, whatever else the machine does. */
  pages: number
  /** How often partitions of `tweets` were planned, those included that were pruned as a statement began. */
  partitions: number
}

/** The steps that the last statement of `work`, a single round trip through the driver, takes when it is run. */
export async function stepsOf(pool: pg.Pool, work: () => Promise<unknown>): Promise<Step[]> {
  const { steps } = await runOf(pool, work)
  return steps
}

/** The steps of all statements of all round trips of `work`. */
export async function stepsOfAll(pool: pg.Pool, work: () => Promise<unknown>): Promise<Step[]> {
  const trips = await recorded(work)
  const runs: Step[] = []
  for (const statement of trips.flat()) runs.push(...(await explain(pool, [statement])).steps)
  return runs
}

/** The same with what all its statements cost, after `prepare`, which is undone with all that they do. */
export async function runOf(pool: pg.Pool, work: () => Promise<unknown>, prepare = ''): Promise<Run> {
  const [only, ...others] = await recorded(work)
  if (only === undefined || others.length > 0) throw new Error(`Not one round trip but ${others.length + 1}`)
  return explain(pool, only, prepare)
}

async function explain(pool: pg.Pool, statements: z.infer<typeof statement>[], prepare = ''): Promise<Run> {
  const client = await pool.connect()
  const run: Run = { steps: [], pages: 0, partitions: 0 }
  try {
    await client.query('begin')
    await client.query(prepare)
    for (const { query, params } of statements) {
      const { rows } = await client.query<{ 'QUERY PLAN': unknown }>(
        `explain (analyze, buffers, timing off, format json) ${query}`,
        params,
      )
      const [{ Plan, Planning }] = explained.parse(rows[0]?.['QUERY PLAN'])
      run.steps = flatten(Plan)
      run.pages += pagesIn(Plan) + (Planning === undefined ? 0 : pagesIn(Planning))
      run.partitions += partitionsIn(Plan)
    }
    return run
  } finally {
    await client.query('rollback')
    client.release()
  }
}

const pagesIn = (used: z.infer<typeof pages>) => used['Shared Hit Blocks'] + used['Shared Read Blocks']

/** The statements of each round trip. */
async function recorded(work: () => Promise<unknown>): Promise<z.infer<typeof statement>[][]> {
  const ownFetch = neonConfig.fetchFunction
  const requests: z.infer<typeof statement>[][] = []
  neonConfig.fetchFunction = (url: string, init: RequestInit) => {
    requests.push(body.parse(JSON.parse(String(init.body))).queries)
    return ownFetch(url, init)
  }
  try {
    await work()
  } finally {
    neonConfig.fetchFunction = ownFetch
  }
  return requests
}

function partitionsIn(plan: z.infer<typeof node>): number {
  const own = plan['Relation Name']?.startsWith('tweets_') ? 1 : 0
  return (plan.Plans ?? []).reduce(
    (sum, part) => sum + partitionsIn(part),
    own + (plan['Subplans Removed'] ?? 0),
  )
}

function flatten(plan: z.infer<typeof node>): Step[] {
  const step = {
    type: plan['Node Type'],
    relation: plan['Relation Name'],
    index: plan['Index Name'],
    loops: plan['Actual Loops'],
    rows: plan['Actual Rows'] * plan['Actual Loops'],
  }
  return [step, ...(plan.Plans ?? []).flatMap(flatten)]
}
