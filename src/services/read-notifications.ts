import {
  markAllNotificationsRead,
  markNotificationRead,
  type ReadState,
} from '../db/statements/notifications.ts'
import { AppError } from '../domain/errors.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/** Marks one of the viewer's notifications as read; again does nothing. Throws `notification_not_found`. */
export async function readNotification(deps: Deps, viewer: Viewer, id: number): Promise<ReadState> {
  const state = await deps.timed('db', () => markNotificationRead(deps.db, viewer.id, id))
  if (typeof state === 'string') throw new AppError(state)
  tellOthers(deps, viewer, state, { id, upToId: null })
  return state
}

/** Marks all as read that were there when this one was the newest; for null, all that are there. */
export async function readAllNotifications(
  deps: Deps,
  viewer: Viewer,
  upToId: number | null,
): Promise<ReadState> {
  const state = await deps.timed('db', () => markAllNotificationsRead(deps.db, viewer.id, upToId))
  if (state === null) throw new AppError('unauthenticated')
  tellOthers(deps, viewer, state, { id: null, upToId: state.up_to_id })
  return state
}

/** The viewer's other sockets are told without waiting: what they show is stored. */
function tellOthers(
  deps: Deps,
  viewer: Viewer,
  { unread_count: count, version }: ReadState,
  read: { id: number | null; upToId: number | null },
): void {
  deps.defer(
    tellOwnTimeline(deps, viewer.id, [{ type: 'notifications_read', ...read, unread: { count, version } }]),
  )
}
