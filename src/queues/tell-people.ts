import type { NotificationMessage } from '../contracts/queues.ts'
import { settleOutbox } from '../db/statements/outbox.ts'
import type { Deps } from '../services/deps.ts'
import { notify } from './notify.ts'
import { deliverPushes } from './push-deliveries.ts'
import { tellMessages } from './tell-messages.ts'
import { withdrawAcrossBlocks } from './withdraw-across-blocks.ts'
import type { Verdict } from './work.ts'

type Kind = 'happening' | 'block' | 'message' | 'push'

/**
 * Each kind of a batch by itself: none waits for what another needs, and none fails with another. `again`: these were
 * tried before.
 */
export async function tellPeople(
  deps: Deps,
  messages: readonly NotificationMessage[],
  again: boolean,
): Promise<Verdict[]> {
  const byKind = Map.groupBy(messages, kindOf)
  const judged = await Promise.all(
    [...byKind].map(async ([kind, asked]) => {
      const verdicts = await tell(deps, kind, asked, again)
      return asked.map((one, place) => [one, verdicts[place]] as const)
    }),
  )
  const verdicts = new Map(judged.flat())
  return messages.map((one) => verdicts.get(one) ?? 'retry')
}

function kindOf({ event }: NotificationMessage): Kind {
  switch (event.type) {
    case 'message_sent':
    case 'messages_read':
      return 'message'
    case 'push':
      return 'push'
    case 'block_changed':
      return 'block'
    default:
      return 'happening'
  }
}

async function tell(
  deps: Deps,
  kind: Kind,
  messages: NotificationMessage[],
  again: boolean,
): Promise<Verdict[]> {
  try {
    switch (kind) {
      case 'happening':
        return await notify(deps, messages, again)
      case 'message':
        return await tellMessages(deps, messages)
      case 'push':
        return await push(deps, messages)
      case 'block':
        return await withdrawAcrossBlocks(deps, messages, again)
    }
  } catch (error) {
    deps.log.error('telling_failed', { kind, messages: messages.length, error })
    return messages.map(() => 'retry')
  }
}

async function push(deps: Deps, messages: readonly NotificationMessage[]): Promise<Verdict[]> {
  const pushes = messages.flatMap(({ outbox_id, event }) =>
    event.type === 'push' ? [{ outbox_id, event }] : [],
  )
  const again = await deliverPushes(deps, pushes)
  const done = messages.map(({ outbox_id }) => outbox_id).filter((id) => !again.has(id))
  await settleOutbox(deps.db, 'notifications', done, [])
  return messages.map(({ outbox_id }) => (again.has(outbox_id) ? 'retry' : 'ack'))
}
