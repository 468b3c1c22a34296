import { deleteFollow, type Followee } from '../db/statements/follows.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'
import { notTheClaimedUser } from './not-the-claimed-user.ts'
import { tellFollowChange } from './tell-follow-change.ts'

/**
 * Ends a follow or withdraws the request for one; again does nothing. Throws `user_not_found`, `validation_failed` (the
 * user is not the one that the request claims), `suspended`.
 */
export async function unfollowUser(deps: Deps, viewer: Viewer, followee: Followee): Promise<void> {
  const result = await deps.timed('db', () => deleteFollow(deps.db, viewer.id, followee))
  if (result.outcome === 'not_claimed') throw notTheClaimedUser()
  if (result.outcome !== 'unfollowed') throw new AppError(result.outcome)
  await tellFollowChange(deps, viewer, 'unfollow', result)
}
