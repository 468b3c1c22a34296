import { type SearchEvent, type SearchMessage, searchMessage } from '../contracts/queues.ts'
import { type OwedMessage, settleOutbox } from '../db/statements/outbox.ts'
import { readSearchable, type Searchable, type SearchableStep } from '../db/statements/searchable.ts'
import type { Deps } from '../services/deps.ts'
import { sendOwed } from '../services/send-owed.ts'
import { consume } from './consume.ts'
import { keepPoison } from './dead-letter.ts'
import { indexChangesOf } from './index-changes.ts'
import type { Verdict } from './work.ts'

/** Tweets or people that the steps of one batch go through, shared by them: a call of some 300 KB. */
const STEPPED_PER_BATCH = 500

/**
 * Tells the search Worker what holds of whatever changed: one statement reads it for a whole batch, two calls at once
 * index and remove it, one statement settles. What is told carries a version, so it may come late, twice and in any order.
 */
export async function consumeSearchIndex(batch: MessageBatch, deps: Deps): Promise<void> {
  await consume<SearchMessage>(batch, deps.log, {
    databaseEpoch: deps.settings.databaseEpoch,
    parse: (body) => searchMessage.safeParse(body).data ?? null,
    handle: (messages) => tellSearch(deps, messages),
    onPoison: (bodies) => keepPoison(deps, 'search', bodies),
  })
}

async function tellSearch(deps: Deps, messages: readonly SearchMessage[]): Promise<Verdict[]> {
  const distinct = [...new Map(messages.map((message) => [message.outbox_id, message])).values()]
  const tweets = distinct.flatMap(({ event }) => (event.type === 'tweet_changed' ? [event.tweet_id] : []))
  const people = distinct.flatMap(({ event }) => (event.type === 'user_changed' ? [event.user_id] : []))
  const steps = withoutOvertaken(distinct).flatMap((message) => stepOf(message) ?? [])
  const stepSize = Math.max(1, Math.floor(STEPPED_PER_BATCH / Math.max(1, steps.length)))
  const named = { tweets: [...new Set(tweets)], people: [...new Set(people)] }
  const startMs = deps.now()
  const outboxIds = distinct.map(({ outbox_id }) => outbox_id)
  const found = await readSearchable(deps.db, { outboxIds, ...named, steps, stepSize })
  const changes = indexChangesOf(named, found, deps.settings.databaseEpoch)
  await Promise.all([
    changes.tweets.length + changes.people.length > 0 ? deps.search.index(changes) : null,
    changes.removedTweets.length + changes.removedPeople.length > 0 ? deps.search.remove(changes) : null,
  ])
  const owed = distinct.flatMap((message) => nextOf(message, found) ?? [])
  const stepping = new Set(owed.map(({ outbox_id }) => outbox_id))
  const done = outboxIds.filter((id) => !stepping.has(id))
  await sendOwed(deps, await settleOutbox(deps.db, 'search', done, owed))
  deps.log.info('search_told', {
    messages: distinct.length,
    indexed: changes.tweets.length + changes.people.length,
    removed: changes.removedTweets.length + changes.removedPeople.length,
    left: owed.length,
    lag_ms: found.lag_ms,
    duration_ms: deps.now() - startMs,
  })
  return messages.map(() => 'ack')
}

/**
 * Of the walks through one author's tweets only those of the author's last change go on. Nothing is lost by it: a later
 * change has a walk of its own, owed in its transaction, from the newest tweet on, and all that one tells, or has told, it reads
 * after both changes. That it is here says that it is owed: the author's revision alone would not, because a new name
 * raises it, too.
 */
function withoutOvertaken(messages: readonly SearchMessage[]): SearchMessage[] {
  const last = new Map<number, number>()
  for (const { event } of messages) {
    if (event.type !== 'tweets_of_changed') continue
    last.set(event.user_id, Math.max(event.revision, last.get(event.user_id) ?? 0))
  }
  return messages.filter(
    ({ event }) => event.type !== 'tweets_of_changed' || event.revision === last.get(event.user_id),
  )
}

function stepOf({ outbox_id: outboxId, event }: SearchMessage): SearchableStep | null {
  if (event.type === 'tweets_of_changed') {
    return { outboxId, of: 'author', userId: event.user_id, beforeId: event.before_id }
  }
  return event.type === 'reindex' ? { outboxId, of: event.of, afterId: event.after_id } : null
}

/** What a step owes in its message's place; null where it was the last. */
function nextOf({ outbox_id, event }: SearchMessage, { steps }: Searchable): OwedMessage<SearchEvent> | null {
  const lastId = steps.find((step) => step.outbox_id === outbox_id)?.last_id ?? null
  if (event.type === 'tweets_of_changed' && lastId !== null) {
    return { outbox_id, message: { ...event, before_id: lastId } }
  }
  if (event.type !== 'reindex') return null
  if (lastId !== null) return { outbox_id, message: { ...event, after_id: lastId } }
  return event.of === 'people' ? { outbox_id, message: { ...event, of: 'tweets', after_id: 0 } } : null
}
