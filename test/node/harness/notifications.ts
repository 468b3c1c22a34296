import type pg from 'pg'
import { notificationMessage } from '../../../src/contracts/queues.ts'
import { notify } from '../../../src/queues/notify.ts'
import type { Verdict } from '../../../src/queues/work.ts'
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

/** Runs the consumer on these rows as one batch; the verdicts name the rows. `again`: as for those that come again. */
export async function consumeRows(deps: Deps, owed: readonly OwedRow[], again = false): Promise<Verdicts> {
  const messages = owed.map(({ id, message }) => notificationMessage.parse({ outbox_id: id, event: message }))
  const verdicts = await notify(deps, messages, again)
  const ids = (wanted: Verdict) => owed.flatMap(({ id }, place) => (verdicts[place] === wanted ? [id] : []))
  return { acked: ids('ack'), retried: ids('retry') }
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
