import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  date,
  index,
  integer,
  pgTable,
  text,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/pg-core'
import { createdAt, id, instant } from './columns.ts'

/**
 * Counters are the folded state of the ledger (`counter_deltas`); requests never update them.
 * `revision` grows with whatever a UserCard shows, so that cached cards know they are outdated.
 * `graph_version` grows with each change of whom this user follows: it orders the operations that the
 * user's own timeline object receives by several paths.
 */
export const users = pgTable(
  'users',
  {
    id: id('id').primaryKey(),
    username: varchar('username', { length: 50 }).notNull(),
    email: varchar('email', { length: 255 }).notNull(),
    passwordHash: varchar('password_hash', { length: 255 }).notNull(),
    displayName: varchar('display_name', { length: 100 }).notNull(),
    bio: text('bio').notNull().default(''),
    avatarUrl: text('avatar_url'),
    coverUrl: text('cover_url'),
    verified: boolean('verified').notNull().default(false),
    followerCount: integer('follower_count').notNull().default(0),
    followingCount: integer('following_count').notNull().default(0),
    tweetCount: integer('tweet_count').notNull().default(0),
    location: varchar('location', { length: 100 }),
    website: varchar('website', { length: 255 }),
    birthDate: date('birth_date', { mode: 'string' }),
    isActive: boolean('is_active').notNull().default(true),
    isPrivate: boolean('is_private').notNull().default(false),
    hideSensitive: boolean('hide_sensitive').notNull().default(true),
    /** Who may begin a conversation. */
    allowMessagesFrom: text('allow_messages_from').notNull().default('everyone'),
    role: text('role').notNull().default('user'),
    suspendedAt: instant('suspended_at'),
    /** When its owner deactivated it (then `is_active` is false): 30 days later it is erased. */
    deactivatedAt: instant('deactivated_at'),
    revision: integer('revision').notNull().default(1),
    graphVersion: bigint('graph_version', { mode: 'number' }).notNull().default(0),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex('users_username_unique').on(sql`lower(${t.username})`),
    uniqueIndex('users_email_unique').on(sql`lower(${t.email})`),
    index('idx_users_created_at').on(t.createdAt),
    index('users_to_erase').on(t.deactivatedAt).where(sql`deactivated_at is not null`),
    check('users_role', sql`${t.role} in ('user', 'moderator', 'admin')`),
    check('users_allow_messages_from', sql`${t.allowMessagesFrom} in ('everyone', 'following', 'nobody')`),
    check('users_bio_length', sql`char_length(${t.bio}) <= 500`),
  ],
)
