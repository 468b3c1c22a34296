import type pg from 'pg'
import { z } from 'zod'
import type { Faults } from '../../../tools/stack/neon-faults.ts'
import { until } from '../../../tools/stack/until.ts'
import type { TestDatabase } from './postgres.ts'

const stats = z.object({ requests: z.int() })

/** How many round trips to the database `work` takes. */
export async function roundTripsOf(database: TestDatabase, work: () => Promise<unknown>): Promise<number> {
  const before = await requestsTo(database)
  await work()
  return (await requestsTo(database)) - before
}

async function requestsTo({ endpointUrl }: TestDatabase): Promise<number> {
  const answer = await fetch(new URL('/stats', endpointUrl))
  return stats.parse(await answer.json()).requests
}

/** Does `work` while the endpoint makes these faults. */
export async function withFaults<Result>(
  { endpointUrl }: TestDatabase,
  faults: Faults,
  work: () => Promise<Result>,
): Promise<Result> {
  const url = new URL('/faults', endpointUrl)
  await fetch(url, { method: 'POST', body: JSON.stringify(faults) })
  try {
    return await work()
  } finally {
    await fetch(url, { method: 'DELETE' })
  }
}

const OTHERS = 'datname = current_database() and pid <> pg_backend_pid()'

/**
 * How many deadlocks there have been in the database. A server process tells of its own when it ends, or some time
 * later, so those that ran statements are ended first: nothing else may be under way.
 */
export async function deadlocksIn(pool: pg.Pool): Promise<number> {
  const client = await pool.connect()
  try {
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${OTHERS}`)
    const gone = await until(
      async () => (await client.query(`select from pg_stat_activity where ${OTHERS}`)).rowCount === 0,
      { withinMs: 10_000 },
    )
    if (!gone) throw new Error('Server processes do not end')
    const { rows } = await client.query<{ deadlocks: number }>(
      'select deadlocks::int from pg_stat_database where datname = current_database()',
    )
    return rows[0]?.deadlocks ?? Number.NaN
  } finally {
    client.release()
  }
}
