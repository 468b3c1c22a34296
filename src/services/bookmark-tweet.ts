import { deleteEngagement, insertEngagement } from '../db/statements/engagement.ts'
import type { TweetId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'
import { settleEngagement } from './settle-engagement.ts'

/** Keeps a tweet among the viewer's bookmarks; again does nothing. Throws `tweet_not_found`, `suspended`. */
export async function bookmarkTweet(deps: Deps, viewer: Viewer, tweet: TweetId): Promise<void> {
  const result = await deps.timed('db', () => insertEngagement(deps.db, 'bookmark', viewer.id, tweet, null))
  await settleEngagement(deps, viewer, tweet, result)
}

/** Removes a bookmark; again does nothing. Throws `tweet_not_found`, `suspended`. */
export async function removeBookmark(deps: Deps, viewer: Viewer, tweet: TweetId): Promise<void> {
  const result = await deps.timed('db', () => deleteEngagement(deps.db, 'bookmark', viewer.id, tweet))
  await settleEngagement(deps, viewer, tweet, result)
}
