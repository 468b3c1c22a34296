import { boolean, index, integer, pgTable, primaryKey, varchar } from 'drizzle-orm/pg-core'
import { createdAt, id, identity, instant } from './columns.ts'
import { users } from './users.ts'

/** Of people whose tweets somebody reads together. `member_count` is changed with the members, under the list's row lock. */
export const lists = pgTable(
  'lists',
  {
    id: identity(),
    ownerId: id('owner_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: varchar('name', { length: 50 }).notNull(),
    isPrivate: boolean('is_private').notNull().default(false),
    memberCount: integer('member_count').notNull().default(0),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [index('lists_owner_id').on(t.ownerId, t.id)],
)

export const listMembers = pgTable(
  'list_members',
  {
    listId: id('list_id')
      .notNull()
      .references(() => lists.id, { onDelete: 'cascade' }),
    userId: id('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.listId, t.userId] }),
    index('list_members_latest').on(t.listId, t.createdAt, t.userId),
    index('list_members_user_id').on(t.userId),
  ],
)
