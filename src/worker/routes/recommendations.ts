import { createRoute, z } from '@hono/zod-openapi'
import { PAGE_LIMIT_DEFAULT, userRefParam } from '../../contracts/http/common.ts'
import { recommendations, recommendationsQuery } from '../../contracts/http/recommendations.ts'
import { dismissRecommendation, recommendUsers } from '../../services/recommend-users.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { json, problems, withAccessToken } from './answers.ts'

/** What both routes have in common. */
const own = { tags: ['users'], security: withAccessToken, middleware: signedIn }

const recommendRoute = createRoute({
  ...own,
  method: 'get',
  path: '/users',
  summary: 'Whom one might follow',
  description:
    'The best first, each with the reason: whom those follow whom one follows, then who tweets about what one tweets and likes, ' +
    'then who is popular. Nobody whom one follows, has asked, blocks, mutes or has dismissed.',
  request: { query: recommendationsQuery },
  responses: {
    200: json(recommendations, 'Users, each with the reason'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired'),
  },
})

const dismissRoute = createRoute({
  ...own,
  method: 'delete',
  path: '/users/{id}',
  summary: 'Not to be recommended somebody any more',
  description: 'Again does nothing.',
  request: { params: z.object({ id: userRefParam }) },
  responses: {
    204: { description: 'Dismissed' },
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended', 'user_not_found'),
  },
})

/** `/api/recommendations`: whom to follow. */
export function recommendationRoutes() {
  const routes = createRouter()

  routes.openapi(recommendRoute, async (c) => {
    const { limit = PAGE_LIMIT_DEFAULT } = c.req.valid('query')
    return c.json({ users: await recommendUsers(c.var.deps, c.var.viewer, limit) }, 200)
  })

  routes.openapi(dismissRoute, async (c) => {
    await dismissRecommendation(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.body(null, 204)
  })

  return routes
}
