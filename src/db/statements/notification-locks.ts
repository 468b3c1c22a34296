import { type SQL, sql } from 'drizzle-orm'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { array } from '../client.ts'
import { isErased } from './visibility.ts'

/**
 * Counts that these messages were taken. Whoever has one of them, too, waits here, and then sees that it may be done in
 * part; who came first leaves it to that one.
 */
export function claimMessages(messages: readonly number[]): SQL {
  return sql`
    with claimed as (
      select id from outbox where id = any(${array(messages, 'bigint')}) order by id for no key update
    )
    update outbox o set attempts = o.attempts + 1 from claimed where o.id = claimed.id`
}

/** Locks tweets in one order: shared by all who tell of them, exclusive for who tells of their deletion or of an edit. */
export function lockTweets({
  shared,
  exclusive,
}: {
  shared: readonly TweetId[]
  exclusive: readonly TweetId[]
}): SQL | null {
  const alone = new Set(exclusive)
  const locks = [...new Set([...exclusive, ...shared])].map((tweet_id) => ({
    tweet_id,
    is_exclusive: alone.has(tweet_id),
  }))
  if (locks.length === 0) return null
  return sql`
    select case when is_exclusive then pg_advisory_xact_lock(lock) else pg_advisory_xact_lock_shared(lock) end
    from (
      select hashtextextended('notified:' || l.tweet_id, 0) as lock, bool_or(l.is_exclusive) as is_exclusive
      from jsonb_to_recordset(${JSON.stringify(locks)}::jsonb) as l(tweet_id bigint, is_exclusive boolean)
      group by 1
      order by 1) locks`
}

/**
 * Whoever changes what somebody is notified of begins with this: it locks the inboxes of those users `u`, where that is so.
 * Of an account that was erased none is made again.
 */
export function raiseVersions(users: readonly UserId[], where: SQL = sql`true`): SQL | null {
  if (users.length === 0) return null
  return sql`
    insert into notification_inboxes as i (user_id, version)
    select u.id, 1
    from users u
    where u.id = any(${array([...new Set(users)], 'bigint')}) and not ${isErased} and ${where}
    order by u.id
    on conflict (user_id) do update set version = i.version + 1`
}
