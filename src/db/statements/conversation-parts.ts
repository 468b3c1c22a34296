import { type SQL, sql } from 'drizzle-orm'
import type { UserRef } from '../../contracts/http/common.ts'
import type { UserId } from '../../domain/ids.ts'
import { viewerRefusal } from './engagement.ts'
import { whichUser } from './users.ts'
import { isPresent, noBlockBetween } from './visibility.ts'

/** A conversation with the user `u` is there for the viewer: as long as both may see each other. */
export function isThere(viewer: number): SQL {
  return sql`(${isPresent} and ${noBlockBetween(viewer, sql`u.id`)})`
}

/** The CTE `other`: the other one of a viewer's conversation; no row where there is no such user. */
export function otherOf(viewer: number, other: UserRef): SQL {
  return sql`other as materialized (
      select u.id, ${isThere(viewer)} as is_there
      from users u
      where ${whichUser(other)}
    )`
}

/** Why somebody may not change a conversation of theirs. */
export type ConversationRefusal = 'unauthenticated' | 'suspended' | 'user_not_found'

/** The CTEs of a change: `other`, and `gate` with a ConversationRefusal or null. */
export function otherAndGate(viewer: UserId, other: UserRef): SQL {
  return sql`${otherOf(viewer, other)}, gate as materialized (
      select coalesce(${viewerRefusal(viewer)}, case when not exists (select from other) then 'user_not_found' end)
        as refusal
    )`
}
