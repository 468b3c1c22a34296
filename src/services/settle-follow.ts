import type { UserRef } from '../contracts/http/common.ts'
import type { FollowSettingsJson } from '../contracts/http/users.ts'
import { type FollowSettings, updateFollow } from '../db/statements/follows.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/**
 * Changes what the viewer wants of someone they follow: their retweets, and to be notified of each of their tweets. The
 * viewer's timeline shows their retweets, or no longer, on the next read. Throws `not_following`, `user_not_found`,
 * `suspended`.
 */
export async function settleFollow(
  deps: Deps,
  viewer: Viewer,
  user: UserRef,
  settings: FollowSettings,
): Promise<FollowSettingsJson> {
  const result = await deps.timed('db', () => updateFollow(deps.db, viewer.id, user, settings))
  if (result.outcome !== 'settled') throw new AppError(result.outcome)
  const { show_retweets, notify, change, outbox } = result
  if (outbox.length > 0) deps.defer(deps.queues.sendOutbox(outbox))
  if (change !== null) {
    const { followee_id: userId, version } = change
    await tellOwnTimeline(deps, viewer.id, [{ type: 'show_retweets', userId, shown: show_retweets, version }])
  }
  return { show_retweets, notify }
}
