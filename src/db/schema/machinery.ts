import { sql } from 'drizzle-orm'
import {
  bigint,
  bigserial,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'
import { createdAt, id, identity, instant } from './columns.ts'
import { users } from './users.ts'

/**
 * Messages that a committed write owes to the queues. A consumer deletes the row when the effect is done;
 * the relay sends again what is due. `dead_at` stops the relay until an operator replays it.
 */
export const outbox = pgTable(
  'outbox',
  {
    id: identity(),
    queue: text('queue').notNull(),
    message: jsonb('message').notNull(),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: instant('next_attempt_at').notNull(),
    createdAt: createdAt(),
    deadAt: instant('dead_at'),
  },
  (t) => [index('outbox_due').on(t.nextAttemptAt).where(sql`dead_at is null`)],
)

export const deadLetters = pgTable('dead_letters', {
  id: identity(),
  queue: text('queue').notNull(),
  outboxId: bigint('outbox_id', { mode: 'number' }),
  message: jsonb('message').notNull(),
  error: text('error').notNull(),
  diedAt: instant('died_at').notNull().defaultNow(),
})

/** The ledger: what actions did to counters and is not yet folded into `users`, `tweets` and `hashtags`. */
export const counterDeltas = pgTable(
  'counter_deltas',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    subject: text('subject').notNull(),
    subjectId: id('subject_id').notNull(),
    counter: text('counter').notNull(),
    delta: integer('delta').notNull(),
  },
  (t) => [
    index('counter_deltas_subject').on(t.subject, t.subjectId),
    check('counter_deltas_subject_kind', sql`${t.subject} in ('user', 'tweet', 'hashtag')`),
  ],
)

/** Which timelines are warm, and since which build: fan-out delivers to these alone. */
export const timelines = pgTable('timelines', {
  userId: id('user_id')
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  epoch: bigint('epoch', { mode: 'number' }).notNull(),
  warmAt: instant('warm_at').notNull().defaultNow(),
})

/**
 * Authors whose followers are not told of what they post but read it with their home timelines. `since` is when the
 * author came in; `leaving_at` when they had fewer followers again, from when on they are pushed, too; `left_at` when
 * readers stopped looking, after which the row is kept for timelines that had not been read meanwhile.
 */
export const pulledAuthors = pgTable('pulled_authors', {
  userId: id('user_id')
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  since: instant('since').notNull().defaultNow(),
  leavingAt: instant('leaving_at'),
  leftAt: instant('left_at'),
})

/** How far people had read when their timeline went cold; a warm timeline keeps its own. */
export const homeMarkers = pgTable('home_markers', {
  userId: id('user_id')
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  lastReadId: id('last_read_id').notNull(),
  updatedAt: instant('updated_at').notNull(),
})

/** A sliding window of one quota of one user: when each use within the window was taken, oldest first. */
export const quotaWindows = pgTable(
  'quota_windows',
  {
    userId: id('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    quota: text('quota').notNull(),
    uses: timestamp('uses', { withTimezone: true }).array().notNull(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.quota] })],
)

/** First results of requests that carried an Idempotency-Key, kept for 24 hours. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    userId: id('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    key: text('key').notNull(),
    requestHash: text('request_hash').notNull(),
    resultId: id('result_id').notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.key] }), index('idempotency_keys_created_at').on(t.createdAt)],
)

/** What a cron job must remember from one run to the next. */
export const cronState = pgTable('cron_state', {
  name: text('name').primaryKey(),
  value: jsonb('value').notNull(),
  updatedAt: instant('updated_at').notNull().defaultNow(),
})
