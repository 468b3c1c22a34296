import { type Followed, type Followee, insertFollow } from '../db/statements/follows.ts'
import { AppError } from '../domain/errors.ts'
import { QUOTA_WINDOW_SECONDS } from '../domain/limits.ts'
import type { Deps, Viewer } from './deps.ts'
import { notTheClaimedUser } from './not-the-claimed-user.ts'
import { tellFollowChange } from './tell-follow-change.ts'

/**
 * Follows a user, or asks a private account to be let in; again does nothing. Throws `cannot_follow_self`,
 * `user_not_found`, `blocked`, `forbidden` (the viewer blocks the user), `validation_failed` (the user is not the one
 * that the request claims), `suspended`, `rate_limited`.
 */
export async function followUser(
  deps: Deps,
  viewer: Viewer,
  followee: Followee,
): Promise<'followed' | 'requested'> {
  const quota = {
    name: 'follows',
    limit: deps.settings.followsPerDay,
    windowSeconds: QUOTA_WINDOW_SECONDS.follows,
  } as const
  const result = await deps.timed('db', () => insertFollow(deps.db, viewer.id, followee, quota))
  if (!('change' in result)) throw refusal(result)
  await tellFollowChange(deps, viewer, 'follow', result)
  return result.outcome
}

function refusal(result: Exclude<Followed, { change: unknown }>): AppError {
  switch (result.outcome) {
    case 'rate_limited':
      return new AppError('rate_limited', {
        retryAfterSeconds: result.retry_after_seconds,
        detail: 'This account has followed as many people as a day allows',
      })
    case 'blocking':
      return new AppError('forbidden', { detail: 'You block this person: unblock them first' })
    case 'not_claimed':
      return notTheClaimedUser()
    default:
      return new AppError(result.outcome)
  }
}
