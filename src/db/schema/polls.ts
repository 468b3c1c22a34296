import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, primaryKey, smallint, varchar } from 'drizzle-orm/pg-core'
import { createdAt, id, instant } from './columns.ts'
import { users } from './users.ts'

/** A poll belongs to its tweet and has its id. No foreign key to `tweets`: see ADR 0004. */
export const polls = pgTable(
  'polls',
  {
    tweetId: id('tweet_id').primaryKey(),
    endsAt: instant('ends_at').notNull(),
    /** Set once, when the voters and the author are told that it ended. */
    closedAt: instant('closed_at'),
  },
  (t) => [index('polls_open').on(t.endsAt).where(sql`closed_at is null`)],
)

/** `vote_count` is folded from the ledger, as all counters are. */
export const pollOptions = pgTable(
  'poll_options',
  {
    tweetId: id('tweet_id').notNull(),
    position: smallint('position').notNull(),
    text: varchar('text', { length: 25 }).notNull(),
    voteCount: integer('vote_count').notNull().default(0),
  },
  (t) => [
    primaryKey({ columns: [t.tweetId, t.position] }),
    check('poll_options_position', sql`${t.position} between 0 and 3`),
  ],
)

/** One vote a user: the primary key says so under any concurrency. */
export const pollVotes = pgTable(
  'poll_votes',
  {
    tweetId: id('tweet_id').notNull(),
    userId: id('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    position: smallint('position').notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.tweetId, t.userId] })],
)
