import { index, pgTable, primaryKey, unique } from 'drizzle-orm/pg-core'
import { createdAt, id } from './columns.ts'
import { users } from './users.ts'

/** No foreign key to `tweets`: see ADR 0004. */
export const likes = pgTable(
  'likes',
  {
    userId: id('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    tweetId: id('tweet_id').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.userId, t.tweetId] }),
    index('idx_likes_tweet_id').on(t.tweetId, t.createdAt, t.userId),
    index('idx_likes_user_id').on(t.userId, t.createdAt, t.tweetId),
  ],
)

/** A retweet's id is an entry id: made as a tweet's is, in the retweeter's shard. */
export const retweets = pgTable(
  'retweets',
  {
    id: id('id').primaryKey(),
    userId: id('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    tweetId: id('tweet_id').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique('retweets_user_id_tweet_id_unique').on(t.userId, t.tweetId),
    index('idx_retweets_user_id').on(t.userId, t.id),
    index('idx_retweets_tweet_id').on(t.tweetId, t.id),
    index('retweets_actors').on(t.tweetId, t.createdAt, t.userId),
  ],
)

/** No foreign key to `tweets`: see ADR 0004. */
export const bookmarks = pgTable(
  'bookmarks',
  {
    userId: id('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    tweetId: id('tweet_id').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.userId, t.tweetId] }),
    index('bookmarks_user_id').on(t.userId, t.createdAt, t.tweetId),
    index('bookmarks_tweet_id').on(t.tweetId, t.userId),
  ],
)
