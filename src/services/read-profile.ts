import type { UserRef } from '../contracts/http/common.ts'
import type { OwnProfile, Profile } from '../contracts/http/users.ts'
import { readProfile as selectProfile } from '../db/statements/users.ts'
import { AppError } from '../domain/errors.ts'
import { presentShownProfile } from '../views/present-user.ts'
import type { Deps, Viewer } from './deps.ts'

/** A profile as the viewer may see it, one's own with what is private about it. Throws `user_not_found`. */
export async function readProfile(
  deps: Deps,
  viewer: Viewer | null,
  user: UserRef,
): Promise<OwnProfile | Profile> {
  const shown = await deps.timed('db', () => selectProfile(deps.db, user, viewer?.id ?? null))
  if (shown === null) throw new AppError('user_not_found')
  return presentShownProfile(shown)
}
