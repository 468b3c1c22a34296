import { Buffer } from 'node:buffer'
import {
  type FanOutEvent,
  type FoldHint,
  fanOutEvent,
  type NotificationEvent,
  notificationEvent,
  type OutboxRow,
  type QueueName,
} from '../contracts/queues.ts'
import { shardOf, type TweetId, type UserId } from '../domain/ids.ts'
import type { QueuePort } from '../services/deps.ts'

/** Platform limits of one `sendBatch` (Cloudflare Queues): 100 messages and 256 KB. */
const BATCH_MESSAGES_MAX = 100
const BATCH_BYTES_MAX = 240_000
const FOLD_SUBJECTS_MAX = 500

/**
 * There may be `FAN_OUT_1`, `NOTIFICATIONS_1` and so on, too: as many as `wrangler.toml` binds, numbered without a gap.
 */
type Queues = Pick<
  Env,
  'FAN_OUT_0' | 'NOTIFICATIONS_0' | 'ENGAGEMENT' | 'PUSHES' | 'EXPORTS' | 'SEARCH_INDEX'
>

/**
 * The queues, in as few sends as the platform's limits allow, all queues at once. Messages say which history of the
 * database they are of.
 */
export function createQueues(env: Queues, databaseEpoch: number): QueuePort {
  return {
    async sendOutbox(rows, delaySeconds = 0) {
      const queues: Record<QueueName, Queue[]> = {
        'fan-out': numbered(env, 'FAN_OUT'),
        notifications: numbered(env, 'NOTIFICATIONS'),
        engagement: [env.ENGAGEMENT],
        pushes: [env.PUSHES],
        exports: [env.EXPORTS],
        search: [env.SEARCH_INDEX],
      }
      const bodies = rows.map((row) => ({
        queue: ofLot(queues[row.queue], lotOf(row)),
        body: { epoch: databaseEpoch, outbox_id: row.id, event: row.message },
      }))
      const byQueue = Map.groupBy(bodies, ({ queue }) => queue)
      await Promise.all(
        [...byQueue].map(([queue, sent]) =>
          sendAll(
            queue,
            sent.map(({ body }) => body),
            delaySeconds,
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

function numbered(env: Queues, name: 'FAN_OUT' | 'NOTIFICATIONS'): Queue[] {
  const queues = [env[`${name}_0`]]
  for (;;) {
    const next: unknown = Reflect.get(env, `${name}_${queues.length}`)
    if (!isQueue(next)) return queues
    queues.push(next)
  }
}

function ofLot(queues: Queue[], lot: number): Queue {
  const queue = queues[lot % queues.length]
  if (queue === undefined) throw new Error('A queue is not bound')
  return queue
}

function isQueue(binding: unknown): binding is Queue {
  return typeof binding === 'object' && binding !== null && 'sendBatch' in binding
}

/**
 * By what a row is assigned to one of the queues of a kind: the shard of who did something, or of whom it is told, so that
 * what waits for one recipient's inbox stands in one queue. The parts of one author's large fan-out, which come by the
 * thousand, go by the row itself, so that they are spread evenly over all queues.
 */
function lotOf({ id, queue, message }: OutboxRow): number {
  if (queue === 'notifications') {
    const event = notificationEvent.safeParse(message).data
    return event === undefined || event.type === 'audience' ? id : shardOf(recipientOf(event))
  }
  const event = fanOutEvent.safeParse(message).data
  return event === undefined || event.type === 'fan_out_chunk' ? id : shardOf(actorOf(event) as UserId)
}

/** Somebody whom it concerns, or their tweet: its id names the same shard. */
function recipientOf(event: Exclude<NotificationEvent, { type: 'audience' }>): UserId | TweetId {
  switch (event.type) {
    case 'like_changed':
    case 'retweet_changed':
    case 'tweet_changed':
    case 'tweet_withdrawn':
      return event.tweet_id as TweetId
    case 'follow_changed':
      return event.followee_id as UserId
    case 'block_changed':
      return event.blocked_id as UserId
    case 'message_sent':
      return event.receiver_id as UserId
    case 'messages_read':
      return event.other_id as UserId
  }
}

function actorOf(event: Exclude<FanOutEvent, { type: 'fan_out_chunk' }>): number {
  switch (event.type) {
    case 'tweet_published':
    case 'tweet_deleted':
    case 'tweet_edited':
      return event.author_id
    case 'tweet_retweeted':
    case 'retweet_undone':
      return event.retweeter_id
    case 'follow_changed':
    case 'retweets_wanted':
      return event.follower_id
    case 'drop_changed':
    case 'flags_changed':
    case 'preferences_changed':
    case 'session_ended':
      return event.user_id
  }
}

async function sendAll(queue: Queue, bodies: unknown[], delaySeconds = 0): Promise<void> {
  for (const batch of batches(bodies)) {
    const messages = batch.map((body) => ({ body, contentType: 'json' as const }))
    await queue.sendBatch(messages, delaySeconds === 0 ? {} : { delaySeconds })
  }
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
