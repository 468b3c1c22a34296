import type { NotificationMessage } from '../contracts/queues.ts'
import type { Deps } from '../services/deps.ts'
import { notify } from './notify.ts'
import { tellMessages } from './tell-messages.ts'
import { withdrawAcrossBlocks } from './withdraw-across-blocks.ts'
import type { Verdict } from './work.ts'

type Kind = 'happening' | 'block' | 'message'

/**
 * Each kind of a batch by itself: none waits for what another needs, and none fails with another. `again`: these were
 * tried before.
 */
export async function tellPeople(
  deps: Deps,
  messages: readonly NotificationMessage[],
  again: boolean,
): Promise<Verdict[]> {
  // One that the queue has twice is told once.
  const distinct = [...new Map(messages.map((message) => [message.outbox_id, message])).values()]
  const byKind = Map.groupBy(distinct, kindOf)
  const judged = await Promise.all(
    [...byKind].map(async ([kind, asked]) => {
      const verdicts = await tell(deps, kind, asked, again)
      return asked.map(({ outbox_id }, place) => [outbox_id, verdicts[place]] as const)
    }),
  )
  const verdicts = new Map(judged.flat())
  return messages.map(({ outbox_id }) => verdicts.get(outbox_id) ?? 'retry')
}

function kindOf({ event }: NotificationMessage): Kind {
  switch (event.type) {
    case 'message_sent':
    case 'messages_read':
      return 'message'
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
      case 'block':
        return await withdrawAcrossBlocks(deps, messages, again)
    }
  } catch (error) {
    deps.log.error('telling_failed', { kind, messages: messages.length, error })
    return messages.map(() => 'retry')
  }
}
