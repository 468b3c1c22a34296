import { z } from 'zod'
import { foldHint, type QueueName } from '../contracts/queues.ts'
import { type DeadLetter, storeDeadLetters } from '../db/statements/outbox.ts'
import { isId } from '../domain/ids.ts'
import type { Deps } from '../services/deps.ts'
import { consume } from './consume.ts'

const addressed = z.object({ outbox_id: z.number().int().positive(), event: z.unknown() })

/**
 * Stores what other consumers gave up on, where an operator sees it and replays it. Hints to fold are dropped: the
 * ledger still holds what they hint at, and the sweep folds it.
 */
export async function consumeDeadLetters(batch: MessageBatch, deps: Deps): Promise<void> {
  await consume<{ message: unknown }>(batch, deps.log, {
    databaseEpoch: deps.settings.databaseEpoch,
    parse: (message) => ({ message }),
    handle: async (bodies) => {
      const letters = bodies.flatMap(({ message }) => toDeadLetter(message) ?? [])
      await storeDeadLetters(deps.db, letters)
      deps.log.error('dead_letters', { messages: bodies.length, stored: letters.length })
      return bodies.map(() => 'ack')
    },
    onPoison: async () => {},
  })
}

/** Stores what a consumer does not understand. */
export async function keepPoison(deps: Deps, queue: QueueName, bodies: readonly unknown[]): Promise<void> {
  const letters = bodies.map((message) => ({
    queue,
    outboxId: outboxIdOf(message),
    message,
    error: 'not understood',
  }))
  await storeDeadLetters(deps.db, letters)
}

function outboxIdOf(body: unknown): number | null {
  if (typeof body !== 'object' || body === null || !('outbox_id' in body)) return null
  return typeof body.outbox_id === 'number' && isId(body.outbox_id) ? body.outbox_id : null
}

function toDeadLetter(message: unknown): DeadLetter | null {
  if (foldHint.safeParse(message).success) return null
  const known = addressed.safeParse(message).data
  return {
    queue: 'unknown',
    outboxId: known?.outbox_id ?? null,
    message: known?.event ?? message,
    error: 'every delivery failed',
  }
}
