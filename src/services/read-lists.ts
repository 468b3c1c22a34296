import type { UserRef } from '../contracts/http/common.ts'
import type { List } from '../contracts/http/lists.ts'
import { readLists, readList as selectList } from '../db/statements/lists.ts'
import type { ListPage } from '../db/statements/places.ts'
import { AppError } from '../domain/errors.ts'
import type { ListId } from '../domain/ids.ts'
import { presentList } from '../views/present-list.ts'
import type { Deps, Viewer } from './deps.ts'
import { pageOf } from './page-of.ts'

/** A list that the viewer may read. Throws `list_not_found`. */
export async function readList(deps: Deps, viewer: Viewer | null, id: ListId): Promise<List> {
  const list = await deps.timed('db', () => selectList(deps.db, id, viewer?.id ?? null))
  if (list === null) throw new AppError('list_not_found')
  return presentList(list)
}

/**
 * A user's lists, the newest first: all of the viewer's own, which are meant where no user is named, and the public ones of
 * another. Throws `user_not_found`, or `unauthenticated` for whose own there would be none.
 */
export async function listLists(
  deps: Deps,
  viewer: Viewer | null,
  user: UserRef | null,
  page: ListPage<number>,
): Promise<{ lists: List[]; nextAfter: number | null }> {
  const owner = user ?? (viewer === null ? null : { id: viewer.id })
  if (owner === null) throw new AppError('unauthenticated')
  const rows = await deps.timed('db', () =>
    readLists(deps.db, owner, viewer?.id ?? null, { ...page, limit: page.limit + 1 }),
  )
  if (rows === null) throw new AppError('user_not_found')
  const { shown, nextAfter } = pageOf(rows, page.limit)
  return { lists: shown.map(({ list }) => presentList(list)), nextAfter }
}
