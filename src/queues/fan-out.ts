import { type FanOutEvent, type FanOutMessage, fanOutMessage } from '../contracts/queues.ts'
import type { TimelineOp } from '../contracts/timeline.ts'
import {
  FAN_OUT_CHUNK,
  type FanOutPlan,
  type FanOutTask,
  planFanOut,
  readWarm,
  splitFanOut,
} from '../db/statements/fan-out.ts'
import { deleteOutboxRows, storeDeadLetters } from '../db/statements/outbox.ts'
import type { EntryId, TweetId, UserId } from '../domain/ids.ts'
import { isId, MAX_ID } from '../domain/ids.ts'
import type { Deps } from '../services/deps.ts'
import { serializeCard } from '../views/present-tweet.ts'
import { consume, forEachBounded, type Verdict } from './consume.ts'

/**
 * Object calls in flight in one invocation. A batch of 10 tasks makes at most 5,000 calls, which is half of what
 * one invocation may make (10,000 subrequests; Cloudflare Workers, "Limits").
 */
const CALLS_IN_FLIGHT = 64

/** Tells the timelines: tweets and their retractions to followers, changes of the graph and of sessions to their owner. */
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

/** A letter to one timeline, and the message it does the effect of. */
interface Delivery {
  outboxId: number
  receiver: UserId
  send: TimelineOp | { type: 'end_sessions'; sessionId: string | null; exceptSessionId: string | null }
}

async function deliver(deps: Deps, messages: FanOutMessage[]): Promise<Verdict[]> {
  const start = deps.now()
  const tasks = messages.flatMap(taskOf)
  const plans = tasks.length === 0 ? [] : await planFanOut(deps.db, tasks)
  const large = new Set(plans.filter(isTooLarge).map((plan) => plan.outbox_id))
  await splitAll(
    deps,
    tasks.filter((task) => large.has(task.outbox_id)),
  )

  const deliveries = [
    ...plans.flatMap((plan) => (large.has(plan.outbox_id) ? [] : deliveriesOf(plan, tasks))),
    ...(await ownDeliveries(deps, messages)),
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

function taskOf({ outbox_id, event }: FanOutMessage): FanOutTask[] {
  const range = { from_follower: 0, to_follower: MAX_ID }
  switch (event.type) {
    case 'tweet_published':
    case 'tweet_deleted':
      return [task(outbox_id, event, { retract: event.type === 'tweet_deleted', ...range })]
    case 'fan_out_chunk':
      return [task(outbox_id, event, event)]
    default:
      return []
  }
}

function task(
  outboxId: number,
  { tweet_id, author_id }: { tweet_id: number; author_id: number },
  { retract, from_follower, to_follower }: Pick<FanOutTask, 'retract' | 'from_follower' | 'to_follower'>,
): FanOutTask {
  return {
    outbox_id: outboxId,
    tweet_id: tweet_id as TweetId,
    author_id: author_id as UserId,
    retract,
    from_follower,
    to_follower,
  }
}

/** More than a chunk: the plan stops counting there, so there may be any number. */
function isTooLarge({ receivers }: FanOutPlan): boolean {
  return receivers.length > FAN_OUT_CHUNK
}

async function splitAll(deps: Deps, tasks: FanOutTask[]): Promise<void> {
  for (const large of tasks) await deps.queues.sendOutbox(await splitFanOut(deps.db, large))
}

function deliveriesOf(plan: FanOutPlan, tasks: FanOutTask[]): Delivery[] {
  const of = tasks.find(({ outbox_id }) => outbox_id === plan.outbox_id)
  const send = of === undefined ? null : opOf(of, plan)
  if (send === null) return []
  return plan.receivers.map((receiver) => ({ outboxId: plan.outbox_id, receiver, send }))
}

function opOf({ tweet_id, author_id, retract }: FanOutTask, { tweet }: FanOutPlan): TimelineOp | null {
  if (retract) return { type: 'retract', tweetId: tweet_id }
  if (tweet === null) return null
  const entry = {
    id: tweet_id as number as EntryId,
    tweetId: tweet_id,
    authorId: author_id,
    retweeterId: null,
  }
  return { type: 'deliver', entry, card: serializeCard(tweet) }
}

/** What concerns one timeline alone, where that timeline is warm: a cold one reads the truth when it is built. */
async function ownDeliveries(deps: Deps, messages: FanOutMessage[]): Promise<Delivery[]> {
  const own = messages.flatMap(({ outbox_id, event }) => ownDelivery(outbox_id, event))
  if (own.length === 0) return []
  const warm = new Set(
    await readWarm(
      deps.db,
      own.map(({ receiver }) => receiver),
    ),
  )
  return own.filter(({ receiver }) => warm.has(receiver))
}

function ownDelivery(outboxId: number, event: FanOutEvent): Delivery[] {
  switch (event.type) {
    case 'follow_changed': {
      const type = event.following ? 'follow' : 'unfollow'
      const send = { type, userId: event.followee_id as UserId, version: event.graph_version } as const
      return [{ outboxId, receiver: event.follower_id as UserId, send }]
    }
    case 'session_ended': {
      const { session_id: sessionId, except_session_id: exceptSessionId } = event
      const send = { type: 'end_sessions', sessionId, exceptSessionId } as const
      return [{ outboxId, receiver: event.user_id as UserId, send }]
    }
    default:
      return []
  }
}

/** One call for each receiver, however many messages concern it. Answers the messages whose effect is not done. */
async function sendAll(deps: Deps, deliveries: Delivery[]): Promise<Set<number>> {
  const byReceiver = Map.groupBy(deliveries, ({ receiver }) => receiver)
  const failed = await forEachBounded([...byReceiver], CALLS_IN_FLIGHT, async ([receiver, letters]) => {
    const timeline = deps.timeline(receiver)
    const ops = letters.flatMap(({ send }) => (send.type === 'end_sessions' ? [] : [send]))
    if (ops.length > 0) {
      const result = await timeline.apply(ops)
      if (!result.ok) throw new Error(`The timeline of ${receiver} is ${result.code}`)
    }
    for (const { send } of letters) if (send.type === 'end_sessions') await timeline.endSessions(send)
  })
  for (const { item, error } of failed.slice(0, 3))
    deps.log.warn('delivery_failed', { receiver: item[0], error })
  return new Set(failed.flatMap(({ item }) => item[1].map(({ outboxId }) => outboxId)))
}

function outboxIdOf(body: unknown): number | null {
  if (typeof body !== 'object' || body === null || !('outbox_id' in body)) return null
  return typeof body.outbox_id === 'number' && isId(body.outbox_id) ? body.outbox_id : null
}
