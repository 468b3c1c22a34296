import type { UserId } from '../domain/ids.ts'
import type { Deps } from '../services/deps.ts'
import { within } from '../views/deadline.ts'
import type { Delivery } from './deliveries.ts'
import { forEachBounded } from './work.ts'

/**
 * Object calls in flight in one invocation. A batch of 10 tasks makes at most 5,000 calls, which is half of what
 * one invocation may make (10,000 subrequests; Cloudflare Workers, "Limits"). What a call sends is made when it begins, so
 * that memory holds 64 calls' worth of cards, each at most 10, beside a list of 5,000 small records.
 */
const CALLS_IN_FLIGHT = 64

/**
 * When a call counts as failed: one that hangs would otherwise hold its whole batch until the invocation is ended (15
 * minutes; Cloudflare Queues, "Limits"). Even 5,000 that hang, 64 at a time, are over before that. What such a call does
 * after all is the same as when it is repeated.
 */
const CALL_DEADLINE_MS = 10_000

/** By message, the receivers who were not told. */
export type Failures = ReadonlyMap<number, ReadonlySet<UserId>>

export interface Sent {
  failures: Failures
  /** Receivers who have a socket open. */
  listening: ReadonlySet<UserId>
}

/** One call for each receiver, however many messages concern it. One that fails keeps back nobody else's. */
export async function sendDeliveries(deps: Deps, deliveries: readonly Delivery[]): Promise<Sent> {
  const byReceiver = Map.groupBy(deliveries, ({ receiver }) => receiver)
  const listening = new Set<UserId>()
  const failed = await forEachBounded([...byReceiver], CALLS_IN_FLIGHT, async ([receiver, letters]) => {
    if ((await send(deps, receiver, letters)) > 0) listening.add(receiver)
  })
  for (const { item, error } of failed.slice(0, 3)) {
    deps.log.warn('delivery_failed', { receiver: item[0], error })
  }
  const untold = Map.groupBy(
    failed.flatMap(({ item }) => item[1]),
    ({ outboxId }) => outboxId,
  )
  const failures = new Map(
    [...untold].map(([id, letters]) => [id, new Set(letters.map(({ receiver }) => receiver))]),
  )
  return { failures, listening }
}

/** Answers how many sockets the receiver has open. */
async function send(deps: Deps, receiver: UserId, letters: readonly Delivery[]): Promise<number> {
  const timeline = deps.timeline(receiver)
  const ops = letters.flatMap(({ send }) => (send.type === 'end_sessions' ? [] : [send]))
  let sockets = 0
  if (ops.length > 0) {
    const result = await within(timeline.apply(ops), CALL_DEADLINE_MS)
    if (result === null) throw new Error(`The timeline of ${receiver} does not answer`)
    if (!result.ok) throw new Error(`The timeline of ${receiver} is ${result.code}`)
    sockets = result.sockets ?? 0
  }
  for (const { send } of letters) {
    if (send.type !== 'end_sessions') continue
    const ended = await within(timeline.endSessions(send), CALL_DEADLINE_MS)
    if (ended === null) throw new Error(`The timeline of ${receiver} does not answer`)
  }
  return sockets
}
