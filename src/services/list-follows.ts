import type { UserRef } from '../contracts/http/common.ts'
import type { ListedUser } from '../contracts/http/users.ts'
import type { Db } from '../db/client.ts'
import { type FollowListPage, readFollowList } from '../db/statements/follow-lists.ts'
import type { Place } from '../db/statements/places.ts'
import { AppError } from '../domain/errors.ts'
import { presentListedUser } from '../views/present-user.ts'
import type { Deps, Viewer } from './deps.ts'
import { isViewer } from './is-viewer.ts'
import { pageOf } from './page-of.ts'
import { readLagging } from './read-lagging.ts'

export interface UsersPage {
  users: ListedUser[]
  /** After which the next page begins; null at the end. */
  nextAfter: Place | null
}

/**
 * A user's followers, or whom they follow, the newest first, as far as the viewer may see them. Throws
 * `user_not_found`.
 */
export async function listFollows(
  deps: Deps,
  viewer: Viewer | null,
  user: UserRef,
  page: FollowListPage,
): Promise<UsersPage> {
  const read = (db: Db) => readFollowList(db, user, viewer?.id ?? null, { ...page, limit: page.limit + 1 })
  const rows = await deps.timed('db', () =>
    isViewer(viewer, user) ? read(deps.db) : readLagging(deps, read),
  )
  if (rows === null) throw new AppError('user_not_found')
  const { shown, nextAfter } = pageOf(rows, page.limit)
  return { users: shown.map((row) => presentListedUser(row, viewer !== null)), nextAfter }
}
