import { type SessionPage, type SessionRow, selectSessions } from '../db/statements/sessions.ts'
import type { Deps, Viewer } from './deps.ts'

/** Where the viewer is signed in, the newest sign-in first; `hasMore` tells whether the list goes on. */
export async function listSessions(
  deps: Deps,
  viewer: Viewer,
  page: SessionPage,
): Promise<{ sessions: SessionRow[]; hasMore: boolean }> {
  const rows = await deps.timed('db', () =>
    selectSessions(deps.db, viewer.id, { ...page, limit: page.limit + 1 }),
  )
  return { sessions: rows.slice(0, page.limit), hasMore: rows.length > page.limit }
}
