import type { UserRef } from '../contracts/http/common.ts'
import type { ListedUser } from '../contracts/http/users.ts'
import { type FollowListPage, type FollowPlace, readFollowList } from '../db/statements/follow-lists.ts'
import { AppError } from '../domain/errors.ts'
import { presentListedUser } from '../views/present-user.ts'
import type { Deps, Viewer } from './deps.ts'

export interface FollowsPage {
  users: ListedUser[]
  /** After which the next page begins; null at the end. */
  nextAfter: FollowPlace | null
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
): Promise<FollowsPage> {
  const rows = await deps.timed('db', () =>
    readFollowList(deps.db, user, viewer?.id ?? null, { ...page, limit: page.limit + 1 }),
  )
  if (rows === null) throw new AppError('user_not_found')
  const shown = rows.slice(0, page.limit)
  return {
    users: shown.map((row) => presentListedUser(row, viewer !== null)),
    nextAfter: rows.length > page.limit ? (shown.at(-1)?.place ?? null) : null,
  }
}
