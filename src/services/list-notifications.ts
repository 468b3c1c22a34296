import type { Notification, NotificationGroup } from '../contracts/http/notifications.ts'
import type { Tweet } from '../contracts/http/tweets.ts'
import {
  type ListedGroup,
  type NotificationFilter,
  type NotificationList,
  readNotificationGroups,
  readNotifications,
} from '../db/statements/notifications.ts'
import type { ListPage } from '../db/statements/places.ts'
import type { ShownTweet } from '../db/statements/tweets.ts'
import { summaryOf } from '../domain/notification-summary.ts'
import { presentNotification } from '../views/present-notification.ts'
import { presentUserCard } from '../views/present-profile.ts'
import { presentTweet } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'
import { pageOf } from './page-of.ts'

/** A page of notifications; what can no longer be seen is left out, so it may be shorter. */
export interface NotificationsPage<Shown> {
  notifications: Shown[]
  unread_count: number
  /** After which the next page begins; null at the end. */
  nextAfter: number | null
}

/** What happened to the viewer, newest first. */
export async function listNotifications(
  deps: Deps,
  viewer: Viewer,
  filter: NotificationFilter,
  page: ListPage<number>,
): Promise<NotificationsPage<Notification>> {
  const list = await deps.timed('db', () => readNotifications(deps.db, viewer.id, filter, oneMore(page)))
  return present(list, page.limit, ({ shown, ...record }) =>
    presentNotification(record, tweetOf(deps, viewer, shown)),
  )
}

/** The same, with those of one type on one tweet together. */
export async function listNotificationGroups(
  deps: Deps,
  viewer: Viewer,
  filter: NotificationFilter,
  page: ListPage<number>,
): Promise<NotificationsPage<NotificationGroup>> {
  const list = await deps.timed('db', () => readNotificationGroups(deps.db, viewer.id, filter, oneMore(page)))
  return present(list, page.limit, (group) => presentGroup(group, tweetOf(deps, viewer, group.shown), viewer))
}

const oneMore = (page: ListPage<number>): ListPage<number> => ({ ...page, limit: page.limit + 1 })

function present<Listed, Shown>(
  { unread_count, lines }: NotificationList<Listed>,
  limit: number,
  show: (listed: Listed) => Shown,
): NotificationsPage<Shown> {
  const { shown, nextAfter } = pageOf(lines, limit)
  const notifications = shown.flatMap(({ listed }) => (listed === null ? [] : [show(listed)]))
  return { notifications, unread_count, nextAfter }
}

function tweetOf(deps: Deps, viewer: Viewer, shown: ShownTweet | null): Tweet | null {
  return shown === null
    ? null
    : presentTweet(shown.tweet, shown.flags, { viewerId: viewer.id, nowMs: deps.now() })
}

function presentGroup(group: ListedGroup, tweet: Tweet | null, viewer: Viewer): NotificationGroup {
  const { id, type, actors, total, is_read, created_at } = group
  const names = actors.map(({ display_name }) => display_name)
  return {
    id,
    type,
    actors: actors.map(presentUserCard),
    actor_count: total,
    summary: summaryOf(type, names, total, tweet?.user.id === viewer.id),
    ...(tweet === null ? {} : { tweet }),
    is_read,
    created_at: new Date(created_at).toISOString(),
  }
}
