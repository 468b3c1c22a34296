import { type SQL, sql } from 'drizzle-orm'
import type { TweetId, UserId } from '../../domain/ids.ts'
import { array } from '../client.ts'
import type { Publication } from './publish-tweet.ts'
import { isPresent } from './visibility.ts'

interface Named {
  place: number
  field: 'reply_to_id' | 'quote_tweet_id'
  id: TweetId
}

/** The tweets that were there before, which these answer and quote. */
export function namedBy({ tweets }: Publication): Named[] {
  const own = new Set(tweets.map(({ id }) => id))
  return tweets.flatMap(({ replyToId, quoteTweetId }, place): Named[] => [
    ...(replyToId === null || own.has(replyToId)
      ? []
      : [{ place, field: 'reply_to_id' as const, id: replyToId }]),
    ...(quoteTweetId === null ? [] : [{ place, field: 'quote_tweet_id' as const, id: quoteTweetId }]),
  ])
}

/**
 * A CTE's body: what the tweets name, and why that is refused. One is told of a block, but not of what one may not
 * see; a private author's tweet stays with their followers, so only they themselves quote it.
 */
export function judgeNamed(author: UserId, named: Named[]): SQL {
  const ids = array(
    named.map(({ id }) => id),
    'bigint',
  )
  return sql`
      select n.place, n.field, t.id, t.user_id, t.conversation_id, case
        when t.id is null or t.is_deleted or not ${isPresent} then 'tweet_not_found'
        when u.id = ${author} then null
        when u.is_private and not exists (
          select from follows f where f.follower_id = ${author} and f.following_id = u.id) then 'tweet_not_found'
        when exists (select from blocks b where b.blocker_id = u.id and b.blocked_id = ${author}) then 'blocked'
        when exists (select from blocks b where b.blocker_id = ${author} and b.blocked_id = u.id)
          then 'tweet_not_found'
        when n.field = 'quote_tweet_id' and u.is_private then 'forbidden'
      end as refusal
      from jsonb_to_recordset(${JSON.stringify(named)}::jsonb) as n(place int, field text, id bigint)
      left join (tweets t join users u on u.id = t.user_id) on t.id = n.id and t.id = any(${ids})`
}
