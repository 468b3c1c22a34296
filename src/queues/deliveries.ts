import type { FanOutEvent, FanOutMessage } from '../contracts/queues.ts'
import type { EndSessions, TimelineOp } from '../contracts/timeline.ts'
import type { FanOutEffect, FanOutPlan, FanOutTask } from '../db/statements/fan-out.ts'
import { type EntryId, MAX_ID, type TweetId, type UserId } from '../domain/ids.ts'
import { presentUserCard } from '../views/present-profile.ts'
import { serializeCard } from '../views/present-tweet.ts'

/** A letter to one timeline, and the message it does the effect of. */
export interface Delivery {
  outboxId: number
  receiver: UserId
  send: TimelineOp | ({ type: 'end_sessions' } & EndSessions)
}

/** What a message asks to be done to followers' timelines; null for those that concern their owner alone. */
export function taskOf({ outbox_id, event }: FanOutMessage): FanOutTask | null {
  switch (event.type) {
    case 'tweet_published':
      return task(outbox_id, 'deliver', { ...event, entry_id: event.tweet_id, by_id: event.author_id })
    case 'tweet_deleted':
      return task(outbox_id, 'retract', { ...event, entry_id: event.tweet_id, by_id: event.author_id })
    case 'tweet_edited':
      return task(outbox_id, 'revise', { ...event, entry_id: event.tweet_id, by_id: event.author_id })
    case 'tweet_retweeted':
      return task(outbox_id, 'deliver', { ...event, by_id: event.retweeter_id })
    case 'retweet_undone':
      return task(outbox_id, 'retract', { ...event, by_id: event.retweeter_id })
    case 'fan_out_chunk':
      return task(outbox_id, event.effect, event)
    default:
      return null
  }
}

interface Subject {
  entry_id: number
  tweet_id: number
  author_id: number
  by_id: number
  from_follower?: number
  to_follower?: number
  to?: number[] | undefined
}

function task(outbox_id: number, effect: FanOutEffect, subject: Subject): FanOutTask {
  return {
    outbox_id,
    effect,
    entry_id: subject.entry_id as EntryId,
    tweet_id: subject.tweet_id as TweetId,
    author_id: subject.author_id as UserId,
    by_id: subject.by_id as UserId,
    from_follower: subject.from_follower ?? 0,
    to_follower: subject.to_follower ?? MAX_ID,
    to: (subject.to as UserId[] | undefined) ?? null,
  }
}

/** The same effect for these receivers alone. */
export function narrowedTo(
  { effect, entry_id, tweet_id, author_id, by_id }: FanOutTask,
  to: UserId[],
): FanOutEvent {
  const sorted = to.toSorted((a, b) => a - b)
  const [from_follower, to_follower] = [sorted.at(0) ?? 0, sorted.at(-1) ?? 0]
  const subject = { effect, entry_id, tweet_id, author_id, by_id, from_follower, to_follower }
  return { type: 'fan_out_chunk', v: 1, ...subject, to: sorted }
}

/** One letter for each receiver of a plan. */
export function deliveriesOf(plan: FanOutPlan, tasks: ReadonlyMap<number, FanOutTask>): Delivery[] {
  const task = tasks.get(plan.outbox_id)
  const op = task === undefined ? null : opOf(task, plan)
  if (op === null) return []
  const acted = new Map(plan.acted.map((acts) => [acts.user_id, acts]))
  return plan.receivers.map((receiver) => {
    const acts = acted.get(receiver)
    if (op.type !== 'deliver' || acts === undefined) return { outboxId: plan.outbox_id, receiver, send: op }
    const { tweet_id: tweetId, flags } = acts
    const send = { ...op, acted: { tweetId, flags, version: plan.version } }
    return { outboxId: plan.outbox_id, receiver, send }
  })
}

function opOf(task: FanOutTask, { tweet, retweeter }: FanOutPlan): TimelineOp | null {
  const isRetweet = (task.entry_id as number) !== task.tweet_id
  if (task.effect === 'retract') {
    return isRetweet
      ? { type: 'retract', of: 'retweet', id: task.entry_id }
      : { type: 'retract', of: 'tweet', id: task.tweet_id }
  }
  if (tweet === null) return null
  const card = serializeCard(tweet)
  if (task.effect === 'revise') return { type: 'revise', card }
  return {
    type: 'deliver',
    entry: {
      id: task.entry_id,
      tweetId: task.tweet_id,
      authorId: task.author_id,
      retweeterId: isRetweet ? task.by_id : null,
    },
    card,
    retweeter: retweeter === null ? null : presentUserCard(retweeter),
    acted: null,
  }
}
