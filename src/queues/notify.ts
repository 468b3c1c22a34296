import { AUDIENCE_CHUNK, type NotificationEvent, type PushEvent } from '../contracts/queues.ts'
import { type OwedMessage, settleOutbox } from '../db/statements/outbox.ts'
import {
  type Happening,
  type NotificationPlan,
  planNotifications,
  splitAudience,
} from '../db/statements/plan-notifications.ts'
import {
  type Rewritten,
  type Ruling,
  type Told,
  type WrittenNotifications,
  writeNotifications,
} from '../db/statements/write-notifications.ts'
import type { TweetId, UserId } from '../domain/ids.ts'
import { mutedWordsMatcher } from '../domain/muted-words.ts'
import { isNotified } from '../domain/notifications.ts'
import type { Deps } from '../services/deps.ts'
import { sendOwed } from '../services/send-owed.ts'
import type { Delivery } from './deliveries.ts'
import { keyOf, tellingsOf } from './notification-tellings.ts'
import { sendDeliveries } from './send-deliveries.ts'
import { forEachBounded, type Verdict } from './work.ts'

/** Large audiences that are split at once: each is a statement that reads all of it. */
const SPLITS_AT_ONCE = 2

/** A message of the queue, each but once in a batch. */
export interface HappeningMessage {
  outbox_id: number
  event: Happening
}

/** Three statements for the whole batch, and a call for each recipient whose timeline is warm. */
export async function notify(
  deps: Deps,
  happenings: readonly HappeningMessage[],
  again: boolean,
): Promise<Verdict[]> {
  const startMs = deps.now()
  const plans = await planNotifications(deps.db, happenings, again)
  const events = new Map(happenings.map(({ outbox_id, event }) => [outbox_id, event]))
  const { large = [], small = [] } = Object.groupBy(plans, ({ outbox_id, candidates }) =>
    events.get(outbox_id)?.type === 'audience' && candidates.length > AUDIENCE_CHUNK ? 'large' : 'small',
  )
  const rulings = small.flatMap((plan) => rulingsOf(plan, startMs))
  const { told, unfinished, claims } = await writeNotifications(
    deps.db,
    rulings,
    small.flatMap((plan) => rewrittenBy(plan, events)),
  )
  const deliveries = told.flatMap((one) =>
    tellingsOf(one, startMs).map((send): Delivery => ({ outboxId: 0, receiver: one.user_id, send })),
  )
  const [unsplit, { failures, listening }] = await Promise.all([
    splitAll(deps, large, events),
    sendDeliveries(deps, deliveries),
  ])

  const untold = failures.get(0) ?? new Set()
  const concerned = small.filter(({ candidates, gone }) =>
    [...candidates, ...gone].some((one) => untold.has(one.user_id)),
  )
  const narrowed = concerned.flatMap((plan) => narrow(plan, events, untold))
  const retried = new Set([...unsplit, ...concerned.map(({ outbox_id }) => outbox_id)])
  for (const { outbox_id } of narrowed) retried.delete(outbox_id)
  const heard = told.filter(({ user_id }) => !listening.has(user_id) && !untold.has(user_id))
  const owed = [...narrowed, ...stepsOf(unfinished, events), ...pushesOf(rulings, heard)].filter(
    ({ outbox_id }) => !retried.has(outbox_id),
  )
  const kept = new Set([...retried, ...[...large, ...owed].map(({ outbox_id }) => outbox_id)])
  const done = happenings.map(({ outbox_id }) => outbox_id).filter((id) => !kept.has(id))
  await sendOwed(deps, await settleOutbox(deps.db, 'notifications', done, owed, claims))
  deps.log.info('notified', {
    messages: happenings.length,
    told: told.length,
    calls: deliveries.length,
    failed: untold.size,
    split: large.length - unsplit.length,
    narrowed: narrowed.length,
    retried: retried.size,
    lag_ms: Math.max(0, ...plans.map(({ age_ms }) => age_ms)) + deps.now() - startMs,
    duration_ms: deps.now() - startMs,
  })
  return happenings.map(({ outbox_id }) => (retried.has(outbox_id) ? 'retry' : 'ack'))
}

/** What the policy says of everybody whom a message may concern. */
function rulingsOf({ outbox_id, is_repeat, candidates }: NotificationPlan, nowMs: number): Ruling[] {
  return candidates.map((candidate) => {
    const { user_id, type, actor_id, tweet_id, muted_words, content } = candidate
    const is_notified = isNotified({
      type,
      isSelf: user_id === actor_id,
      arePresent: candidate.are_present,
      isBlocked: candidate.is_blocked,
      hasMutedActor: candidate.has_muted_actor,
      followsActor: candidate.follows_actor,
      maySeeTweet: candidate.may_see_tweet,
      hasMutedConversation: candidate.has_muted_conversation,
      holdsMutedWords: content !== null && mutedWordsMatcher(muted_words, nowMs)(content),
      preference: candidate.preference,
    })
    return { outbox_id, user_id, type, actor_id, tweet_id, is_notified, is_repeat }
  })
}

function rewrittenBy(
  { outbox_id, is_repeat, is_edited, gone }: NotificationPlan,
  events: Events,
): Rewritten[] {
  const event = events.get(outbox_id)
  if (event?.type !== 'tweet_withdrawn' && !(event?.type === 'tweet_changed' && is_edited)) return []
  const is_deleted = event.type === 'tweet_withdrawn'
  return [{ outbox_id, tweet_id: event.tweet_id as TweetId, is_deleted, is_repeat, gone }]
}

type Events = ReadonlyMap<number, Happening>

/** Answers which could not be split. */
async function splitAll(deps: Deps, plans: NotificationPlan[], events: Events): Promise<number[]> {
  const failed = await forEachBounded(plans, SPLITS_AT_ONCE, async ({ outbox_id }) => {
    const event = events.get(outbox_id)
    if (event?.type === 'audience') {
      await deps.queues.sendOutbox(await splitAudience(deps.db, { outbox_id, event }))
    }
  })
  for (const { item, error } of failed) deps.log.error('split_failed', { outbox_id: item.outbox_id, error })
  return failed.map(({ item }) => item.outbox_id)
}

/** What is left of an audience of whom some were told: a message for each of the others. What keeps them back is theirs alone. */
function narrow(
  { outbox_id, candidates }: NotificationPlan,
  events: Events,
  untold: ReadonlySet<UserId>,
): OwedMessage<NotificationEvent>[] {
  const event = events.get(outbox_id)
  const left = candidates.filter(({ user_id }) => untold.has(user_id))
  if (event?.type !== 'audience' || left.length === candidates.length) return []
  return left.map(({ user_id }) => ({
    outbox_id,
    message: { ...event, from_user: user_id, to_user: user_id },
    is_repeat: true,
  }))
}

/** The same once more, for those who were not planned for. */
function stepsOf(
  unfinished: WrittenNotifications['unfinished'],
  events: Events,
): OwedMessage<NotificationEvent>[] {
  return unfinished.flatMap(({ outbox_id, is_repeat }) => {
    const message = events.get(outbox_id)
    return message === undefined ? [] : [{ outbox_id, message, is_repeat }]
  })
}

/** To the browsers of those who have no socket open, of what is news to them. */
function pushesOf(rulings: readonly Ruling[], told: readonly Told[]): OwedMessage<PushEvent>[] {
  const owners = new Map(rulings.map((ruling) => [keyOf(ruling), ruling.outbox_id]))
  return told.flatMap(({ user_id, has_push, notifications }) =>
    notifications.flatMap(({ id, type, actor, tweet_id, is_news }): OwedMessage<PushEvent>[] => {
      const outbox_id = owners.get(keyOf({ user_id, type, actor_id: actor.id, tweet_id }))
      if (!has_push || !is_news || outbox_id === undefined) return []
      return [
        { outbox_id, queue: 'pushes', message: { type: 'push', v: 1, user_id, of: 'notification', id } },
      ]
    }),
  )
}
