import type { List } from '../contracts/http/lists.ts'
import type { ListRow } from '../db/statements/lists.ts'
import { presentUserCard } from './present-profile.ts'

/** Row to wire. */
export function presentList({
  id,
  name,
  is_private,
  member_count,
  owner,
  created_at,
  updated_at,
}: ListRow): List {
  return {
    id,
    name,
    is_private,
    member_count,
    owner: presentUserCard(owner),
    created_at: new Date(created_at).toISOString(),
    updated_at: new Date(updated_at).toISOString(),
  }
}
