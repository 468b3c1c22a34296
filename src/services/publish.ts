import type { Tweet } from '../contracts/http/tweets.ts'
import { isUnavailable } from '../db/client.ts'
import type { Subject } from '../db/statements/counters.ts'
import {
  insertTweets,
  type NewTweet,
  type Publication,
  type Published,
  type PublishedTweet,
} from '../db/statements/publish-tweet.ts'
import type { TweetRecord } from '../db/statements/tweet-columns.ts'
import { readPublication } from '../db/statements/tweets.ts'
import { AppError } from '../domain/errors.ts'
import { newTweetId, type TweetId, timeOf } from '../domain/ids.ts'
import { QUOTA_WINDOW_SECONDS } from '../domain/limits.ts'
import { NO_FLAGS, presentTweet } from '../views/present-tweet.ts'
import { type CheckedTweet, checkDraft, type TweetDraft } from './check-draft.ts'
import { deliveryOf } from './deliver-own-tweet.ts'
import type { Deps, Viewer } from './deps.ts'
import { hashOf } from './hash-of.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/** How often other ids are tried when the first are taken: each is with probability 1/4 at the worst. */
const ID_TRIES = 3

const MINUTE_MS = 60_000

type Some<Item> = readonly [Item, ...Item[]]

interface Request {
  drafts: Some<TweetDraft>
  idempotencyKey: string | null
  /** Where a tweet stands in the request's body, for problems. */
  pathOf(place: number): string
}

/** Publishes one tweet or a thread: all of `publishTweet` and `publishThread` but the shape of what is asked. */
export async function publish(deps: Deps, viewer: Viewer, request: Request): Promise<[Tweet, ...Tweet[]]> {
  const tweets = mapSome(request.drafts, (draft, place) => checkDraft(draft, request.pathOf(place)))
  const { written, published } = await insert(deps, viewer, request, tweets)
  if (published.outcome === 'repeated') {
    return readFirstResult(deps, viewer, { id: published.tweet_id, tweets: tweets.length })
  }

  deps.defer(deps.queues.sendOutbox(published.outbox))
  deps.defer(deps.queues.sendFold(subjectsOf(viewer, written, published.hashtag_ids)))
  const records = published.tweets.map((tweet, place) => withPoll(tweet, written[place]?.poll ?? null))
  await tellOwnTimeline(
    deps,
    viewer.id,
    records.map(({ card }) => deliveryOf(card)),
  )
  const reader = { viewerId: viewer.id, nowMs: deps.now() }
  return some(records.map(({ tweet }) => presentTweet(tweet, NO_FLAGS, reader)))
}

interface Inserted {
  written: Some<NewTweet>
  published: Extract<Published, { outcome: 'published' | 'repeated' }>
}

/**
 * Inserts under new ids, and under others when one is taken. When the database's answer is lost, the very same
 * insert is sent once more: the nonce tells whether the first had been committed.
 */
async function insert(
  deps: Deps,
  viewer: Viewer,
  request: Request,
  tweets: Some<CheckedTweet>,
): Promise<Inserted> {
  const quota = {
    name: 'tweets',
    limit: deps.settings.tweetsPer3Hours,
    windowSeconds: QUOTA_WINDOW_SECONDS.tweets,
  } as const
  const common = {
    authorId: viewer.id,
    nonce: deps.uuid(),
    idempotency: await idempotencyOf(request.idempotencyKey, tweets),
  }
  for (let attempt = 1; attempt <= ID_TRIES; attempt++) {
    const written = withIds(deps, viewer, tweets)
    const publication: Publication = { ...common, tweets: written }
    const once = () => deps.timed('db', () => insertTweets(deps.db, publication, quota))
    const published = await once().catch((error: unknown) => {
      if (isUnavailable(error)) return once()
      throw error
    })
    if (published.outcome === 'published' || published.outcome === 'repeated') return { written, published }
    if (published.outcome === 'taken') {
      if (published.mine) return { written, published: { outcome: 'repeated', tweet_id: written[0].id } }
      continue
    }
    throw refusal(published, request)
  }
  throw new AppError('unavailable', { retryAfterSeconds: 1, detail: 'No free id was found' })
}

/** The tweets at successive milliseconds from now on, each answering the one before. */
function withIds(deps: Deps, viewer: Viewer, tweets: Some<CheckedTweet>): Some<NewTweet> {
  const nowMs = deps.now()
  let before: TweetId | null = null
  return mapSome(tweets, ({ poll, ...tweet }, place): NewTweet => {
    const id = newTweetId(nowMs + place, viewer.id, deps.random)
    const replyToId = before ?? tweet.replyToId
    before = id
    const createdAtMs = timeOf(id)
    const ending = poll && { options: poll.options, endsAtMs: createdAtMs + poll.durationMinutes * MINUTE_MS }
    return { ...tweet, id, replyToId, createdAtMs, poll: ending }
  })
}

function refusal(
  published: Exclude<Published, { outcome: 'published' | 'repeated' | 'taken' }>,
  request: Request,
): AppError {
  switch (published.outcome) {
    case 'rate_limited':
      return new AppError('rate_limited', {
        retryAfterSeconds: Math.max(1, published.retry_after_seconds),
        detail: 'This account has posted as many tweets as three hours allow',
      })
    case 'refused': {
      const { code, field, place } = published
      const path = `${request.pathOf(place)}.${field}`
      return new AppError(code, { errors: [{ path, message: REASONS[code] }] })
    }
    default:
      return new AppError(published.outcome)
  }
}

const REASONS = {
  tweet_not_found: 'there is no such tweet',
  blocked: 'its author has blocked you',
  forbidden: 'its author is private: nobody else may quote it',
} as const

/** What the first request with this key was answered. */
async function readFirstResult(
  deps: Deps,
  viewer: Viewer,
  { id, tweets }: { id: TweetId; tweets: number },
): Promise<[Tweet, ...Tweet[]]> {
  const shown = await deps.timed('db', () => readPublication(deps.db, id, { author: viewer.id, tweets }))
  if (shown.length === 0)
    throw new AppError('tweet_not_found', { detail: 'The tweet of this key was deleted' })
  const reader = { viewerId: viewer.id, nowMs: deps.now() }
  return some(shown.map(({ tweet, flags }) => presentTweet(tweet, flags, reader)))
}

/** Whose counters change. */
function subjectsOf(viewer: Viewer, written: Some<NewTweet>, hashtags: number[]): Subject[] {
  const named = new Set(written.flatMap(({ replyToId, quoteTweetId }) => [replyToId, quoteTweetId]))
  return [
    { subject: 'user', id: viewer.id },
    ...hashtags.map((id): Subject => ({ subject: 'hashtag', id })),
    ...[...named].flatMap((id): Subject[] => (id === null ? [] : [{ subject: 'tweet', id }])),
  ]
}

/** The statement that inserts a poll does not see it. */
function withPoll({ tweet, card }: PublishedTweet, poll: NewTweet['poll']): PublishedTweet {
  if (poll === null) return { tweet, card }
  const record: TweetRecord['poll'] = {
    ends_at: poll.endsAtMs,
    options: poll.options.map((text, position) => ({ position, text, vote_count: 0 })),
  }
  return { tweet: { ...tweet, poll: record }, card: { ...card, poll: record } }
}

/** The same key with another request is a conflict: the request is all that was asked for, normalized. */
async function idempotencyOf(
  key: string | null,
  tweets: Some<CheckedTweet>,
): Promise<Publication['idempotency']> {
  if (key === null) return null
  const asked = tweets.map(({ content, isSensitive, replyToId, quoteTweetId, poll }) => {
    return [content, isSensitive, replyToId, quoteTweetId, poll && [poll.options, poll.durationMinutes]]
  })
  return { key, requestHash: await hashOf(JSON.stringify(asked)) }
}

function mapSome<Item, Result>(
  [first, ...others]: Some<Item>,
  map: (item: Item, place: number) => Result,
): [Result, ...Result[]] {
  return [map(first, 0), ...others.map((item, index) => map(item, index + 1))]
}

function some<Item>([first, ...others]: Item[]): [Item, ...Item[]] {
  if (first === undefined) throw new Error('Publishing answered no tweet')
  return [first, ...others]
}
