import { type SQL, sql } from 'drizzle-orm'
import type { Entities } from '../../contracts/http/tweets.ts'
import type { UserCardRow } from './profile-columns.ts'
import type { NewTweet } from './publish-tweet.ts'
import { type TweetRecord, userRecord } from './tweet-columns.ts'

/** What only the database knew of a tweet that was just inserted and quotes nothing. */
export interface NewRow {
  entities: Entities
  conversation_id: number
  revision: string
  user: UserCardRow
}

/** What the rest of a publication reads of its tweets. */
export const newColumns: SQL = sql`
        id, user_id, entities, reply_to_id, reply_to_user_id, conversation_id, revision`

/** The NewRow of the tweet `t` and its author `u`. */
export const newRow: SQL = sql`json_build_object(
          'entities', t.entities, 'conversation_id', t.conversation_id, 'revision', t.revision || '.' || u.revision,
          'user', ${userRecord('u')})`

/**
 * A tweet that was just inserted and quotes nothing, as anybody would read it but for its poll: not read again, since to
 * parse and plan that costs more than to insert it.
 */
export function newTweetRecord(tweet: NewTweet, row: NewRow): TweetRecord {
  return {
    id: tweet.id,
    content: tweet.content,
    media_urls: [],
    entities: row.entities,
    reply_to_id: tweet.replyToId,
    conversation_id: row.conversation_id,
    is_sensitive: tweet.isSensitive,
    edited_at: null,
    like_count: 0,
    retweet_count: 0,
    reply_count: 0,
    quote_count: 0,
    bookmark_count: 0,
    impression_count: 0,
    poll: null,
    user: row.user,
    revision: row.revision,
    quote: null,
  }
}
