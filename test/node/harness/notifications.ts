import type pg from 'pg'
import { consumeNotifications } from '../../../src/queues/notifications.ts'
import type { Deps } from '../../../src/services/deps.ts'

interface OwedRow {
  id: number
  message: unknown
}

/** What the outbox owes to the notifications' queue, oldest first. */
export async function notificationsOwed(pool: pg.Pool): Promise<OwedRow[]> {
  const { rows } = await pool.query<OwedRow>(
    `select id::float8 as id, message from outbox where queue = 'notifications' order by id`,
  )
  return rows
}

export interface Verdicts {
  acked: number[]
  retried: number[]
}

/** Runs the consumer on these rows as one batch; the verdicts name the rows. */
export async function consumeRows(deps: Deps, owed: readonly OwedRow[], attempts = 1): Promise<Verdicts> {
  const verdicts: Verdicts = { acked: [], retried: [] }
  const messages = owed.map(({ id, message }) => ({
    id: String(id),
    timestamp: new Date(),
    attempts,
    body: { outbox_id: id, event: message },
    ack: () => void verdicts.acked.push(id),
    retry: () => void verdicts.retried.push(id),
  }))
  const metrics = { backlogCount: 0, backlogBytes: 0 }
  const batch = {
    queue: 'warbler-notifications-0',
    messages,
    metadata: { metrics },
    ackAll() {},
    retryAll() {},
  }
  await consumeNotifications(batch, deps)
  return verdicts
}

/** Consumes all that is owed, and what that owes in turn, until nothing is. */
export async function consumeAll(pool: pg.Pool, deps: Deps): Promise<void> {
  for (let round = 0; round < 50; round++) {
    const owed = await notificationsOwed(pool)
    if (owed.length === 0) return
    await consumeRows(deps, owed)
  }
  throw new Error(`Still owed: ${JSON.stringify(await notificationsOwed(pool))}`)
}
