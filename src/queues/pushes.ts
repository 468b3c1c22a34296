import { type PushMessage, pushMessage } from '../contracts/queues.ts'
import { settleOutbox } from '../db/statements/outbox.ts'
import type { Deps } from '../services/deps.ts'
import { consume } from './consume.ts'
import { keepPoison } from './dead-letter.ts'
import { deliverPushes } from './push-deliveries.ts'
import type { Verdict } from './work.ts'

/** Pushes to browsers, in a queue of its own: push services may hang, and nothing else waits for them. */
export async function consumePushes(batch: MessageBatch, deps: Deps): Promise<void> {
  await consume<PushMessage>(batch, deps.log, {
    databaseEpoch: deps.settings.databaseEpoch,
    parse: (body) => pushMessage.safeParse(body).data ?? null,
    handle: (messages) => push(deps, messages),
    onPoison: (bodies) => keepPoison(deps, 'pushes', bodies),
  })
}

async function push(deps: Deps, messages: readonly PushMessage[]): Promise<Verdict[]> {
  const distinct = [...new Map(messages.map((message) => [message.outbox_id, message])).values()]
  const again = await deliverPushes(deps, distinct)
  const done = distinct.map(({ outbox_id }) => outbox_id).filter((id) => !again.has(id))
  await settleOutbox(deps.db, 'pushes', done, [])
  return messages.map(({ outbox_id }) => (again.has(outbox_id) ? 'retry' : 'ack'))
}
