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
} from 'drizzle-orm/pg-core'
import { id, instant } from './columns.ts'

/**
 * What was said of a term in the tweets of one hour (hours since 1970, of the tweets' creation): by how many accounts, in how
 * many tweets, and the engagement with them. The sums of `trend_contributions`.
 */
export const trendBuckets = pgTable(
  'trend_buckets',
  {
    kind: text('kind').notNull(),
    term: text('term').notNull(),
    hour: integer('hour').notNull(),
    accounts: integer('accounts').notNull(),
    tweets: integer('tweets').notNull(),
    engagement: integer('engagement').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.kind, t.term, t.hour] }),
    index('trend_buckets_top').on(t.kind, t.hour, sql`(${t.accounts} + ${t.engagement}) desc`),
    check('trend_buckets_kind', sql`${t.kind} in ('hashtag', 'topic')`),
  ],
)

/**
 * What an account's tweets of one hour are counted for in the buckets: `[{ kind, term, tweets, engagement }]`. No foreign
 * key: an author of whom nothing counts any more has no rows.
 */
export const trendContributions = pgTable(
  'trend_contributions',
  { authorId: id('author_id').notNull(), hour: integer('hour').notNull(), terms: jsonb('terms').notNull() },
  (t) => [primaryKey({ columns: [t.authorId, t.hour] }), index('trend_contributions_hour').on(t.hour)],
)

/**
 * Authors whose contributions are to be counted anew: those of the window, or those from an hour on. `seq` is another one with
 * each reason.
 */
export const trendMarks = pgTable(
  'trend_marks',
  {
    authorId: id('author_id').primaryKey(),
    seq: bigserial('seq', { mode: 'number' }).notNull(),
    dueAt: instant('due_at').notNull(),
    fromHour: integer('from_hour'),
  },
  (t) => [index('trend_marks_due').on(t.dueAt)],
)

/** Tweets of a day that may be among those with the most engagement: some hundreds. */
export const trendingTweets = pgTable('trending_tweets', {
  tweetId: bigint('tweet_id', { mode: 'number' }).primaryKey(),
})
