import { createRoute, z } from '@hono/zod-openapi'
import { tweetIdParam } from '../../contracts/http/common.ts'
import { newTweetRequest, tweet } from '../../contracts/http/tweets.ts'
import { deleteTweet } from '../../services/delete-tweet.ts'
import { publishTweet } from '../../services/publish-tweet.ts'
import { readTweet } from '../../services/read-tweet.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { json, problems, withAccessToken } from './answers.ts'

const tags = ['tweets']
const params = z.object({ id: tweetIdParam })

const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,100}$/, 'must be 1 to 100 visible ASCII characters')
    .optional()
    .openapi({ description: 'The same key and body within 24 hours answer the first result' }),
})

const createTweetRoute = createRoute({
  method: 'post',
  path: '/',
  tags,
  summary: 'Post a tweet',
  security: withAccessToken,
  middleware: [signedIn] as const,
  request: {
    headers: idempotencyHeader,
    body: { required: true, content: { 'application/json': { schema: newTweetRequest } } },
  },
  responses: {
    201: json(tweet, 'The tweet'),
    ...problems('validation_failed', 'unauthenticated', 'suspended', 'idempotency_conflict', 'rate_limited'),
  },
})

const readTweetRoute = createRoute({
  method: 'get',
  path: '/{id}',
  tags,
  summary: 'Read a tweet',
  security: [...withAccessToken, {}],
  request: { params },
  responses: {
    200: json(tweet, 'The tweet as the reader may see it'),
    ...problems('validation_failed', 'unauthenticated', 'tweet_not_found'),
  },
})

const deleteTweetRoute = createRoute({
  method: 'delete',
  path: '/{id}',
  tags,
  summary: 'Delete a tweet',
  description: 'Of one’s own; a moderator deletes any. Again does nothing.',
  security: withAccessToken,
  middleware: [signedIn] as const,
  request: { params },
  responses: {
    204: { description: 'Deleted' },
    ...problems('validation_failed', 'unauthenticated', 'forbidden', 'tweet_not_found'),
  },
})

export function tweetRoutes() {
  const routes = createRouter()

  routes.openapi(createTweetRoute, async (c) => {
    const { content, is_sensitive } = c.req.valid('json')
    const idempotencyKey = c.req.valid('header')['idempotency-key'] ?? null
    const draft = { content, isSensitive: is_sensitive ?? false, idempotencyKey }
    return c.json(await publishTweet(c.var.deps, c.var.viewer, draft), 201)
  })

  routes.openapi(readTweetRoute, async (c) =>
    c.json(await readTweet(c.var.deps, c.var.viewer, c.req.valid('param').id), 200),
  )

  routes.openapi(deleteTweetRoute, async (c) => {
    await deleteTweet(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.body(null, 204)
  })

  return routes
}
