import {
  type EngagementEvent,
  type EngagementMessage,
  engagementMessage,
  type FoldHint,
} from '../contracts/queues.ts'
import { foldCounters, type Subject } from '../db/statements/counters.ts'
import { acceptPendingRequests } from '../services/accept-pending-requests.ts'
import type { Deps } from '../services/deps.ts'
import { eraseAccount } from '../services/erase-accounts.ts'
import { eraseDependants } from '../services/erase-deleted.ts'
import { sendOwed } from '../services/send-owed.ts'
import { settleTrends, trendScope } from '../services/settle-trends.ts'
import { consume } from './consume.ts'
import { forEachBounded, type Verdict } from './work.ts'

/** Steps at once: each is a statement that changes many rows. */
const STEPS_AT_ONCE = 4

/** Folds the ledger's deltas of what a batch of hints names, all in one round trip, and takes a step of what else is owed. */
export async function consumeEngagement(batch: MessageBatch, deps: Deps): Promise<void> {
  await consume<EngagementMessage>(batch, deps.log, {
    databaseEpoch: deps.settings.databaseEpoch,
    parse: (body) => engagementMessage.safeParse(body).data ?? null,
    handle: async (messages) => {
      // First what everybody sees: a step may take a while.
      const folded = await fold(deps, messages.filter(isHint))
      const failed = await stepAll(deps, messages.filter(isEvent))
      return messages.map((message): Verdict => {
        return isEvent(message) ? (failed.has(message) ? 'retry' : 'ack') : folded
      })
    },
    // Nothing is lost by it: the sweep reads the ledger itself, and events come again from the outbox.
    onPoison: async (bodies) => deps.log.error('message_not_understood', { messages: bodies.length }),
  })
}

function isEvent(message: EngagementMessage): message is EngagementEvent {
  return 'event' in message
}

function isHint(message: EngagementMessage): message is FoldHint {
  return !isEvent(message)
}

async function stepAll(deps: Deps, events: EngagementEvent[]): Promise<Set<EngagementEvent>> {
  const failed = await forEachBounded(events, STEPS_AT_ONCE, (event) => step(deps, event))
  for (const { item, error } of failed.slice(0, 3)) deps.log.warn('step_failed', { event: item.event, error })
  return new Set(failed.map(({ item }) => item))
}

function step(deps: Deps, { outbox_id, event }: EngagementEvent): Promise<void> {
  switch (event.type) {
    case 'erase_dependants':
      return eraseDependants(deps, { outbox_id, event })
    case 'accept_requests':
      return acceptPendingRequests(deps, { outbox_id, event })
    case 'erase_account':
      return eraseAccount(deps, { outbox_id, event })
  }
}

/** Steps that failed come again alone: what was erased beside them is not done twice. */
async function fold(deps: Deps, hints: FoldHint[]): Promise<Verdict> {
  if (hints.length === 0) return 'ack'
  try {
    const { deltas, outbox } = await foldCounters(
      deps.db,
      distinct(hints),
      deps.settings.fanOutPushLimit,
      trendScope(deps),
    )
    await sendOwed(deps, outbox)
    deps.log.info('ledger_folded', { messages: hints.length, deltas })
    // Its marks stay where it fails: another batch, or cron, counts what is due.
    await settleTrends(deps).catch((error) => deps.log.warn('trends_not_settled', { error }))
    return 'ack'
  } catch (error) {
    deps.log.error('fold_failed', { messages: hints.length, error })
    return 'retry'
  }
}

function distinct(hints: FoldHint[]): Subject[] {
  const subjects = hints.flatMap((hint) => hint.subjects)
  return [...new Map(subjects.map((subject) => [`${subject.subject}:${subject.id}`, subject])).values()]
}
