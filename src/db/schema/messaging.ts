import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { createdAt, id, identity } from './columns.ts'
import { users } from './users.ts'

const user = (name: string) =>
  id(name)
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' })

export const directMessages = pgTable(
  'direct_messages',
  {
    id: identity(),
    senderId: user('sender_id'),
    receiverId: user('receiver_id'),
    content: text('content').notNull(),
    mediaUrl: text('media_url'),
    isRead: boolean('is_read').notNull().default(false),
    hiddenBySender: boolean('hidden_by_sender').notNull().default(false),
    hiddenByReceiver: boolean('hidden_by_receiver').notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [
    index('idx_dm_sender_receiver').on(t.senderId, t.receiverId, t.id),
    index('idx_dm_receiver').on(t.receiverId, t.senderId, t.id).where(sql`is_read = false`),
    check('no_message_to_self', sql`${t.senderId} <> ${t.receiverId}`),
  ],
)

/**
 * A conversation as one of the two has it. Both rows are written by whoever sends, under a lock of the pair: nobody else
 * ever waits for it.
 */
export const conversations = pgTable(
  'conversations',
  {
    userId: user('user_id'),
    otherId: user('other_id'),
    /** The newest message that the user has not hidden; null when none is left. */
    lastMessageId: id('last_message_id'),
    unreadCount: integer('unread_count').notNull().default(0),
    /** False for what a stranger began: it waits among the requests. */
    isAccepted: boolean('is_accepted').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.userId, t.otherId] }),
    index('conversations_latest')
      .on(t.userId, t.isAccepted, t.lastMessageId)
      .where(sql`last_message_id is not null`),
  ],
)
