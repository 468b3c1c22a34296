import { createRoute } from '@hono/zod-openapi'
import { newThreadRequest, thread } from '../../contracts/http/tweets.ts'
import { publishThread } from '../../services/publish-thread.ts'
import { createRouter } from '../context.ts'
import { idempotencyHeader } from '../idempotency-header.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { draftOf } from '../new-tweets.ts'
import { json, problems, withAccessToken } from './answers.ts'

const createThreadRoute = createRoute({
  method: 'post',
  path: '/',
  tags: ['tweets'],
  summary: 'Post a thread',
  description: 'All of it or nothing.',
  security: withAccessToken,
  middleware: [signedIn] as const,
  request: {
    headers: idempotencyHeader,
    body: { required: true, content: { 'application/json': { schema: newThreadRequest } } },
  },
  responses: {
    201: json(thread, 'The tweets in their order'),
    ...problems(
      'validation_failed',
      'unauthenticated',
      'suspended',
      'blocked',
      'forbidden',
      'tweet_not_found',
      'idempotency_conflict',
      'rate_limited',
    ),
  },
})

export function threadRoutes() {
  const routes = createRouter()

  routes.openapi(createThreadRoute, async (c) => {
    const drafts = c.req.valid('json').tweets.map(draftOf)
    const idempotencyKey = c.req.valid('header')['idempotency-key'] ?? null
    const tweets = await publishThread(c.var.deps, c.var.viewer, { drafts, idempotencyKey })
    return c.json({ tweets }, 201)
  })

  return routes
}
