import { type FanOutEvent, type FanOutMessage, fanOutMessage } from '../contracts/queues.ts'
import {
  FAN_OUT_CHUNK,
  type FanOutPlan,
  type FanOutTask,
  planFanOut,
  splitFanOut,
} from '../db/statements/fan-out.ts'
import { type OwedMessage, settleOutbox } from '../db/statements/outbox.ts'
import type { Deps } from '../services/deps.ts'
import { sendOwed } from '../services/send-owed.ts'
import { consume } from './consume.ts'
import { keepPoison } from './dead-letter.ts'
import { deliveriesOf, narrowedTo, taskOf } from './deliveries.ts'
import { ownDeliveries } from './own-deliveries.ts'
import { type Failures, sendDeliveries } from './send-deliveries.ts'
import { forEachBounded, type Verdict } from './work.ts'

/** Large fan-outs that are split at once: each is a statement that reads all of an author's followers. */
const SPLITS_AT_ONCE = 2
/** Before the rest of a fan-out is tried that was done in part. From then on the queue's own back-off counts. */
const NARROWED_DELAY_SECONDS = 1

/** Tells the timelines: entries and what becomes of them to followers; of graph, flags and sessions their owner. */
export async function consumeFanOut(batch: MessageBatch, deps: Deps): Promise<void> {
  await consume<FanOutMessage>(batch, deps.log, {
    databaseEpoch: deps.settings.databaseEpoch,
    parse: (body) => fanOutMessage.safeParse(body).data ?? null,
    handle: (messages) => fanOut(deps, messages),
    onPoison: (bodies) => keepPoison(deps, 'fan-out', bodies),
  })
}

/**
 * Plans all messages in one statement, tells everybody, and settles in one statement what is done. Only what is split
 * costs more: a statement for each author with more warm followers than a chunk.
 */
async function fanOut(deps: Deps, messages: FanOutMessage[]): Promise<Verdict[]> {
  const startMs = deps.now()
  const tasks = new Map(
    messages.flatMap((message) => taskOf(message) ?? []).map((task) => [task.outbox_id, task]),
  )
  const [plans, own] = await Promise.all([
    tasks.size === 0 ? [] : planFanOut(deps.db, [...tasks.values()]),
    ownDeliveries(deps.db, messages),
  ])
  const plannedMs = deps.now()
  const { large = [], small = [] } = Object.groupBy(plans, (plan) => (isTooLarge(plan) ? 'large' : 'small'))
  const deliveries = [...small.flatMap((plan) => deliveriesOf(plan, tasks)), ...own]
  const [unsplit, { failures }] = await Promise.all([
    splitAll(
      deps,
      large.flatMap(({ outbox_id }) => tasks.get(outbox_id) ?? []),
    ),
    sendDeliveries(deps, deliveries),
  ])
  const toldMs = deps.now()

  const narrowed = narrow(small, tasks, failures)
  const again = new Set([...unsplit, ...failures.keys()].filter((id) => !narrowed.has(id)))
  const settled = new Set([...large.map(({ outbox_id }) => outbox_id), ...failures.keys()])
  const done = messages.map(({ outbox_id }) => outbox_id).filter((id) => !settled.has(id))
  await sendOwed(
    deps,
    await settleOutbox(deps.db, 'fan-out', done, [...narrowed.values()]),
    NARROWED_DELAY_SECONDS,
  )
  deps.log.info('fan_out', {
    messages: messages.length,
    deliveries: deliveries.length,
    failed: [...failures.values()].reduce((sum, receivers) => sum + receivers.size, 0),
    split: large.length - unsplit.length,
    narrowed: narrowed.size,
    retried: again.size,
    lag_ms: lagMs(plans, toldMs - plannedMs),
    deliveries_per_s: Math.round((deliveries.length * 1000) / Math.max(1, toldMs - startMs)),
    duration_ms: deps.now() - startMs,
  })
  return messages.map(({ outbox_id }) => (again.has(outbox_id) ? 'retry' : 'ack'))
}

/**
 * From the commit of the oldest write to its last delivery. How old it was is the database's word, and the time since
 * then is the Worker's, so that their clocks are never compared. Null without a plan: what concerns owners alone is not
 * looked up in the outbox.
 */
function lagMs(plans: readonly FanOutPlan[], sincePlannedMs: number): number | null {
  return plans.length === 0 ? null : Math.max(...plans.map(({ age_ms }) => age_ms)) + sincePlannedMs
}

/** More than a chunk: the plan stops counting there, so there may be any number. */
function isTooLarge({ receivers }: FanOutPlan): boolean {
  return receivers.length > FAN_OUT_CHUNK
}

/** Answers which could not be split. One that can't, a statement that takes too long, does not keep the others back. */
async function splitAll(deps: Deps, tasks: FanOutTask[]): Promise<number[]> {
  const failed = await forEachBounded(tasks, SPLITS_AT_ONCE, async (task) =>
    deps.queues.sendOutbox(await splitFanOut(deps.db, task)),
  )
  for (const { item, error } of failed) deps.log.error('split_failed', { outbox_id: item.outbox_id, error })
  return failed.map(({ item }) => item.outbox_id)
}

/**
 * What is left of the tasks that were done in part: those receivers who were not told. A task of which nothing was done
 * comes again as it is.
 */
function narrow(
  plans: readonly FanOutPlan[],
  tasks: ReadonlyMap<number, FanOutTask>,
  failures: Failures,
): Map<number, OwedMessage<FanOutEvent>> {
  const narrowed = plans.flatMap(({ outbox_id, receivers }): OwedMessage<FanOutEvent>[] => {
    const [task, failed] = [tasks.get(outbox_id), failures.get(outbox_id)]
    if (task === undefined || failed === undefined || failed.size === receivers.length) return []
    return [{ outbox_id, message: narrowedTo(task, [...failed]) }]
  })
  return new Map(narrowed.map((one) => [one.outbox_id, one]))
}
