import { createRoute, z } from '@hono/zod-openapi'
import { userRefParam } from '../../contracts/http/common.ts'
import { messageSettings } from '../../contracts/http/messages.ts'
import { acceptMessageRequest, declineMessageRequest } from '../../services/answer-message-request.ts'
import { allowMessagesFrom, readMessagesAllowedFrom } from '../../services/message-settings.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { json, problems, withAccessToken } from './answers.ts'

const params = z.object({ userId: userRefParam })
/** What every route of one's own has in common. */
const own = { tags: ['messages'], security: withAccessToken, middleware: signedIn }

const readSettingsRoute = createRoute({
  ...own,
  method: 'get',
  path: '/settings',
  summary: 'Who may begin a conversation with one',
  responses: {
    200: json(messageSettings, 'The settings'),
    ...problems('unauthenticated', 'token_expired'),
  },
})

const updateSettingsRoute = createRoute({
  ...own,
  method: 'put',
  path: '/settings',
  summary: 'Say who may begin a conversation with one',
  description: 'Conversations that one has accepted go on.',
  request: { body: { required: true, content: { 'application/json': { schema: messageSettings } } } },
  responses: {
    200: json(messageSettings, 'The settings as they are now'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended'),
  },
})

const acceptRoute = createRoute({
  ...own,
  method: 'post',
  path: '/requests/{userId}/accept',
  summary: 'Accept a request',
  description: 'It is a conversation from now on. Again does nothing.',
  request: { params },
  responses: {
    204: { description: 'Accepted' },
    ...problems(
      'validation_failed',
      'unauthenticated',
      'token_expired',
      'suspended',
      'user_not_found',
      'message_request_not_found',
    ),
  },
})

const declineRoute = createRoute({
  ...own,
  method: 'delete',
  path: '/requests/{userId}',
  summary: 'Decline a request',
  description:
    'It vanishes until the stranger writes again, who is not told. Without a request nothing changes.',
  request: { params },
  responses: {
    204: { description: 'Declined' },
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended', 'user_not_found'),
  },
})

/** Under `/api/messages`: who may write, and what strangers wrote. */
export function messageSettingsRoutes() {
  const routes = createRouter()

  routes.openapi(readSettingsRoute, async (c) =>
    c.json({ allow_from: await readMessagesAllowedFrom(c.var.deps, c.var.viewer) }, 200),
  )

  routes.openapi(updateSettingsRoute, async (c) => {
    const settings = c.req.valid('json')
    await allowMessagesFrom(c.var.deps, c.var.viewer, settings.allow_from)
    return c.json(settings, 200)
  })

  routes.openapi(acceptRoute, async (c) => {
    await acceptMessageRequest(c.var.deps, c.var.viewer, c.req.valid('param').userId)
    return c.body(null, 204)
  })

  routes.openapi(declineRoute, async (c) => {
    await declineMessageRequest(c.var.deps, c.var.viewer, c.req.valid('param').userId)
    return c.body(null, 204)
  })

  return routes
}
