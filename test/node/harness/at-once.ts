import { performance } from 'node:perf_hooks'
import pg from 'pg'

/** Does `work` for each item, so many at a time, and answers how long each took, in milliseconds. */
export async function atOnce<Item>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<void>,
): Promise<number[]> {
  const durationsMs: number[] = []
  const queue = items.values()
  const workers = Array.from({ length: concurrency }, async () => {
    for (const item of queue) {
      const start = performance.now()
      await work(item)
      durationsMs.push(performance.now() - start)
    }
  })
  await Promise.all(workers)
  return durationsMs
}

export interface LockWaits {
  samples: number
  /** One line for each lock that somebody was seen waiting for. */
  waits: string[]
}

const SAMPLE_EVERY_MS = 10

/** Locks to make a table's file longer are everybody's, and last as long as the file takes. */
const UNGRANTED = `
  select l.locktype || ' ' || coalesce(l.relation::regclass::text, '') || ': ' || left(a.query, 60) as wait
  from pg_locks l
  join pg_stat_activity a on a.pid = l.pid
  where not l.granted and l.locktype <> 'extend'`

/** Looks every 10 ms, while `work` is done, who waits for a lock. */
export async function lockWaitsDuring(databaseUrl: string, work: () => Promise<unknown>): Promise<LockWaits> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  const seen: LockWaits = { samples: 0, waits: [] }
  let done = false
  async function sample(): Promise<void> {
    while (!done) {
      const next = new Promise((resolve) => setTimeout(resolve, SAMPLE_EVERY_MS))
      const { rows } = await client.query<{ wait: string }>(UNGRANTED)
      seen.samples += 1
      seen.waits.push(...rows.map(({ wait }) => wait))
      await next
    }
  }
  const sampling = sample()
  try {
    await work()
  } finally {
    done = true
    await sampling
    await client.end()
  }
  return seen
}
