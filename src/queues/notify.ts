import {
  AUDIENCE_CHUNK,
  type NotificationEvent,
  type NotificationMessage,
  type OutboxRow,
} from '../contracts/queues.ts'
import { type OwedMessage, settleOutbox } from '../db/statements/outbox.ts'
import {
  type Happening,
  type NotificationPlan,
  planNotifications,
  splitAudience,
} from '../db/statements/plan-notifications.ts'
import {
  type Ruling,
  type Told,
  type Withdrawal,
  writeNotifications,
} from '../db/statements/write-notifications.ts'
import type { TweetId, UserId } from '../domain/ids.ts'
import { mutedWordsMatcher } from '../domain/muted-words.ts'
import { isNotified } from '../domain/notifications.ts'
import type { Deps } from '../services/deps.ts'
import type { Delivery } from './deliveries.ts'
import { keyOf, tellingsOf } from './notification-tellings.ts'
import { sendDeliveries } from './send-deliveries.ts'
import { forEachBounded, type Verdict } from './work.ts'

/** Large audiences that are split at once: each is a statement that reads all of it. */
const SPLITS_AT_ONCE = 2

/** Three statements for the whole batch, and a call for each recipient whose timeline is warm. */
export async function notify(
  deps: Deps,
  messages: NotificationMessage[],
  again: boolean,
): Promise<Verdict[]> {
  const startMs = deps.now()
  const happenings = messages.flatMap(({ outbox_id, event }) =>
    isHappening(event) ? [{ outbox_id, event }] : [],
  )
  const plans = happenings.length === 0 ? [] : await planNotifications(deps.db, happenings, again)
  const events = new Map(happenings.map(({ outbox_id, event }) => [outbox_id, event]))
  const { large = [], small = [] } = Object.groupBy(plans, ({ outbox_id, candidates }) =>
    events.get(outbox_id)?.type === 'audience' && candidates.length > AUDIENCE_CHUNK ? 'large' : 'small',
  )
  const rulings = small.flatMap((plan) => rulingsOf(plan, startMs))
  const { told, unfinished } = await writeNotifications(
    deps.db,
    [...new Map(rulings.map((ruling) => [keyOf(ruling), ruling])).values()],
    small.flatMap((plan) => withdrawalOf(plan, events)),
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
  const retried = new Set([...unsplit, ...concerned.map(({ outbox_id }) => outbox_id)])
  const owed = [...stepsOf(unfinished, happenings), ...pushesOf(rulings, told, listening)].filter(
    ({ outbox_id }) => !retried.has(outbox_id),
  )
  const kept = new Set([...retried, ...[...large, ...owed].map(({ outbox_id }) => outbox_id)])
  const done = messages.map(({ outbox_id }) => outbox_id).filter((id) => !kept.has(id))
  await sendOwed(deps, await settleOutbox(deps.db, 'notifications', done, owed))
  deps.log.info('notified', {
    messages: messages.length,
    told: told.length,
    calls: deliveries.length,
    failed: untold.size,
    split: large.length - unsplit.length,
    retried: retried.size,
    lag_ms: Math.max(0, ...plans.map(({ age_ms }) => age_ms)) + deps.now() - startMs,
    duration_ms: deps.now() - startMs,
  })
  return messages.map(({ outbox_id }) => (retried.has(outbox_id) ? 'retry' : 'ack'))
}

function isHappening(event: NotificationEvent): event is Happening {
  return (
    event.type !== 'message_sent' &&
    event.type !== 'messages_read' &&
    event.type !== 'push' &&
    event.type !== 'block_changed'
  )
}

interface OwnedRuling extends Ruling {
  outbox_id: number
}

/** What the policy says of everybody whom a message may concern. */
function rulingsOf({ outbox_id, is_repeat, candidates }: NotificationPlan, nowMs: number): OwnedRuling[] {
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

function withdrawalOf({ outbox_id, gone }: NotificationPlan, events: Events): Withdrawal[] {
  const event = events.get(outbox_id)
  return event?.type === 'tweet_withdrawn' ? [{ tweet_id: event.tweet_id as TweetId, gone }] : []
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

/** The next step of what was deleted with more notifications than one step withdraws. */
function stepsOf(
  unfinished: readonly TweetId[],
  happenings: readonly { outbox_id: number; event: Happening }[],
): OwedMessage<NotificationEvent>[] {
  return happenings.flatMap(({ outbox_id, event }) =>
    event.type === 'tweet_withdrawn' && unfinished.includes(event.tweet_id as TweetId)
      ? [{ outbox_id, message: event }]
      : [],
  )
}

/** To the browsers of those who have no socket open, of what they were not told before. */
function pushesOf(
  rulings: readonly OwnedRuling[],
  told: readonly Told[],
  listening: ReadonlySet<UserId>,
): OwedMessage<NotificationEvent>[] {
  const owners = new Map(rulings.map((ruling) => [keyOf(ruling), ruling]))
  return told.flatMap(({ user_id, has_push, notifications }) => {
    if (!has_push || listening.has(user_id)) return []
    return notifications.flatMap(
      ({ id, type, actor, tweet_id, is_new }): OwedMessage<NotificationEvent>[] => {
        const owner = owners.get(keyOf({ user_id, type, actor_id: actor.id, tweet_id }))
        if (owner === undefined || !(is_new || owner.is_repeat)) return []
        return [
          { outbox_id: owner.outbox_id, message: { type: 'push', v: 1, user_id, of: 'notification', id } },
        ]
      },
    )
  })
}

/** Their rows are committed: what cannot be sent now the relay sends. */
async function sendOwed(deps: Deps, rows: OutboxRow[]): Promise<void> {
  if (rows.length === 0) return
  try {
    await deps.queues.sendOutbox(rows)
  } catch (error) {
    deps.log.warn('owed_not_sent', { rows: rows.length, error })
  }
}
