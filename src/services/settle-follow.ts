import type { UserRef } from '../contracts/http/common.ts'
import type { FollowSettingsJson } from '../contracts/http/users.ts'
import { type FollowSettings, updateFollow } from '../db/statements/follows.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'

/**
 * Changes what the viewer wants of someone they follow: their retweets, and to be notified of each of their tweets. Throws
 * `not_following`, `user_not_found`, `suspended`.
 */
export async function settleFollow(
  deps: Deps,
  viewer: Viewer,
  user: UserRef,
  settings: FollowSettings,
): Promise<FollowSettingsJson> {
  const result = await deps.timed('db', () => updateFollow(deps.db, viewer.id, user, settings))
  if (result.outcome !== 'settled') throw new AppError(result.outcome)
  return { show_retweets: result.show_retweets, notify: result.notify }
}
