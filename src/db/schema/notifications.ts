import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  date,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  unique,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core'
import { createdAt, id, identity, instant } from './columns.ts'
import { sessions } from './sessions.ts'
import { users } from './users.ts'

const user = (name: string) =>
  id(name)
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' })

/**
 * What happened to a user, once for each (type, tweet, actor). One that is withdrawn is kept for a day, so that its
 * recipient can still be told so, and so that what is done again within the day is told under the same id. No foreign key
 * to `tweets`: see ADR 0004.
 */
export const notifications = pgTable(
  'notifications',
  {
    id: identity(),
    userId: user('user_id'),
    actorId: user('actor_id'),
    type: varchar('type', { length: 50 }).notNull(),
    tweetId: id('tweet_id'),
    isRead: boolean('is_read').notNull().default(false),
    createdAt: createdAt(),
    withdrawnAt: instant('withdrawn_at'),
  },
  (t) => [
    unique('notifications_once').on(t.userId, t.type, t.tweetId, t.actorId).nullsNotDistinct(),
    index('idx_notifications_user_id').on(t.userId, t.type, t.id).where(sql`withdrawn_at is null`),
    index('notifications_tweet_id')
      .on(t.tweetId, t.type, t.id)
      .where(sql`tweet_id is not null and withdrawn_at is null`),
    index('notifications_withdrawn').on(t.withdrawnAt).where(sql`withdrawn_at is not null`),
    index('notifications_withdrawn_of_tweet')
      .on(t.tweetId, t.withdrawnAt)
      .where(sql`tweet_id is not null and withdrawn_at is not null`),
    check(
      'notifications_type',
      sql`${t.type} in ('like', 'retweet', 'quote', 'reply', 'mention', 'follow', 'follow_request', 'poll', 'tweet')`,
    ),
  ],
)

/**
 * What a user's notifications have in common. Whoever changes some of them first raises `version`, and so waits for all
 * others who do: the count is exact, and of two states of it the one with the higher version holds.
 */
export const notificationInboxes = pgTable('notification_inboxes', {
  userId: user('user_id').primaryKey(),
  unreadCount: integer('unread_count').notNull().default(0),
  /** Whatever has this id or a lower one is read. */
  readUpToId: id('read_up_to_id').notNull().default(0),
  version: bigint('version', { mode: 'number' }).notNull().default(0),
  /** By type, who may cause one: `following` or `nobody`; absent for everyone. */
  preferences: jsonb('preferences').notNull().default({}),
})

/** "A, B and 40 others liked your tweet": of a tweet, or of a day where there is no tweet. */
export const notificationGroups = pgTable(
  'notification_groups',
  {
    userId: user('user_id'),
    type: varchar('type', { length: 50 }).notNull(),
    tweetId: id('tweet_id'),
    day: date('day', { mode: 'string' }),
    latestId: id('latest_id').notNull(),
    latestAt: instant('latest_at').notNull(),
    total: integer('total').notNull(),
    /** The newest few, newest first. */
    actorIds: bigint('actor_ids', { mode: 'number' }).array().notNull(),
  },
  (t) => [
    unique('notification_groups_once').on(t.userId, t.type, t.tweetId, t.day).nullsNotDistinct(),
    index('notification_groups_latest').on(t.userId, t.type, t.latestId).where(sql`total > 0`),
  ],
)

/** Conversations whose notifications a user does not want. */
export const mutedConversations = pgTable(
  'muted_conversations',
  { userId: user('user_id'), conversationId: id('conversation_id').notNull(), createdAt: createdAt() },
  (t) => [primaryKey({ columns: [t.userId, t.conversationId] })],
)

/** Phrases that a user does not want to see, on their home timeline or in notifications. */
export const mutedWords = pgTable(
  'muted_words',
  {
    id: identity(),
    userId: user('user_id'),
    phrase: varchar('phrase', { length: 100 }).notNull(),
    /** As it is compared. */
    folded: text('folded').notNull(),
    expiresAt: instant('expires_at'),
    createdAt: createdAt(),
  },
  (t) => [
    unique('muted_words_once').on(t.userId, t.folded),
    index('muted_words_expire').on(t.expiresAt).where(sql`expires_at is not null`),
  ],
)

/** Where a browser takes notifications while it has no socket. It ends with the session that it was made in. */
export const pushSubscriptions = pgTable(
  'push_subscriptions',
  {
    id: identity(),
    userId: user('user_id'),
    sessionId: uuid('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    endpoint: text('endpoint').notNull().unique(),
    p256dh: text('p256dh').notNull(),
    auth: text('auth').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    index('push_subscriptions_user_id').on(t.userId),
    index('push_subscriptions_session_id').on(t.sessionId),
  ],
)
