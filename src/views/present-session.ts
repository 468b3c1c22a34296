import type { Session } from '../contracts/http/auth.ts'
import type { SessionRow } from '../db/statements/sessions.ts'

/** A sign-in as its owner sees it; `currentId` is that of the session which asks. */
export function presentSession(row: SessionRow, currentId: string): Session {
  return {
    id: row.id,
    user_agent: row.user_agent,
    created_at: new Date(row.created_at_ms).toISOString(),
    last_used_at: new Date(row.last_used_at_ms).toISOString(),
    expires_at: new Date(row.expires_at_ms).toISOString(),
    is_current: row.id === currentId,
  }
}
