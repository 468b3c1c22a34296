import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import { rowIdParam } from '../../contracts/http/common.ts'
import {
  changePreferencesRequest,
  type NotificationGroupPage,
  type NotificationPage,
  type NotificationQuery,
  notificationGroupPage,
  notificationPage,
  notificationPreferences,
  notificationQuery,
  readAllRequest,
  unreadAnswer,
} from '../../contracts/http/notifications.ts'
import type { NotificationFilter } from '../../db/statements/notifications.ts'
import type { Deps, Viewer } from '../../services/deps.ts'
import { listNotificationGroups, listNotifications } from '../../services/list-notifications.ts'
import {
  changeNotificationPreferences,
  readNotificationPreferences,
} from '../../services/notification-preferences.ts'
import { readAllNotifications, readNotification } from '../../services/read-notifications.ts'
import { createRouter } from '../context.ts'
import { entryBefore, paginationOf } from '../entry-pages.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { requireBody } from '../middleware/require-body.ts'
import { type AskedPage, readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const FLAT_CURSOR = 'notifications'
const GROUPS_CURSOR = 'notification-groups'

/** What every route of one's own notifications has in common. */
const own = {
  tags: ['notifications'],
  security: withAccessToken,
  middleware: [signedIn] as const,
} satisfies Partial<RouteConfig>

const listRoute = createRoute({
  ...own,
  method: 'get',
  path: '/',
  summary: 'What happened to one',
  description: 'Newest first. Grouped, a line stands for all of one type on one tweet, or of one day.',
  request: { query: notificationQuery },
  responses: {
    200: json(
      z.union([notificationPage, notificationGroupPage]),
      'A page; what can no longer be seen is left out',
    ),
    ...problems(
      'validation_failed',
      'invalid_cursor',
      'offset_too_large',
      'unauthenticated',
      'token_expired',
    ),
  },
})

const readAllRoute = createRoute({
  ...own,
  method: 'put',
  path: '/read-all',
  summary: 'Mark all as read',
  description: 'As far as the newest one that was seen, if that is given. Again does nothing.',
  request: { body: { required: false, content: { 'application/json': { schema: readAllRequest } } } },
  responses: {
    200: json(unreadAnswer, 'How many are unread now'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired'),
  },
})

const readOneRoute = createRoute({
  ...own,
  method: 'put',
  path: '/{id}/read',
  summary: 'Mark one as read',
  description: 'Again does nothing.',
  request: { params: z.object({ id: rowIdParam }) },
  responses: {
    200: json(unreadAnswer, 'How many are unread now'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'notification_not_found'),
  },
})

const preferencesRoute = createRoute({
  ...own,
  method: 'get',
  path: '/preferences',
  summary: 'Whose actions one is notified of',
  responses: {
    200: json(notificationPreferences, 'By type'),
    ...problems('unauthenticated', 'token_expired'),
  },
})

const changePreferencesRoute = createRoute({
  ...own,
  method: 'put',
  path: '/preferences',
  middleware: [signedIn, requireBody] as const,
  summary: 'Change whose actions one is notified of',
  description: 'From now on; types that are not given stay as they are.',
  request: {
    body: { required: true, content: { 'application/json': { schema: changePreferencesRequest } } },
  },
  responses: {
    200: json(notificationPreferences, 'By type'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired'),
  },
})

/** Under `/api/notifications`. */
export function notificationRoutes() {
  const routes = createRouter()

  routes.openapi(listRoute, async (c) => {
    const query = c.req.valid('query')
    if (query.grouped === 'true') return c.json(await readGroups(c.var, query), 200)
    return c.json(await readFlat(c.var, query), 200)
  })

  routes.openapi(readAllRoute, async (c) => {
    const { unread_count } = await readAllNotifications(
      c.var.deps,
      c.var.viewer,
      c.req.valid('json').up_to_id ?? null,
    )
    return c.json({ unread_count }, 200)
  })

  routes.openapi(preferencesRoute, async (c) =>
    c.json(await readNotificationPreferences(c.var.deps, c.var.viewer), 200),
  )

  routes.openapi(changePreferencesRoute, async (c) =>
    c.json(await changeNotificationPreferences(c.var.deps, c.var.viewer, c.req.valid('json')), 200),
  )

  routes.openapi(readOneRoute, async (c) => {
    const { unread_count } = await readNotification(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ unread_count }, 200)
  })

  return routes
}

interface Reader {
  deps: Deps
  viewer: Viewer
}

async function readFlat({ deps, viewer }: Reader, query: NotificationQuery): Promise<NotificationPage> {
  const asked = readPage(query, FLAT_CURSOR)
  const { nextAfter, ...page } = await listNotifications(deps, viewer, filterOf(query), pageBelow(asked))
  return { ...page, pagination: paginationOf(asked, FLAT_CURSOR, nextAfter) }
}

async function readGroups(
  { deps, viewer }: Reader,
  query: NotificationQuery,
): Promise<NotificationGroupPage> {
  const asked = readPage(query, GROUPS_CURSOR)
  const { nextAfter, ...page } = await listNotificationGroups(deps, viewer, filterOf(query), pageBelow(asked))
  return { ...page, pagination: paginationOf(asked, GROUPS_CURSOR, nextAfter) }
}

const pageBelow = (asked: AskedPage) => ({
  limit: asked.limit,
  offset: asked.offset,
  after: entryBefore(asked),
})

function filterOf({ types = [], unread }: NotificationQuery): NotificationFilter {
  return { types, unreadOnly: unread === 'true' }
}
