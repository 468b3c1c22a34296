import type { Column } from './bulk-insert.ts'
import type { Like, Retweet } from './engagement.ts'
import type { StoredText } from './entities.ts'
import type { Follow } from './follow-graph.ts'
import type { Person } from './people.ts'
import type { Tweet } from './tweet.ts'

/** How the parts of a community become rows. Every column that has a default from the clock is given. */

export function userColumns(passwordHash: string): Column<Person>[] {
  return [
    { name: 'id', type: 'bigint', of: ({ id }) => id },
    { name: 'username', type: 'text', of: ({ username }) => username },
    { name: 'email', type: 'text', of: ({ email }) => email },
    { name: 'password_hash', type: 'text', of: () => passwordHash },
    { name: 'display_name', type: 'text', of: ({ displayName }) => displayName },
    { name: 'bio', type: 'text', of: ({ bio }) => bio },
    { name: 'location', type: 'text', of: ({ location }) => location },
    { name: 'verified', type: 'boolean', of: ({ verified }) => verified },
    { name: 'is_private', type: 'boolean', of: ({ isPrivate }) => isPrivate },
    { name: 'follower_count', type: 'integer', of: ({ followers }) => followers.length },
    { name: 'following_count', type: 'integer', of: ({ following }) => following.length },
    { name: 'tweet_count', type: 'integer', of: ({ tweetCount }) => tweetCount },
    { name: 'created_at', type: 'timestamptz', of: ({ joinedMs }) => iso(joinedMs) },
    { name: 'updated_at', type: 'timestamptz', of: ({ joinedMs }) => iso(joinedMs) },
  ]
}

export const FOLLOW_COLUMNS: Column<Follow>[] = [
  { name: 'follower_id', type: 'bigint', of: ({ follower }) => follower.id },
  { name: 'following_id', type: 'bigint', of: ({ followee }) => followee.id },
  { name: 'created_at', type: 'timestamptz', of: ({ atMs }) => iso(atMs) },
]

export interface WrittenTweet extends StoredText {
  tweet: Tweet
  nonce: string
}

export const TWEET_COLUMNS: Column<WrittenTweet>[] = [
  { name: 'id', type: 'bigint', of: ({ tweet }) => tweet.id },
  { name: 'user_id', type: 'bigint', of: ({ tweet }) => tweet.author.id },
  { name: 'content', type: 'text', of: ({ content }) => content },
  { name: 'entities', type: 'jsonb', of: ({ entities }) => JSON.stringify(entities) },
  { name: 'reply_to_id', type: 'bigint', of: ({ tweet }) => tweet.repliesTo?.id ?? null },
  { name: 'reply_to_user_id', type: 'bigint', of: ({ tweet }) => tweet.repliesTo?.author.id ?? null },
  { name: 'conversation_id', type: 'bigint', of: ({ tweet }) => tweet.conversationId },
  { name: 'like_count', type: 'integer', of: ({ tweet }) => tweet.likeCount },
  { name: 'retweet_count', type: 'integer', of: ({ tweet }) => tweet.retweetCount },
  { name: 'reply_count', type: 'integer', of: ({ tweet }) => tweet.replyCount },
  { name: 'nonce', type: 'uuid', of: ({ nonce }) => nonce },
  { name: 'created_at', type: 'timestamptz', of: ({ tweet }) => iso(tweet.atMs) },
  { name: 'updated_at', type: 'timestamptz', of: ({ tweet }) => iso(tweet.atMs) },
]

export const LIKE_COLUMNS: Column<Like>[] = [
  { name: 'user_id', type: 'bigint', of: ({ person }) => person.id },
  { name: 'tweet_id', type: 'bigint', of: ({ tweet }) => tweet.id },
  { name: 'created_at', type: 'timestamptz', of: ({ atMs }) => iso(atMs) },
]

export const RETWEET_COLUMNS: Column<Retweet>[] = [
  { name: 'id', type: 'bigint', of: ({ id }) => id },
  { name: 'user_id', type: 'bigint', of: ({ person }) => person.id },
  { name: 'tweet_id', type: 'bigint', of: ({ tweet }) => tweet.id },
  { name: 'created_at', type: 'timestamptz', of: ({ atMs }) => iso(atMs) },
]

export interface Tagging {
  tweet: Tweet
  tag: string
}

export interface Mentioning {
  tweet: Tweet
  person: Person
}

export const MENTION_COLUMNS: Column<Mentioning>[] = [
  { name: 'tweet_id', type: 'bigint', of: ({ tweet }) => tweet.id },
  { name: 'user_id', type: 'bigint', of: ({ person }) => person.id },
]

export function taggingColumns(hashtagIds: ReadonlyMap<string, string>): Column<Tagging>[] {
  return [
    { name: 'tweet_id', type: 'bigint', of: ({ tweet }) => tweet.id },
    { name: 'hashtag_id', type: 'bigint', of: ({ tag }) => hashtagIds.get(tag) ?? null },
  ]
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
