import { expect } from 'vitest'
import { notificationEvent } from '../../../src/contracts/queues.ts'
import type { Db } from '../../../src/db/client.ts'
import type { Deps } from '../../../src/services/deps.ts'
import { depsOn } from './deps.ts'
import type { TestDatabase } from './postgres.ts'

interface Owed {
  id: number
  queue: string
  message: unknown
}

/**
 * What `work`, all that is done meanwhile, comes to owe to the consumer of notifications. Expects that all that it owes,
 * to whatever queue, was sent, and that the consumer would understand it.
 */
export async function notificationsOwedBy(
  { pool }: TestDatabase,
  db: Db,
  work: (deps: Deps) => Promise<unknown>,
): Promise<unknown[]> {
  const outboxAfter = async (last: number) => {
    const { rows } = await pool.query<Owed>(
      'select id::float8 as id, queue, message from outbox where id > $1 order by id',
      [last],
    )
    return rows
  }
  const last = (await outboxAfter(0)).at(-1)?.id ?? 0
  const { deps, told } = depsOn(db)
  await work(deps)
  const rows = await outboxAfter(last)
  expect(told.sent.toSorted((a, b) => a - b)).toEqual(rows.map(({ id }) => id))
  const messages = rows.flatMap(({ queue, message }) => (queue === 'notifications' ? [message] : []))
  expect(messages.map((message) => notificationEvent.parse(message))).toEqual(messages)
  return messages
}
