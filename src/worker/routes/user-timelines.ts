import { createRoute, z } from '@hono/zod-openapi'
import { pageQuery, userRefParam } from '../../contracts/http/common.ts'
import { tweetPage } from '../../contracts/http/tweets.ts'
import { readUserTimeline } from '../../services/read-user-timeline.ts'
import { createRouter } from '../context.ts'
import { entryBefore, paginationOf } from '../entry-pages.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const CURSOR = 'user-tweets'
const flag = z.enum(['true', 'false']).optional()

const userTweetsRoute = createRoute({
  method: 'get',
  path: '/{id}/tweets',
  tags: ['users'],
  summary: 'A user’s tweets and retweets',
  security: [...withAccessToken, {}],
  request: {
    params: z.object({ id: userRefParam }),
    query: pageQuery.extend({
      replies: flag.openapi({ description: '`true` adds replies' }),
      media: flag.openapi({ description: '`true` leaves only tweets with media' }),
    }),
  },
  responses: {
    200: json(tweetPage, 'A page of tweets'),
    ...problems(
      'validation_failed',
      'invalid_cursor',
      'offset_too_large',
      'unauthenticated',
      'user_not_found',
    ),
  },
})

export function userTimelineRoutes() {
  const routes = createRouter()

  routes.openapi(userTweetsRoute, async (c) => {
    const query = c.req.valid('query')
    const asked = readPage(query, CURSOR)
    const { tweets, nextBefore } = await readUserTimeline(
      c.var.deps,
      c.var.viewer,
      c.req.valid('param').id,
      { replies: query.replies === 'true', media: query.media === 'true' },
      { limit: asked.limit, offset: asked.offset, before: entryBefore(asked) },
    )
    return c.json({ tweets, pagination: paginationOf(asked, CURSOR, nextBefore) }, 200)
  })

  return routes
}
