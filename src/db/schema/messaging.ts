import { sql } from 'drizzle-orm'
import { boolean, index, pgTable, text, varchar } from 'drizzle-orm/pg-core'
import { createdAt, id, identity } from './columns.ts'
import { users } from './users.ts'

const user = (name: string) =>
  id(name)
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' })

/** No foreign key to `tweets`: see ADR 0004. */
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
  },
  (t) => [
    index('idx_notifications_user_id').on(t.userId, t.id),
    index('notifications_tweet_id').on(t.tweetId, t.id).where(sql`tweet_id is not null`),
    index('idx_notifications_is_read').on(t.userId).where(sql`is_read = false`),
  ],
)

export const directMessages = pgTable(
  'direct_messages',
  {
    id: identity(),
    senderId: user('sender_id'),
    receiverId: user('receiver_id'),
    content: text('content').notNull(),
    mediaUrl: text('media_url'),
    isRead: boolean('is_read').notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [
    index('idx_dm_sender_receiver').on(t.senderId, t.receiverId, t.id),
    index('idx_dm_receiver').on(t.receiverId, t.senderId, t.id).where(sql`is_read = false`),
  ],
)
