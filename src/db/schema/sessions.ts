import { index, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { createdAt, id, instant } from './columns.ts'
import { users } from './users.ts'

/**
 * One row is one sign-in: a family of refresh tokens that replace each other. Only hashes are stored: of
 * the token that is good now, and of the one it replaced (good for a few seconds more, so that two
 * refreshes at once both succeed). Any other token of the family is a stolen one.
 */
export const sessions = pgTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    userId: id('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    tokenHash: text('token_hash').notNull(),
    previousTokenHash: text('previous_token_hash'),
    userAgent: text('user_agent').notNull().default(''),
    createdAt: createdAt(),
    rotatedAt: instant('rotated_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (t) => [index('sessions_user_id').on(t.userId, t.createdAt), index('sessions_expires_at').on(t.expiresAt)],
)
