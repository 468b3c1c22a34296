import { type FanOutMessage, fanOutMessage } from '../contracts/queues.ts'
import {
  FAN_OUT_CHUNK,
  type FanOutPlan,
  type FanOutTask,
  planFanOut,
  splitFanOut,
} from '../db/statements/fan-out.ts'
import { deleteOutboxRows, storeDeadLetters } from '../db/statements/outbox.ts'
import { isId, type UserId } from '../domain/ids.ts'
import type { Deps } from '../services/deps.ts'
import { consume, forEachBounded, type Verdict } from './consume.ts'
import { type Delivery, deliveriesOf, taskOf } from './deliveries.ts'
import { ownDeliveries } from './own-deliveries.ts'

/**
 * Object calls in flight in one invocation. A batch of 10 tasks makes at most 5,000 calls, which is half of what
 * one invocation may make (10,000 subrequests; Cloudflare Workers, "Limits").
 */
const CALLS_IN_FLIGHT = 64

/** Tells the timelines: entries and what becomes of them to followers; of graph, flags and sessions their owner. */
export async function consumeFanOut(batch: MessageBatch, deps: Deps): Promise<void> {
  await consume<FanOutMessage>(batch, deps.log, {
    parse: (body) => fanOutMessage.safeParse(body).data ?? null,
    handle: (messages) => deliver(deps, messages),
    onPoison: (bodies) =>
      storeDeadLetters(
        deps.db,
        bodies.map((message) => ({
          queue: 'fan-out',
          outboxId: outboxIdOf(message),
          message,
          error: 'not understood',
        })),
      ),
  })
}

async function deliver(deps: Deps, messages: FanOutMessage[]): Promise<Verdict[]> {
  const start = deps.now()
  const tasks = messages.flatMap((message) => taskOf(message) ?? [])
  const plans = tasks.length === 0 ? [] : await planFanOut(deps.db, tasks)
  const large = new Set(plans.filter(isTooLarge).map((plan) => plan.outbox_id))
  await splitAll(
    deps,
    tasks.filter((task) => large.has(task.outbox_id)),
  )

  const deliveries = [
    ...plans.flatMap((plan) => (large.has(plan.outbox_id) ? [] : deliveriesOf(plan, tasks))),
    ...(await ownDeliveries(deps.db, messages)),
  ]
  const failed = await sendAll(deps, deliveries)
  const done = messages.map(({ outbox_id }) => outbox_id).filter((id) => !failed.has(id) && !large.has(id))
  await deleteOutboxRows(deps.db, done)
  deps.log.info('fan_out', {
    messages: messages.length,
    deliveries: deliveries.length,
    failed: failed.size,
    split: large.size,
    duration_ms: deps.now() - start,
  })
  return messages.map(({ outbox_id }) => (failed.has(outbox_id) ? 'retry' : 'ack'))
}

/** More than a chunk: the plan stops counting there, so there may be any number. */
function isTooLarge({ receivers }: FanOutPlan): boolean {
  return receivers.length > FAN_OUT_CHUNK
}

async function splitAll(deps: Deps, tasks: FanOutTask[]): Promise<void> {
  for (const large of tasks) await deps.queues.sendOutbox(await splitFanOut(deps.db, large))
}

/** One call for each receiver, however many messages concern it. Answers the messages whose effect is not done. */
async function sendAll(deps: Deps, deliveries: Delivery[]): Promise<Set<number>> {
  const byReceiver = Map.groupBy(deliveries, ({ receiver }) => receiver)
  const failed = await forEachBounded([...byReceiver], CALLS_IN_FLIGHT, ([receiver, letters]) =>
    send(deps, receiver, letters),
  )
  for (const { item, error } of failed.slice(0, 3)) {
    deps.log.warn('delivery_failed', { receiver: item[0], error })
  }
  return new Set(failed.flatMap(({ item }) => item[1].map(({ outboxId }) => outboxId)))
}

async function send(deps: Deps, receiver: UserId, letters: Delivery[]): Promise<void> {
  const timeline = deps.timeline(receiver)
  const ops = letters.flatMap(({ send }) => (send.type === 'end_sessions' ? [] : [send]))
  if (ops.length > 0) {
    const result = await timeline.apply(ops)
    if (!result.ok) throw new Error(`The timeline of ${receiver} is ${result.code}`)
  }
  for (const { send } of letters) if (send.type === 'end_sessions') await timeline.endSessions(send)
}

function outboxIdOf(body: unknown): number | null {
  if (typeof body !== 'object' || body === null || !('outbox_id' in body)) return null
  return typeof body.outbox_id === 'number' && isId(body.outbox_id) ? body.outbox_id : null
}
