import { bigint, timestamp } from 'drizzle-orm/pg-core'

/** An id of ours: 53 bits, so a plain number in JavaScript. */
export const id = (name: string) => bigint(name, { mode: 'number' })

/** Rows that nobody addresses by time take an identity column. */
export const identity = () => bigint('id', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey()

export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const createdAt = () => instant('created_at').notNull().defaultNow()
