import { createRoute } from '@hono/zod-openapi'
import { deactivationRequest } from '../../contracts/http/auth.ts'
import { deactivateAccount } from '../../services/deactivate-account.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { limitPasswordTries } from '../middleware/rate-limit.ts'
import { problems, withAccessToken } from './answers.ts'

const deactivateRoute = createRoute({
  method: 'delete',
  path: '/me',
  tags: ['users'],
  summary: 'Deactivate one’s own account',
  description:
    'Takes the password. At once the account and all that it wrote is gone for others, and it is signed out everywhere. ' +
    'Signing in within 30 days brings everything back; after that it is erased for good, and its username and e-mail address ' +
    'are free again.',
  security: withAccessToken,
  middleware: [signedIn, limitPasswordTries] as const,
  request: { body: { required: true, content: { 'application/json': { schema: deactivationRequest } } } },
  responses: {
    204: { description: 'Deactivated' },
    ...problems(
      'validation_failed',
      'unauthenticated',
      'token_expired',
      'invalid_credentials',
      'suspended',
      'conflict',
      'rate_limited',
    ),
  },
})

/** Under `/api/users`: the end of one's own account. */
export function accountRoutes() {
  const routes = createRouter()

  routes.openapi(deactivateRoute, async (c) => {
    await deactivateAccount(c.var.deps, c.var.viewer, c.req.valid('json').password)
    return c.body(null, 204)
  })

  return routes
}
