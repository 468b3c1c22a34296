import type pg from 'pg'
import type { Quota } from '../../../src/db/statements/quotas.ts'
import { type EntryId, newTweetId, type TweetId, type UserId } from '../../../src/domain/ids.ts'
import { addTweet, ownMoment } from './tweets.ts'

/** More than any test uses. */
export const AMPLE_LIKES: Quota = { name: 'likes', limit: 1_000_000, windowSeconds: 86_400 }

const HOUR_MS = 3_600_000

/** Puts a tweet with a poll straight into the database. */
export async function addPoll(
  pool: pg.Pool,
  author: UserId,
  options: readonly string[] = ['tea', 'coffee', 'water'],
  endsAtMs = Date.now() + HOUR_MS,
): Promise<TweetId> {
  const id = await addTweet(pool, author)
  await pool.query('insert into polls (tweet_id, ends_at) values ($1, $2)', [id, new Date(endsAtMs)])
  await pool.query(
    `insert into poll_options (tweet_id, position, text)
     select $1, place - 1, text from unnest($2::text[]) with ordinality as given(text, place)`,
    [id, options],
  )
  return id
}

/** An entry id of a retweet, which no other call gives. */
export function newEntryId(retweeter: UserId): EntryId {
  return newTweetId(ownMoment(), retweeter, Math.random) as number as EntryId
}

/** A tweet's counter as readers see it and what the ledger still holds of it. */
export async function countOf(pool: pg.Pool, tweet: TweetId, counter: string): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select (${counter} + coalesce((
       select sum(delta) from counter_deltas
       where subject = 'tweet' and subject_id = $1 and counter = $2), 0))::float8 as count
     from tweets where id = $1`,
    [tweet, counter],
  )
  return rows[0]?.count ?? Number.NaN
}

/** The types of the events that the outbox holds of what one user did to one tweet, in their order. */
export async function eventsOf(pool: pg.Pool, user: UserId, tweet: TweetId): Promise<string[]> {
  const { rows } = await pool.query<{ type: string }>(
    `select message ->> 'type' as type
     from outbox
     where (message ->> 'tweet_id')::bigint = $2
       and coalesce(message ->> 'user_id', message ->> 'retweeter_id', message ->> 'actor_id')::bigint = $1
     order by id`,
    [user, tweet],
  )
  return rows.map(({ type }) => type)
}
