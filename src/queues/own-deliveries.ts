import type { FanOutEvent, FanOutMessage } from '../contracts/queues.ts'
import type { TimelineOp } from '../contracts/timeline.ts'
import type { Db } from '../db/client.ts'
import { readFlags } from '../db/statements/engagement.ts'
import { readWarm } from '../db/statements/fan-out.ts'
import { readPreferences } from '../db/statements/muted-words.ts'
import type { TweetId, UserId } from '../domain/ids.ts'
import type { Delivery } from './deliveries.ts'

/** What concerns one timeline alone, where that timeline is warm: a cold one reads the truth when it is built. */
export async function ownDeliveries(db: Db, messages: readonly FanOutMessage[]): Promise<Delivery[]> {
  const [own, flags, preferences] = await Promise.all([
    ownerDeliveries(db, messages),
    flagDeliveries(db, messages),
    preferenceDeliveries(db, messages),
  ])
  return [...own, ...flags, ...preferences]
}

async function ownerDeliveries(db: Db, messages: readonly FanOutMessage[]): Promise<Delivery[]> {
  const own = messages.flatMap(({ outbox_id, event }) => ownerDelivery(outbox_id, event) ?? [])
  if (own.length === 0) return []
  const warm = new Set(
    await readWarm(
      db,
      own.map(({ receiver }) => receiver),
    ),
  )
  return own.filter(({ receiver }) => warm.has(receiver))
}

function ownerDelivery(outboxId: number, event: FanOutEvent): Delivery | null {
  switch (event.type) {
    case 'follow_changed': {
      const type = event.following ? 'follow' : 'unfollow'
      const send = { type, userId: event.followee_id as UserId, version: event.graph_version } as const
      return { outboxId, receiver: event.follower_id as UserId, send }
    }
    case 'drop_changed': {
      const { reason, graph_version: version } = event
      const userId = event.other_id as UserId
      const send: TimelineOp = event.dropped
        ? { type: 'drop', userId, reason, untilMs: event.until_ms, version }
        : { type: 'undrop', userId, reason, version }
      return { outboxId, receiver: event.user_id as UserId, send }
    }
    case 'retweets_wanted': {
      const { wanted: shown, graph_version: version } = event
      const send = { type: 'show_retweets', userId: event.followee_id as UserId, shown, version } as const
      return { outboxId, receiver: event.follower_id as UserId, send }
    }
    case 'session_ended': {
      const { session_id: sessionId, except_session_id: exceptSessionId } = event
      const send = { type: 'end_sessions', sessionId, exceptSessionId } as const
      return { outboxId, receiver: event.user_id as UserId, send }
    }
    default:
      return null
  }
}

/** Flags are read anew: whatever the messages' order, the timeline hears what holds now. */
async function flagDeliveries(db: Db, messages: readonly FanOutMessage[]): Promise<Delivery[]> {
  const changed = messages.flatMap(({ outbox_id, event }) =>
    event.type === 'flags_changed'
      ? [{ outbox_id, user_id: event.user_id as UserId, tweet_id: event.tweet_id as TweetId }]
      : [],
  )
  if (changed.length === 0) return []
  const states = await readFlags(db, changed)
  return changed.flatMap(({ outbox_id, user_id, tweet_id }) => {
    const state = states.find((one) => one.user_id === user_id && one.tweet_id === tweet_id)
    if (state === undefined) return []
    const acted = { tweetId: tweet_id, flags: state.flags, version: state.version }
    return [{ outboxId: outbox_id, receiver: user_id, send: { type: 'flags', acted } as const }]
  })
}

/** Preferences are read anew as flags are. */
async function preferenceDeliveries(db: Db, messages: readonly FanOutMessage[]): Promise<Delivery[]> {
  const changed = messages.flatMap(({ outbox_id, event }) =>
    event.type === 'preferences_changed' ? [{ outboxId: outbox_id, receiver: event.user_id as UserId }] : [],
  )
  if (changed.length === 0) return []
  const states = await readPreferences(
    db,
    changed.map(({ receiver }) => receiver),
  )
  return changed.flatMap(({ outboxId, receiver }) => {
    const state = states.find((one) => one.user_id === receiver)
    if (state === undefined) return []
    const { words, hidesSensitive, version } = state
    return [{ outboxId, receiver, send: { type: 'preferences', words, hidesSensitive, version } as const }]
  })
}
