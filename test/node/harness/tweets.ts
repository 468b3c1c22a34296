import type pg from 'pg'
import type { Db } from '../../../src/db/client.ts'
import { insertTweets, type NewTweet, type Publication } from '../../../src/db/statements/publish-tweet.ts'
import type { Quota } from '../../../src/db/statements/quotas.ts'
import { newTweetId, type TweetId, type UserId } from '../../../src/domain/ids.ts'
import { extractEntities, uniqueMentions, uniqueTags } from '../../../src/domain/tweet-text.ts'

const HOUR_MS = 3_600_000

/** More than any test uses. */
export const AMPLE_QUOTA: Quota = { name: 'tweets', limit: 1_000_000, windowSeconds: 3 * 3600 }

let lastMs = Date.now() - HOUR_MS

/** A moment in the past that no other call gives: ids made of it do not collide. */
export function ownMoment(): number {
  lastMs += 1
  return lastMs
}

/** A tweet of this text, as the service makes one; `changes` replace parts of it. */
export function newTweet(authorId: UserId, content: string, changes: Partial<NewTweet> = {}): NewTweet {
  const createdAtMs = ownMoment()
  const entities = extractEntities(content)
  return {
    id: newTweetId(createdAtMs, authorId, Math.random),
    content,
    entities,
    tags: uniqueTags(entities),
    mentioned: uniqueMentions(entities),
    isSensitive: false,
    createdAtMs,
    replyToId: null,
    quoteTweetId: null,
    poll: null,
    ...changes,
  }
}

/** What the service hands to `insertTweets`, with the id of the one tweet. */
export interface OnePublication extends Publication {
  tweets: readonly [NewTweet]
  id: TweetId
}

/** A publication of one tweet of this text. */
export function newPublication(
  authorId: UserId,
  content: string,
  changes: Partial<NewTweet & Publication> = {},
): OnePublication {
  const { nonce = crypto.randomUUID(), idempotency = null, ...ofTweet } = changes
  const tweet = newTweet(authorId, content, ofTweet)
  return { authorId, nonce, idempotency, tweets: [tweet], id: tweet.id }
}

/** Publishes a tweet, or fails. */
export async function publish(
  db: Db,
  authorId: UserId,
  content: string,
  changes: Partial<NewTweet & Publication> = {},
): Promise<TweetId> {
  const publication = newPublication(authorId, content, changes)
  const { outcome } = await insertTweets(db, publication, AMPLE_QUOTA)
  if (outcome !== 'published') throw new Error(`Not published: ${outcome}`)
  return publication.id
}

/** Puts a tweet straight into the database; `columns` replace what it has by default. */
export async function addTweet(
  pool: pg.Pool,
  author: UserId,
  columns: Record<string, unknown> = {},
): Promise<TweetId> {
  const id = newTweetId(ownMoment(), author, Math.random)
  const row: Record<string, unknown> = {
    id,
    user_id: author,
    content: 'hello',
    entities: '{"hashtags": [], "mentions": [], "urls": []}',
    conversation_id: id,
    nonce: crypto.randomUUID(),
    ...columns,
  }
  const names = Object.keys(row)
  const places = names.map((_, index) => `$${index + 1}`)
  await pool.query(`insert into tweets (${names}) values (${places})`, Object.values(row))
  return id
}
