import type { List } from '../contracts/http/lists.ts'
import { insertList, deleteList as removeList, updateList } from '../db/statements/lists.ts'
import { AppError } from '../domain/errors.ts'
import type { ListId } from '../domain/ids.ts'
import { presentList } from '../views/present-list.ts'
import type { Deps, Viewer } from './deps.ts'

/** Makes a list without members. Throws `too_many_lists`, `suspended`. */
export async function createList(
  deps: Deps,
  viewer: Viewer,
  list: { name: string; isPrivate: boolean },
): Promise<List> {
  const made = await deps.timed('db', () => insertList(deps.db, viewer.id, list))
  if (made.outcome !== 'done') throw new AppError(made.outcome)
  return presentList(made.list)
}

/** Changes a list of the viewer's. Throws `list_not_found`, `forbidden` for somebody else's that is public, `suspended`. */
export async function changeList(
  deps: Deps,
  viewer: Viewer,
  id: ListId,
  changes: { name: string | undefined; isPrivate: boolean | undefined },
): Promise<List> {
  const changed = await deps.timed('db', () => updateList(deps.db, viewer.id, id, changes))
  if (changed.outcome !== 'done') throw new AppError(changed.outcome)
  return presentList(changed.list)
}

/** Deletes a list of the viewer's. Throws `list_not_found`, `forbidden` for somebody else's that is public, `suspended`. */
export async function deleteList(deps: Deps, viewer: Viewer, id: ListId): Promise<void> {
  const outcome = await deps.timed('db', () => removeList(deps.db, viewer.id, id))
  if (outcome !== 'done') throw new AppError(outcome)
}
