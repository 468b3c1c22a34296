import { z } from 'zod'
import { type DeadLetter, storeDeadLetters } from '../db/statements/outbox.ts'
import type { Deps } from '../services/deps.ts'
import { consume } from './consume.ts'

const addressed = z.object({ outbox_id: z.number().int().positive(), event: z.unknown() })

/** Stores what other consumers gave up on, where an operator sees it and replays it. */
export async function consumeDeadLetters(batch: MessageBatch, deps: Deps): Promise<void> {
  await consume<{ message: unknown }>(batch, deps.log, {
    parse: (message) => ({ message }),
    handle: async (bodies) => {
      await storeDeadLetters(
        deps.db,
        bodies.map(({ message }) => toDeadLetter(message)),
      )
      deps.log.error('dead_letters', { messages: bodies.length })
      return bodies.map(() => 'ack')
    },
    onPoison: async () => {},
  })
}

function toDeadLetter(message: unknown): DeadLetter {
  const known = addressed.safeParse(message).data
  return {
    queue: 'unknown',
    outboxId: known?.outbox_id ?? null,
    message: known?.event ?? message,
    error: 'every delivery failed',
  }
}
