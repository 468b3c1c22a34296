import { deleteEngagement, insertEngagement } from '../db/statements/engagement.ts'
import type { TweetId } from '../domain/ids.ts'
import { QUOTA_WINDOW_SECONDS } from '../domain/limits.ts'
import type { Deps, Viewer } from './deps.ts'
import { settleEngagement } from './settle-engagement.ts'

/**
 * Likes a tweet and answers its likes; again does nothing. Throws `tweet_not_found` for one that the viewer may not
 * see, `rate_limited`, `suspended`.
 */
export async function likeTweet(deps: Deps, viewer: Viewer, tweet: TweetId): Promise<number> {
  const quota = {
    name: 'likes',
    limit: deps.settings.likesPerDay,
    windowSeconds: QUOTA_WINDOW_SECONDS.likes,
  } as const
  const result = await deps.timed('db', () => insertEngagement(deps.db, 'like', viewer.id, tweet, quota))
  return settleEngagement(deps, viewer, tweet, result)
}

/**
 * Takes a like back and answers the tweet's likes; again does nothing. Throws `tweet_not_found` for a tweet that the
 * viewer may not see and does not like, `suspended`.
 */
export async function unlikeTweet(deps: Deps, viewer: Viewer, tweet: TweetId): Promise<number> {
  const result = await deps.timed('db', () => deleteEngagement(deps.db, 'like', viewer.id, tweet))
  return settleEngagement(deps, viewer, tweet, result)
}
