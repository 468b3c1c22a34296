import { createRoute, z } from '@hono/zod-openapi'
import { tweetIdParam } from '../../contracts/http/common.ts'
import { newTweetRequest, tweet } from '../../contracts/http/tweets.ts'
import { AppError } from '../../domain/errors.ts'
import { deleteTweet } from '../../services/delete-tweet.ts'
import { publishTweet } from '../../services/publish-tweet.ts'
import { readTweet } from '../../services/read-tweet.ts'
import { createRouter } from '../context.ts'
import { idempotencyHeader } from '../idempotency-header.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { draftOf } from '../new-tweets.ts'
import { json, problems, withAccessToken } from './answers.ts'

const tags = ['tweets']
const params = z.object({ id: tweetIdParam })

const refusals = problems(
  'validation_failed',
  'unauthenticated',
  'suspended',
  'blocked',
  'forbidden',
  'tweet_not_found',
  'idempotency_conflict',
  'rate_limited',
)

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
    ...refusals,
  },
})

const replyRoute = createRoute({
  method: 'post',
  path: '/{id}/reply',
  tags,
  summary: 'Answer a tweet',
  description: 'As posting a tweet with `reply_to_id`, which may be left out here.',
  security: withAccessToken,
  middleware: [signedIn] as const,
  request: {
    params,
    headers: idempotencyHeader,
    body: { required: true, content: { 'application/json': { schema: newTweetRequest } } },
  },
  responses: {
    201: json(tweet, 'The reply'),
    ...refusals,
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
    ...problems('validation_failed', 'unauthenticated', 'suspended', 'forbidden', 'tweet_not_found'),
  },
})

export function tweetRoutes() {
  const routes = createRouter()

  routes.openapi(createTweetRoute, async (c) => {
    const idempotencyKey = c.req.valid('header')['idempotency-key'] ?? null
    const draft = { ...draftOf(c.req.valid('json')), idempotencyKey }
    return c.json(await publishTweet(c.var.deps, c.var.viewer, draft), 201)
  })

  routes.openapi(replyRoute, async (c) => {
    const { id } = c.req.valid('param')
    const draft = draftOf(c.req.valid('json'))
    if (draft.replyToId !== null && draft.replyToId !== id) {
      const errors = [{ path: 'json.reply_to_id', message: 'must be the tweet that the path names' }]
      throw new AppError('validation_failed', { errors })
    }
    const idempotencyKey = c.req.valid('header')['idempotency-key'] ?? null
    const reply = { ...draft, replyToId: id, idempotencyKey }
    return c.json(await publishTweet(c.var.deps, c.var.viewer, reply), 201)
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
