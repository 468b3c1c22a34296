import { createExecutionContext, createMessageBatch, getQueueResult } from 'cloudflare:test'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import type { TweetId } from '../../src/domain/ids.ts'
import { consumeDeadLetters } from '../../src/queues/dead-letter.ts'
import { consumeExports } from '../../src/queues/exports.ts'
import { consumeFanOut } from '../../src/queues/fan-out.ts'
import { consumeNotifications } from '../../src/queues/notifications.ts'
import { consumeSearchIndex } from '../../src/queues/search-index.ts'
import type { TweetDraft } from '../../src/services/check-draft.ts'
import { deleteTweet } from '../../src/services/delete-tweet.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { followUser } from '../../src/services/follow-user.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { unfollowUser } from '../../src/services/unfollow-user.ts'
import { testDeps } from './harness.ts'

/** What became of a batch: the places in it of the messages that were acked and that are to come again. */
export interface Verdicts {
  acked: number[]
  retried: number[]
}

export function bodyOf({ id, message }: OutboxRow): unknown {
  return { outbox_id: id, event: message }
}

/** Messages of those rows that are owed to timelines: an action may owe other queues something, too. */
export function fanOutBodies(outbox: readonly OutboxRow[]): unknown[] {
  return outbox.filter(({ queue }) => queue === 'fan-out').map(bodyOf)
}

/** Runs the fan-out consumer on a batch, as the queue would; `attempts` counts from 1. */
export function runFanOut(bodies: readonly unknown[], deps: Deps = testDeps(), attempts = 1) {
  return runConsumer(consumeFanOut, 'warbler-fan-out-0', bodies, deps, attempts)
}

/** The same with the consumer of notifications. */
export function runNotifications(bodies: readonly unknown[], deps: Deps = testDeps(), attempts = 1) {
  return runConsumer(consumeNotifications, 'warbler-notifications-0', bodies, deps, attempts)
}

/** The same with the consumer of exports. */
export function runExports(bodies: readonly unknown[], deps: Deps = testDeps(), attempts = 1) {
  return runConsumer(consumeExports, 'warbler-exports', bodies, deps, attempts)
}

/** The same with the consumer that tells the search Worker. */
export function runSearchIndex(bodies: readonly unknown[], deps: Deps = testDeps(), attempts = 1) {
  return runConsumer(consumeSearchIndex, 'warbler-search-index', bodies, deps, attempts)
}

export function runDeadLetters(bodies: readonly unknown[], deps: Deps = testDeps()) {
  return runConsumer(consumeDeadLetters, 'warbler-dead-letters', bodies, deps)
}

export async function runConsumer(
  consumer: (batch: MessageBatch, deps: Deps) => Promise<void>,
  queue: string,
  bodies: readonly unknown[],
  deps: Deps,
  attempts = 1,
): Promise<Verdicts> {
  const messages = bodies.map((body, index) => ({
    id: String(index),
    timestamp: new Date(),
    attempts,
    body,
  }))
  const batch = createMessageBatch(queue, messages)
  await consumer(batch, deps)
  const { explicitAcks, retryMessages } = await getQueueResult(batch, createExecutionContext())
  return {
    acked: explicitAcks.map(Number),
    retried: retryMessages.map(({ msgId }) => Number(msgId)),
  }
}

const DRAFT = {
  isSensitive: false,
  idempotencyKey: null,
  replyToId: null,
  quoteTweetId: null,
  poll: null,
} as const

export interface Posted {
  id: TweetId
  outbox: OutboxRow[]
}

/** Posts as the route does; what it owes is answered instead of sent. */
export async function publish(
  author: Viewer,
  content = 'A tweet',
  replaced: Partial<Deps> = {},
  draft: Partial<TweetDraft> = {},
): Promise<Posted> {
  const deps = testDeps(replaced)
  const { id } = await publishTweet(deps, author, { ...DRAFT, content, ...draft })
  await deps.settled()
  return { id: id as TweetId, outbox: deps.sent }
}

/** The same without what search is owed, which is no matter of timelines. */
export async function post(...asked: Parameters<typeof publish>): Promise<Posted> {
  const { id, outbox } = await publish(...asked)
  return { id, outbox: outbox.filter(({ queue }) => queue !== 'search') }
}

type Act = (deps: Deps, viewer: Viewer, tweet: TweetId) => Promise<unknown>

/** Does something to a tweet as its route does, e.g. `act(likeTweet, reader, tweet)`; answers what it owes. */
export async function act(
  what: Act,
  viewer: Viewer,
  tweet: TweetId,
  replaced: Partial<Deps> = {},
): Promise<OutboxRow[]> {
  const deps = testDeps(replaced)
  await what(deps, viewer, tweet)
  await deps.settled()
  return deps.sent
}

/** Sees to it that a fan-out is done. */
export async function spread(outbox: readonly OutboxRow[]): Promise<void> {
  const { retried } = await runFanOut(fanOutBodies(outbox))
  if (retried.length > 0) throw new Error('A message is to come again')
}

export async function remove(author: Viewer, id: TweetId): Promise<OutboxRow[]> {
  const deps = testDeps()
  await deleteTweet(deps, author, id)
  await deps.settled()
  return deps.sent
}

export async function follow(
  follower: Viewer,
  followee: Viewer,
  replaced: Partial<Deps> = {},
): Promise<OutboxRow[]> {
  const deps = testDeps(replaced)
  await followUser(deps, follower, { ref: { id: followee.id }, claimedId: null })
  await deps.settled()
  return deps.sent
}

export async function unfollow(
  follower: Viewer,
  followee: Viewer,
  replaced: Partial<Deps> = {},
): Promise<OutboxRow[]> {
  const deps = testDeps(replaced)
  await unfollowUser(deps, follower, { ref: { id: followee.id }, claimedId: null })
  await deps.settled()
  return deps.sent
}

/** Posts, and sees to it that the fan-out is done. */
export async function postAndDeliver(author: Viewer, content = 'A tweet'): Promise<TweetId> {
  const { id, outbox } = await post(author, content)
  await runFanOut(fanOutBodies(outbox))
  return id
}
