import { sql } from 'drizzle-orm'
import { boolean, check, index, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { createdAt, id, instant } from './columns.ts'
import { users } from './users.ts'

const user = (name: string) =>
  id(name)
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' })

/** `(following_id, follower_id)` serves fan-out by ranges of followers; the others serve the lists, newest first. */
export const follows = pgTable(
  'follows',
  {
    followerId: user('follower_id'),
    followingId: user('following_id'),
    showRetweets: boolean('show_retweets').notNull().default(true),
    notify: boolean('notify').notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.followerId, t.followingId] }),
    index('follows_fan_out').on(t.followingId, t.followerId),
    index('follows_notify').on(t.followingId, t.followerId).where(sql`notify`),
    index('idx_follows_following_id').on(t.followingId, t.createdAt, t.followerId),
    index('idx_follows_follower_id').on(t.followerId, t.createdAt, t.followingId),
    check('no_self_follow', sql`${t.followerId} <> ${t.followingId}`),
  ],
)

export const followRequests = pgTable(
  'follow_requests',
  { requesterId: user('requester_id'), targetId: user('target_id'), createdAt: createdAt() },
  (t) => [
    primaryKey({ columns: [t.requesterId, t.targetId] }),
    index('follow_requests_target_id').on(t.targetId, t.createdAt, t.requesterId),
    check('no_self_request', sql`${t.requesterId} <> ${t.targetId}`),
  ],
)

export const blocks = pgTable(
  'blocks',
  { blockerId: user('blocker_id'), blockedId: user('blocked_id'), createdAt: createdAt() },
  (t) => [
    primaryKey({ columns: [t.blockerId, t.blockedId] }),
    index('blocks_latest').on(t.blockerId, t.createdAt, t.blockedId),
    index('blocks_blocked_id').on(t.blockedId, t.blockerId),
    check('no_self_block', sql`${t.blockerId} <> ${t.blockedId}`),
  ],
)

export const mutes = pgTable(
  'mutes',
  {
    muterId: user('muter_id'),
    mutedId: user('muted_id'),
    expiresAt: instant('expires_at'),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.muterId, t.mutedId] }),
    index('mutes_latest').on(t.muterId, t.createdAt, t.mutedId),
    index('mutes_expire').on(t.expiresAt).where(sql`expires_at is not null`),
    check('no_self_mute', sql`${t.muterId} <> ${t.mutedId}`),
  ],
)

/** Whom a user does not want to be recommended. */
export const dismissedRecommendations = pgTable(
  'dismissed_recommendations',
  { userId: user('user_id'), dismissedId: user('dismissed_id'), createdAt: createdAt() },
  (t) => [primaryKey({ columns: [t.userId, t.dismissedId] })],
)
