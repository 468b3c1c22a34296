import type { NotificationEvent, NotificationMessage } from '../contracts/queues.ts'
import type { Happening } from '../db/statements/plan-notifications.ts'
import type { Deps } from '../services/deps.ts'
import { notify } from './notify.ts'
import { tellMessages } from './tell-messages.ts'
import { withdrawAcrossBlocks } from './withdraw-across-blocks.ts'
import type { Verdict } from './work.ts'

/**
 * Each kind of a batch by itself: none waits for what another needs, and none fails with another. One that the queue has
 * twice is told once. `again`: these were tried before.
 */
export async function tellPeople(
  deps: Deps,
  messages: readonly NotificationMessage[],
  again: boolean,
): Promise<Verdict[]> {
  const distinct = [...new Map(messages.map((message) => [message.outbox_id, message])).values()]
  const happenings = distinct.flatMap(({ outbox_id, event }) =>
    isHappening(event) ? [{ outbox_id, event }] : [],
  )
  const blocks = distinct.filter(({ event }) => event.type === 'block_changed')
  const written = distinct.filter(
    ({ event }) => event.type === 'message_sent' || event.type === 'messages_read',
  )
  const judged = await Promise.all([
    judge(deps, happenings, () => notify(deps, happenings, again)),
    judge(deps, blocks, () => withdrawAcrossBlocks(deps, blocks, again)),
    judge(deps, written, () => tellMessages(deps, written)),
  ])
  const verdicts = new Map(judged.flat())
  return messages.map(({ outbox_id }) => verdicts.get(outbox_id) ?? 'retry')
}

function isHappening(event: NotificationEvent): event is Happening {
  return event.type !== 'message_sent' && event.type !== 'messages_read' && event.type !== 'block_changed'
}

async function judge(
  deps: Deps,
  messages: readonly { outbox_id: number; event: NotificationEvent }[],
  tell: () => Promise<Verdict[]>,
): Promise<[outboxId: number, Verdict][]> {
  if (messages.length === 0) return []
  let verdicts: Verdict[] = []
  try {
    verdicts = await tell()
  } catch (error) {
    const kinds = [...new Set(messages.map(({ event }) => event.type))]
    deps.log.error('telling_failed', { kinds, messages: messages.length, error })
  }
  return messages.map(({ outbox_id }, place) => [outbox_id, verdicts[place] ?? 'retry'])
}
