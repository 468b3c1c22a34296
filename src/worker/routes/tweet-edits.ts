import { createRoute, z } from '@hono/zod-openapi'
import { pageQuery, tweetIdParam } from '../../contracts/http/common.ts'
import { editTweetRequest, tweet, versionPage } from '../../contracts/http/tweets.ts'
import { editTweet } from '../../services/edit-tweet.ts'
import { listVersions } from '../../services/list-versions.ts'
import { createRouter } from '../context.ts'
import { entryBefore, paginationOf } from '../entry-pages.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const tags = ['tweets']
const params = z.object({ id: tweetIdParam })
const VERSIONS_CURSOR = 'versions'

const editTweetRoute = createRoute({
  method: 'put',
  path: '/{id}',
  tags,
  summary: 'Edit a tweet',
  description:
    'One’s own, within 60 minutes and at most 5 times; not one with a poll. The same text does nothing.',
  security: withAccessToken,
  middleware: [signedIn] as const,
  request: {
    params,
    body: { required: true, content: { 'application/json': { schema: editTweetRequest } } },
  },
  responses: {
    200: json(tweet, 'The tweet as it reads now'),
    ...problems(
      'validation_failed',
      'unauthenticated',
      'suspended',
      'forbidden',
      'edit_closed',
      'tweet_not_found',
    ),
  },
})

const historyRoute = createRoute({
  method: 'get',
  path: '/{id}/history',
  tags,
  summary: 'What a tweet says and said, newest first',
  security: [...withAccessToken, {}],
  request: { params, query: pageQuery },
  responses: {
    200: json(versionPage, 'Its versions'),
    ...problems(
      'validation_failed',
      'invalid_cursor',
      'offset_too_large',
      'unauthenticated',
      'tweet_not_found',
    ),
  },
})

export function tweetEditRoutes() {
  const routes = createRouter()

  routes.openapi(editTweetRoute, async (c) => {
    const { id } = c.req.valid('param')
    const { content } = c.req.valid('json')
    return c.json(await editTweet(c.var.deps, c.var.viewer, { id, content }), 200)
  })

  routes.openapi(historyRoute, async (c) => {
    const asked = readPage(c.req.valid('query'), VERSIONS_CURSOR)
    const { versions, nextBefore } = await listVersions(c.var.deps, c.var.viewer, c.req.valid('param').id, {
      before: entryBefore(asked),
      offset: asked.offset,
      limit: asked.limit,
    })
    return c.json({ versions, pagination: paginationOf(asked, VERSIONS_CURSOR, nextBefore) }, 200)
  })

  return routes
}
