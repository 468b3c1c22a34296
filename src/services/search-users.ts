import type { ListedUser } from '../contracts/http/users.ts'
import type { HitPlace } from '../contracts/search.ts'
import { type FoundUserRow, readFoundUsers } from '../db/statements/search-hits.ts'
import { presentListedUser } from '../views/present-user.ts'
import { askSearch } from './ask-search.ts'
import type { Deps, Viewer } from './deps.ts'

/** So many of the best are put in order by what they are to the viewer, which the index does not know. */
const WINDOW = 100
const WINDOWS_MAX = 3

/** A stretch of what was found, after one place and up to another; null for the best, and for as many as a window has. */
interface Stretch {
  from: HitPlace | null
  to: HitPlace | null
}

/** Where somebody stands within a stretch; `rank` is 2 for one whom the viewer follows, and 1 more for the verified. */
export interface UserPlace extends HitPlace {
  rank: number
}

/** Where a page begins: at the best of a stretch, or after somebody in it. */
export interface FoundUserPlace extends Stretch {
  after: UserPlace | null
}

export interface UsersAsked {
  text: string
  limit: number
  offset: number
  place: FoundUserPlace | null
}

export interface FoundUsers {
  users: ListedUser[]
  next: FoundUserPlace | null
}

interface Window {
  lines: { row: FoundUserRow; place: UserPlace }[]
  stretch: Stretch
  hasMore: boolean
}

/**
 * People whose name, handle or bio begins with what is being typed, or nearly: of each hundred of the best those first
 * whom the viewer follows, and then the verified. Throws `unavailable`.
 */
export async function searchUsers(deps: Deps, viewer: Viewer, asked: UsersAsked): Promise<FoundUsers> {
  const reach = asked.offset + asked.limit
  const users: ListedUser[] = []
  let place: FoundUserPlace | null = asked.place ?? { from: null, to: null, after: null }
  const windowsMax = WINDOWS_MAX + Math.ceil(asked.offset / WINDOW)
  for (let n = 0; n < windowsMax && place !== null && users.length < reach; n++) {
    const { after }: FoundUserPlace = place
    const window: Window = await readWindow(deps, viewer, asked.text, place)
    const behind = window.lines.filter((line) => after === null || inOrder(after, line.place) < 0)
    const taken = behind.slice(0, reach - users.length)
    users.push(...taken.map(({ row }) => presentListedUser(row, true)))
    place = nextPlace(window, taken.length < behind.length ? (taken.at(-1)?.place ?? after) : null)
  }
  return { users: users.slice(asked.offset), next: place }
}

function nextPlace({ stretch, hasMore }: Window, after: UserPlace | null): FoundUserPlace | null {
  if (after !== null) return { ...stretch, after }
  return hasMore ? { from: stretch.to, to: null, after: null } : null
}

async function readWindow(deps: Deps, viewer: Viewer, text: string, { from, to }: Stretch): Promise<Window> {
  const found = await askSearch(deps, (search) => search.searchUsers({ text, after: from, limit: WINDOW }))
  const hits = found.hits.filter((hit) => to === null || byScore(hit, to) <= 0)
  const rows = await readRows(
    deps,
    viewer,
    hits.map(({ id }) => id),
  )
  const lines = hits.flatMap((hit) => {
    const row = rows.get(hit.id)
    return row === undefined ? [] : [{ row, place: { ...hit, rank: rankOf(row) } }]
  })
  return {
    lines: lines.toSorted((a, b) => inOrder(a.place, b.place)),
    stretch: { from, to: hits.at(-1) ?? to },
    hasMore: found.hasMore || hits.length < found.hits.length,
  }
}

async function readRows(
  deps: Deps,
  viewer: Viewer,
  ids: readonly number[],
): Promise<Map<number, FoundUserRow>> {
  if (ids.length === 0) return new Map()
  const rows = await deps.timed('db', () => readFoundUsers(deps.db, ids, viewer.id))
  return new Map(rows.map((row) => [row.user.id, row]))
}

function rankOf({ user, relationship }: FoundUserRow): number {
  return (relationship.is_following ? 2 : 0) + (user.verified ? 1 : 0)
}

/** Negative where `a` comes first. */
function inOrder(a: UserPlace, b: UserPlace): number {
  return b.rank - a.rank || byScore(a, b)
}

function byScore(a: HitPlace, b: HitPlace): number {
  return b.score - a.score || b.id - a.id
}
