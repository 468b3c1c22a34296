import { Buffer } from 'node:buffer'
import type { FoldHint, OutboxRow } from '../contracts/queues.ts'
import type { QueuePort } from '../services/deps.ts'

/** Platform limits of one `sendBatch` (Cloudflare Queues): 100 messages and 256 KB. */
const BATCH_MESSAGES_MAX = 100
const BATCH_BYTES_MAX = 240_000
const FOLD_SUBJECTS_MAX = 500

type Queues = Pick<Env, 'FAN_OUT_0' | 'ENGAGEMENT'>

/** The queues, in as few sends as the platform's limits allow. */
export function createQueues(env: Queues): QueuePort {
  return {
    async sendOutbox(rows) {
      const bodies = rows.map((row) => ({
        queue: queueOf(env, row),
        body: { outbox_id: row.id, event: row.message },
      }))
      const byQueue = Map.groupBy(bodies, ({ queue }) => queue)
      await Promise.all(
        [...byQueue].map(([queue, sent]) =>
          sendAll(
            queue,
            sent.map(({ body }) => body),
          ),
        ),
      )
    },
    async sendFold(subjects) {
      const messages: FoldHint[] = []
      for (let at = 0; at < subjects.length; at += FOLD_SUBJECTS_MAX) {
        messages.push({ type: 'fold', v: 1, subjects: subjects.slice(at, at + FOLD_SUBJECTS_MAX) })
      }
      await sendAll(env.ENGAGEMENT, messages)
    },
  }
}

/** Which queue carries a row. Fan-out is spread over queues by shard where there are several. */
function queueOf(env: Queues, row: OutboxRow): Queue {
  switch (row.queue) {
    case 'fan-out':
      return env.FAN_OUT_0
    case 'engagement':
      return env.ENGAGEMENT
  }
}

async function sendAll(queue: Queue, bodies: unknown[]): Promise<void> {
  for (const batch of batches(bodies))
    await queue.sendBatch(batch.map((body) => ({ body, contentType: 'json' })))
}

function* batches(bodies: unknown[]): Generator<unknown[]> {
  let batch: unknown[] = []
  let bytes = 0
  for (const body of bodies) {
    const size = Buffer.byteLength(JSON.stringify(body))
    if (batch.length === BATCH_MESSAGES_MAX || (batch.length > 0 && bytes + size > BATCH_BYTES_MAX)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(body)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
