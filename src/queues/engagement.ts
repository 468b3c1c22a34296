import { type EngagementMessage, engagementMessage } from '../contracts/queues.ts'
import { foldCounters, type Subject } from '../db/statements/counters.ts'
import type { Deps } from '../services/deps.ts'
import { consume } from './consume.ts'

/** Folds the ledger's deltas of what a batch of hints names, all in one round trip. */
export async function consumeEngagement(batch: MessageBatch, deps: Deps): Promise<void> {
  await consume<EngagementMessage>(batch, deps.log, {
    parse: (body) => engagementMessage.safeParse(body).data ?? null,
    handle: async (messages) => {
      const folded = await foldCounters(deps.db, distinct(messages))
      deps.log.info('ledger_folded', { messages: messages.length, deltas: folded })
      return messages.map(() => 'ack')
    },
    // A hint that is not understood loses nothing: the sweep reads the ledger itself.
    onPoison: async (bodies) => deps.log.error('hint_not_understood', { messages: bodies.length }),
  })
}

function distinct(messages: EngagementMessage[]): Subject[] {
  const subjects = messages.flatMap((message) => message.subjects)
  return [...new Map(subjects.map((subject) => [`${subject.subject}:${subject.id}`, subject])).values()]
}
