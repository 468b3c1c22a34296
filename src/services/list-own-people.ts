import type { ListedUser, MutedUser } from '../contracts/http/users.ts'
import { type OwnPeople, readOwnPeople } from '../db/statements/own-people.ts'
import type { ListPage, Place } from '../db/statements/places.ts'
import { presentListedUser, presentMutedUser } from '../views/present-user.ts'
import type { Deps, Viewer } from './deps.ts'
import { pageOf } from './page-of.ts'

interface OwnPeoplePage<User> {
  users: User[]
  /** After which the next page begins; null at the end. */
  nextAfter: Place | null
}

/** Whom the viewer blocks, or who asks to follow them, the latest first. */
export async function listOwnPeople(
  deps: Deps,
  viewer: Viewer,
  list: Exclude<OwnPeople, 'mutes'>,
  page: ListPage<Place>,
): Promise<OwnPeoplePage<ListedUser>> {
  const { shown, nextAfter } = await readPage(deps, viewer, list, page)
  return { users: shown.map((row) => presentListedUser(row, true)), nextAfter }
}

/** Whom the viewer has muted, the latest first, and until when. */
export async function listMutes(
  deps: Deps,
  viewer: Viewer,
  page: ListPage<Place>,
): Promise<OwnPeoplePage<MutedUser>> {
  const { shown, nextAfter } = await readPage(deps, viewer, 'mutes', page)
  return { users: shown.map(presentMutedUser), nextAfter }
}

async function readPage(deps: Deps, viewer: Viewer, list: OwnPeople, page: ListPage<Place>) {
  const one = { ...page, limit: page.limit + 1 }
  return pageOf(await deps.timed('db', () => readOwnPeople(deps.db, viewer.id, list, one)), page.limit)
}
