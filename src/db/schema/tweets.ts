import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core'
import { createdAt, id, identity, instant } from './columns.ts'
import { users } from './users.ts'

/**
 * Range-partitioned by id, a month each (the migration says `partition by range (id)`; partitions are
 * attached by `ensureTweetPartitions`). Nothing points at a tweet with a foreign key: checking one locks
 * the tweet's row, which turns a popular tweet into a multixact storm (ADR 0004).
 * `revision` grows with each edit or deletion. `nonce` tells a repeated insert from a collision of ids.
 */
export const tweets = pgTable(
  'tweets',
  {
    id: id('id').primaryKey(),
    userId: id('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    content: text('content').notNull(),
    mediaUrls: jsonb('media_urls').notNull().default([]),
    entities: jsonb('entities').notNull(),
    replyToId: id('reply_to_id'),
    /** Whom a reply answers, kept with it: home timelines show replies to people one follows. */
    replyToUserId: id('reply_to_user_id'),
    quoteTweetId: id('quote_tweet_id'),
    conversationId: id('conversation_id').notNull(),
    likeCount: integer('like_count').notNull().default(0),
    retweetCount: integer('retweet_count').notNull().default(0),
    replyCount: integer('reply_count').notNull().default(0),
    quoteCount: integer('quote_count').notNull().default(0),
    bookmarkCount: integer('bookmark_count').notNull().default(0),
    impressionCount: bigint('impression_count', { mode: 'number' }).notNull().default(0),
    isSensitive: boolean('is_sensitive').notNull().default(false),
    isDeleted: boolean('is_deleted').notNull().default(false),
    revision: integer('revision').notNull().default(1),
    nonce: uuid('nonce').notNull(),
    editedAt: instant('edited_at'),
    deletedAt: instant('deleted_at'),
    /** When the content of a deleted tweet was erased. */
    erasedAt: instant('erased_at'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [
    check('content_length', sql`length(${t.content}) <= 280`),
    index('idx_tweets_user_created').on(t.userId, t.id).where(sql`is_deleted = false`),
    index('idx_tweets_reply_to_id').on(t.replyToId, t.id).where(sql`reply_to_id is not null`),
    index('tweets_conversation_id').on(t.conversationId, t.id),
    index('tweets_quote_tweet_id').on(t.quoteTweetId, t.id).where(sql`quote_tweet_id is not null`),
    index('tweets_to_erase').on(t.deletedAt).where(sql`deleted_at is not null and erased_at is null`),
  ],
)

export const hashtags = pgTable(
  'hashtags',
  {
    id: identity(),
    tag: varchar('tag', { length: 100 }).notNull().unique(),
    tweetCount: integer('tweet_count').notNull().default(0),
    createdAt: createdAt(),
  },
  (t) => [index('idx_hashtags_tweet_count').on(t.tweetCount)],
)

/** No foreign keys: both a tweet and a hashtag may be popular (ADR 0004). */
export const tweetHashtags = pgTable(
  'tweet_hashtags',
  { tweetId: id('tweet_id').notNull(), hashtagId: id('hashtag_id').notNull() },
  (t) => [
    primaryKey({ columns: [t.tweetId, t.hashtagId] }),
    index('idx_tweet_hashtags_hashtag_id').on(t.hashtagId, t.tweetId),
  ],
)

export const tweetMentions = pgTable(
  'tweet_mentions',
  { tweetId: id('tweet_id').notNull(), userId: id('user_id').notNull() },
  (t) => [
    primaryKey({ columns: [t.tweetId, t.userId] }),
    index('tweet_mentions_user_id').on(t.userId, t.tweetId),
  ],
)

/** What a tweet said before each edit, oldest first. */
export const tweetVersions = pgTable(
  'tweet_versions',
  {
    tweetId: id('tweet_id').notNull(),
    version: integer('version').notNull(),
    content: text('content').notNull(),
    entities: jsonb('entities').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tweetId, t.version] })],
)
