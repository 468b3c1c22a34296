import { createRoute, z } from '@hono/zod-openapi'
import { verifyRequest } from '../../contracts/http/admin.ts'
import { userRefParam } from '../../contracts/http/common.ts'
import { userCard } from '../../contracts/http/users.ts'
import { verifyUser } from '../../services/verify-user.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { json, problems, withAccessToken } from './answers.ts'

const verifyRoute = createRoute({
  method: 'put',
  path: '/users/{id}/verified',
  tags: ['admin'],
  summary: 'Say whether somebody is verified',
  description: 'For moderators and admins, whose token was given since they are one.',
  security: withAccessToken,
  middleware: signedIn,
  request: {
    params: z.object({ id: userRefParam }),
    body: { required: true, content: { 'application/json': { schema: verifyRequest } } },
  },
  responses: {
    200: json(userCard, 'The user as everybody sees them now'),
    ...problems(
      'validation_failed',
      'unauthenticated',
      'token_expired',
      'forbidden',
      'suspended',
      'user_not_found',
    ),
  },
})

/** `/api/admin`: what moderators and admins do. */
export function adminRoutes() {
  const routes = createRouter()

  routes.openapi(verifyRoute, async (c) => {
    const { verified } = c.req.valid('json')
    return c.json(await verifyUser(c.var.deps, c.var.viewer, c.req.valid('param').id, verified), 200)
  })

  return routes
}
