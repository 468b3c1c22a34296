import type { UserRef } from '../contracts/http/common.ts'
import type { List } from '../contracts/http/lists.ts'
import { deleteListMember, insertListMember, readListMembers } from '../db/statements/list-members.ts'
import type { ListPage, Place } from '../db/statements/places.ts'
import { AppError } from '../domain/errors.ts'
import type { ListId } from '../domain/ids.ts'
import { presentList } from '../views/present-list.ts'
import { presentListedUser } from '../views/present-user.ts'
import type { Deps, Viewer } from './deps.ts'
import type { UsersPage } from './list-follows.ts'
import { pageOf } from './page-of.ts'

/**
 * Puts somebody on a list of the viewer's; again does nothing. Throws `list_not_found`, `forbidden` (the list is somebody
 * else's, or the viewer blocks them), `user_not_found`, `blocked`, `list_full`, `suspended`.
 */
export async function addListMember(deps: Deps, viewer: Viewer, list: ListId, user: UserRef): Promise<List> {
  const added = await deps.timed('db', () => insertListMember(deps.db, viewer.id, list, user))
  if (added.outcome === 'done') return presentList(added.list)
  if (added.outcome !== 'blocking') throw new AppError(added.outcome)
  throw new AppError('forbidden', { detail: 'You block this person: unblock them first' })
}

/** Takes somebody off a list of the viewer's; again does nothing. Throws `list_not_found`, `forbidden`, `user_not_found`, `suspended`. */
export async function removeListMember(
  deps: Deps,
  viewer: Viewer,
  list: ListId,
  user: UserRef,
): Promise<List> {
  const removed = await deps.timed('db', () => deleteListMember(deps.db, viewer.id, list, user))
  if (removed.outcome !== 'done') throw new AppError(removed.outcome)
  return presentList(removed.list)
}

/** Who is on a list, the latest added first. Throws `list_not_found` for one that the viewer may not read. */
export async function listListMembers(
  deps: Deps,
  viewer: Viewer | null,
  list: ListId,
  page: ListPage<Place>,
): Promise<UsersPage> {
  const rows = await deps.timed('db', () =>
    readListMembers(deps.db, list, viewer?.id ?? null, { ...page, limit: page.limit + 1 }),
  )
  if (rows === null) throw new AppError('list_not_found')
  const { shown, nextAfter } = pageOf(rows, page.limit)
  return { users: shown.map((row) => presentListedUser(row, viewer !== null)), nextAfter }
}
