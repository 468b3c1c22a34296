import { sql } from 'drizzle-orm'
import { bigint, check, index, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { createdAt, id, instant } from './columns.ts'
import { users } from './users.ts'

/** Archives of all that somebody has here, made when they ask. The archive itself lies in R2 until `expires_at`. */
export const dataExports = pgTable(
  'exports',
  {
    id: uuid('id').primaryKey(),
    userId: id('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    state: text('state').notNull().default('pending'),
    /** Of the archive; null until it is ready. */
    bytes: bigint('bytes', { mode: 'number' }),
    finishedAt: instant('finished_at'),
    expiresAt: instant('expires_at'),
    createdAt: createdAt(),
  },
  (t) => [
    index('exports_user_id').on(t.userId, t.createdAt),
    index('exports_expire').on(t.expiresAt).where(sql`expires_at is not null`),
    check('exports_state', sql`${t.state} in ('pending', 'ready', 'failed')`),
  ],
)
