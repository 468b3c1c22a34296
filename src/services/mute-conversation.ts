import { deleteMutedConversation, insertMutedConversation } from '../db/statements/muted-conversations.ts'
import { AppError } from '../domain/errors.ts'
import type { TweetId } from '../domain/ids.ts'
import type { Deps, Viewer } from './deps.ts'

/**
 * Ends the viewer's notifications of the conversation that a tweet is in; again does nothing. Throws `tweet_not_found` for one
 * that the viewer may not see, `suspended`.
 */
export async function muteConversation(deps: Deps, viewer: Viewer, tweet: TweetId): Promise<void> {
  const outcome = await deps.timed('db', () => insertMutedConversation(deps.db, viewer.id, tweet))
  if (outcome !== 'done') throw new AppError(outcome)
}

/** Takes that back; again does nothing. Throws `tweet_not_found` where the viewer neither sees nor muted it, `suspended`. */
export async function unmuteConversation(deps: Deps, viewer: Viewer, tweet: TweetId): Promise<void> {
  const outcome = await deps.timed('db', () => deleteMutedConversation(deps.db, viewer.id, tweet))
  if (outcome !== 'done') throw new AppError(outcome)
}
