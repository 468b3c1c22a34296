import { createRoute, type RouteConfig, z } from '@hono/zod-openapi'
import {
  pushSubscription,
  pushSubscriptionIdParam,
  pushSubscriptionList,
  pushSubscriptionRequest,
} from '../../contracts/http/push.ts'
import { listPushSubscriptions } from '../../services/list-push-subscriptions.ts'
import { subscribeToPush } from '../../services/subscribe-to-push.ts'
import { unsubscribeFromPush } from '../../services/unsubscribe-from-push.ts'
import { presentPushSubscription } from '../../views/present-push-subscription.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { json, problems, withAccessToken } from './answers.ts'

/** What every route of Web Push has in common. */
const push = {
  tags: ['notifications'],
  security: withAccessToken,
  middleware: [signedIn] as const,
} satisfies Partial<RouteConfig>

const listRoute = createRoute({
  ...push,
  method: 'get',
  path: '/subscriptions',
  summary: 'Which browsers of one’s own are pushed to',
  responses: {
    200: json(pushSubscriptionList, 'The newest first, and the key to subscribe with'),
    ...problems('unauthenticated', 'token_expired', 'unavailable'),
  },
})

const subscribeRoute = createRoute({
  ...push,
  method: 'post',
  path: '/subscriptions',
  summary: 'Have notifications pushed to this browser',
  description:
    'While none of one’s sockets is open, until the session ends. At most 10; the oldest goes when one more comes. ' +
    'An endpoint that somebody else had subscribed is theirs no longer. What is pushed is JSON: ' +
    '`{ id, type, title, body, url, unread_count }`.',
  request: { body: { required: true, content: { 'application/json': { schema: pushSubscriptionRequest } } } },
  responses: {
    200: json(pushSubscription, 'It was subscribed before; its keys and its session are those given now'),
    201: json(pushSubscription, 'Subscribed'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended', 'unavailable'),
  },
})

const unsubscribeRoute = createRoute({
  ...push,
  method: 'delete',
  path: '/subscriptions/{id}',
  summary: 'Push to a browser no longer',
  request: { params: z.object({ id: pushSubscriptionIdParam }) },
  responses: {
    204: { description: 'Unsubscribed' },
    ...problems(
      'validation_failed',
      'unauthenticated',
      'token_expired',
      'push_subscription_not_found',
      'unavailable',
    ),
  },
})

/** `/api/push`: the browsers that notifications are pushed to. */
export function pushRoutes() {
  const routes = createRouter()

  routes.openapi(listRoute, async (c) => {
    const { publicKey, subscriptions } = await listPushSubscriptions(c.var.deps, c.var.viewer)
    return c.json({ public_key: publicKey, subscriptions: subscriptions.map(presentPushSubscription) }, 200)
  })

  routes.openapi(subscribeRoute, async (c) => {
    const { endpoint, keys } = c.req.valid('json')
    const { isNew, subscription } = await subscribeToPush(c.var.deps, c.var.viewer, { endpoint, ...keys })
    return c.json(presentPushSubscription(subscription), isNew ? 201 : 200)
  })

  routes.openapi(unsubscribeRoute, async (c) => {
    await unsubscribeFromPush(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.body(null, 204)
  })

  return routes
}
