import type { ChangePreferencesRequest, NotificationPreferences } from '../contracts/http/notifications.ts'
import { changePreferences, readPreferences, type StoredPreferences } from '../db/statements/notifications.ts'
import { AppError } from '../domain/errors.ts'
import type { Audience, NotificationType } from '../domain/notifications.ts'
import type { Deps, Viewer } from './deps.ts'

const DEFAULTS: Record<NotificationType, Audience> = {
  like: 'everyone',
  retweet: 'everyone',
  quote: 'everyone',
  reply: 'everyone',
  mention: 'everyone',
  follow: 'everyone',
  follow_request: 'everyone',
  poll: 'everyone',
  tweet: 'everyone',
}

/** Whose actions of each type the viewer is notified of. */
export async function readNotificationPreferences(
  deps: Deps,
  viewer: Viewer,
): Promise<NotificationPreferences> {
  return { ...DEFAULTS, ...(await deps.timed('db', () => readPreferences(deps.db, viewer.id))) }
}

/** Changes those that are given, for what happens from now on, and answers all. */
export async function changeNotificationPreferences(
  deps: Deps,
  viewer: Viewer,
  asked: ChangePreferencesRequest,
): Promise<NotificationPreferences> {
  const changes: StoredPreferences = Object.fromEntries(
    Object.entries(asked).filter(([, audience]) => audience != null),
  )
  const changed = await deps.timed('db', () => changePreferences(deps.db, viewer.id, changes))
  if (changed === null) throw new AppError('unauthenticated')
  return { ...DEFAULTS, ...changed }
}
