import type pg from 'pg'
import type { NewTweet } from '../../../src/db/statements/publish-tweet.ts'
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

/** What the service hands to `insertTweet` for this text; `changes` replace parts of it. */
export function newTweet(authorId: UserId, content: string, changes: Partial<NewTweet> = {}): NewTweet {
  const createdAtMs = ownMoment()
  const entities = extractEntities(content)
  return {
    id: newTweetId(createdAtMs, authorId, Math.random),
    nonce: crypto.randomUUID(),
    authorId,
    content,
    entities,
    tags: uniqueTags(entities),
    mentioned: uniqueMentions(entities),
    isSensitive: false,
    createdAtMs,
    idempotency: null,
    ...changes,
  }
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
