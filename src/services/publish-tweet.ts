import type { Tweet } from '../contracts/http/tweets.ts'
import type { Card, TimelineOp } from '../contracts/timeline.ts'
import { isUnavailable } from '../db/client.ts'
import { insertTweet, type NewTweet, type Published } from '../db/statements/publish-tweet.ts'
import type { TweetRecord } from '../db/statements/tweet-columns.ts'
import { readTweet } from '../db/statements/tweets.ts'
import { AppError } from '../domain/errors.ts'
import { type EntryId, newTweetId, type TweetId, timeOf } from '../domain/ids.ts'
import { QUOTA_WINDOW_SECONDS } from '../domain/limits.ts'
import { checkContent, extractEntities, uniqueMentions, uniqueTags } from '../domain/tweet-text.ts'
import { NO_FLAGS, presentTweet, serializeCard } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/** How often another id is tried when the first is taken: each is with probability 1/4 at the worst. */
const ID_TRIES = 3

export interface TweetDraft {
  content: string
  isSensitive: boolean
  idempotencyKey: string | null
}

/**
 * Publishes a tweet: one round trip to the database and one to the author's own timeline. Everybody else's timelines,
 * counters and search follow by the outbox. Throws `validation_failed`, `rate_limited`, `suspended`,
 * `idempotency_conflict`.
 */
export async function publishTweet(deps: Deps, viewer: Viewer, draft: TweetDraft): Promise<Tweet> {
  const content = requireContent(draft.content)
  const { written, published } = await insert(deps, viewer, await prepare(deps, viewer, content, draft))
  if (published.outcome === 'repeated') return readFirstResult(deps, viewer, published.tweet_id)

  deps.defer(deps.queues.sendOutbox(published.outbox))
  const hashtags = published.hashtag_ids.map((id) => ({ subject: 'hashtag' as const, id }))
  deps.defer(deps.queues.sendFold([{ subject: 'user', id: viewer.id }, ...hashtags]))
  const record = toRecord(written, published)
  await tellOwnTimeline(deps, viewer.id, [deliverOf(record)])
  return presentTweet(record, NO_FLAGS, { viewerId: viewer.id })
}

function requireContent(raw: string): string {
  const check = checkContent(raw, { mayBeBlank: false })
  if (check.ok) return check.content
  const message =
    check.reason === 'blank'
      ? 'must say something'
      : `must have at most 280 characters, and has ${check.length}`
  throw new AppError('validation_failed', { errors: [{ path: 'json.content', message }] })
}

type TweetWithoutId = Omit<NewTweet, 'id' | 'createdAtMs'>

async function prepare(
  deps: Deps,
  viewer: Viewer,
  content: string,
  { isSensitive, idempotencyKey }: TweetDraft,
): Promise<TweetWithoutId> {
  const entities = extractEntities(content)
  const requestHash = idempotencyKey === null ? '' : await hashOf(JSON.stringify([content, isSensitive]))
  return {
    nonce: deps.uuid(),
    authorId: viewer.id,
    content,
    entities,
    tags: uniqueTags(entities),
    mentioned: uniqueMentions(entities),
    isSensitive,
    idempotency: idempotencyKey === null ? null : { key: idempotencyKey, requestHash },
  }
}

interface Inserted {
  written: NewTweet
  published: Extract<Published, { outcome: 'published' | 'repeated' }>
}

/**
 * Inserts under a new id, and under another when that is taken. When the database's answer is lost, the very same
 * insert is sent once more: the nonce tells whether the first had been committed.
 */
async function insert(deps: Deps, viewer: Viewer, tweet: TweetWithoutId): Promise<Inserted> {
  const quota = {
    name: 'tweets',
    limit: deps.settings.tweetsPer3Hours,
    windowSeconds: QUOTA_WINDOW_SECONDS.tweets,
  } as const
  for (let attempt = 1; attempt <= ID_TRIES; attempt++) {
    const id = newTweetId(deps.now(), viewer.id, deps.random)
    const written = { ...tweet, id, createdAtMs: timeOf(id) }
    const once = () => deps.timed('db', () => insertTweet(deps.db, written, quota))
    const published = await once().catch((error: unknown) => {
      if (isUnavailable(error)) return once()
      throw error
    })
    if (published.outcome === 'published' || published.outcome === 'repeated') return { written, published }
    if (published.outcome === 'taken') {
      if (published.mine) return { written, published: { outcome: 'repeated', tweet_id: id } }
      continue
    }
    throw refusal(published)
  }
  throw new AppError('unavailable', { retryAfterSeconds: 1, detail: 'No free id was found' })
}

function refusal(published: Exclude<Published, { outcome: 'published' | 'repeated' | 'taken' }>): AppError {
  if (published.outcome !== 'rate_limited') return new AppError(published.outcome)
  return new AppError('rate_limited', {
    retryAfterSeconds: Math.max(1, published.retry_after_seconds),
    detail: 'This account has posted as many tweets as three hours allow',
  })
}

/** What the first request with this key was answered. */
async function readFirstResult(deps: Deps, viewer: Viewer, id: number): Promise<Tweet> {
  const shown = await deps.timed('db', () => readTweet(deps.db, id as TweetId, viewer.id))
  if (shown === null) throw new AppError('tweet_not_found', { detail: 'The tweet of this key was deleted' })
  return presentTweet(shown.tweet, shown.flags, { viewerId: viewer.id })
}

function toRecord(
  written: NewTweet,
  { user, revision, entities }: Extract<Published, { outcome: 'published' }>,
): TweetRecord {
  return {
    id: written.id,
    content: written.content,
    media_urls: [],
    entities,
    reply_to_id: null,
    quote_tweet_id: null,
    conversation_id: written.id,
    is_sensitive: written.isSensitive,
    edited_at: null,
    revision,
    like_count: 0,
    retweet_count: 0,
    reply_count: 0,
    quote_count: 0,
    bookmark_count: 0,
    impression_count: 0,
    user,
  }
}

function deliverOf(record: TweetRecord): TimelineOp {
  const card: Card = serializeCard(record)
  return {
    type: 'deliver',
    entry: {
      id: card.tweetId as number as EntryId,
      tweetId: card.tweetId,
      authorId: record.user.id,
      retweeterId: null,
    },
    card,
  }
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
}
