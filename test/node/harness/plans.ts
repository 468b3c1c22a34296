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
  get Plans() {
    return z.array(node).optional()
  },
})
const explained = z.tuple([z.object({ Plan: node })])

/** A step of a plan that was run, and how often. */
export interface Step {
  type: string
  relation: string | undefined
  index: string | undefined
  loops: number
  /** In all loops together. */
  rows: number
}

/** The steps that the last statement of `work`, a single round trip through the driver, takes when it is run. */
export async function stepsOf(pool: pg.Pool, work: () => Promise<unknown>): Promise<Step[]> {
  const statements = await recorded(work)
  const client = await pool.connect()
  try {
    await client.query('begin')
    for (const { query, params } of statements.slice(0, -1)) await client.query(query, params)
    const last = statements.at(-1)
    const { rows } = await client.query<{ 'QUERY PLAN': unknown }>(
      `explain (analyze, timing off, format json) ${last?.query}`,
      last?.params,
    )
    return flatten(explained.parse(rows[0]?.['QUERY PLAN'])[0].Plan)
  } finally {
    await client.query('rollback')
    client.release()
  }
}

async function recorded(work: () => Promise<unknown>): Promise<z.infer<typeof statement>[]> {
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
  const [only, ...others] = requests
  if (only === undefined || others.length > 0) throw new Error(`Not one round trip but ${requests.length}`)
  return only
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
