import { createRoute, z } from '@hono/zod-openapi'
import { userRefParam } from '../../contracts/http/common.ts'
import { ownProfile, profile, updateProfileRequest } from '../../contracts/http/users.ts'
import { readProfile } from '../../services/read-profile.ts'
import { updateProfile } from '../../services/update-profile.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { requireBody } from '../middleware/require-body.ts'
import { json, problems, withAccessToken } from './answers.ts'
import { followRoutes } from './follows.ts'

const tags = ['users']
const params = z.object({ id: userRefParam })

const readRoute = createRoute({
  method: 'get',
  path: '/{id}',
  tags,
  summary: 'Read a profile',
  description:
    'One’s own with `email`, `birth_date`, `role` and `hide_sensitive`. Someone who blocks the reader shows as a bare ' +
    'UserCard.',
  security: [...withAccessToken, {}],
  request: { params },
  responses: {
    200: json(z.union([ownProfile, profile]), 'The profile as the reader may see it'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'user_not_found'),
  },
})

const updateRoute = createRoute({
  method: 'put',
  path: '/{id}',
  tags,
  summary: 'Change one’s own profile',
  security: withAccessToken,
  middleware: [signedIn, requireBody] as const,
  request: {
    params,
    body: { required: true, content: { 'application/json': { schema: updateProfileRequest } } },
  },
  responses: {
    200: json(ownProfile, 'The profile as it is now'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'forbidden', 'suspended'),
  },
})

/** `/api/users`: profiles, and who follows whom. */
export function userRoutes() {
  const routes = createRouter()

  routes.openapi(readRoute, async (c) =>
    c.json(await readProfile(c.var.deps, c.var.viewer, c.req.valid('param').id), 200),
  )

  routes.openapi(updateRoute, async (c) => {
    const { deps, viewer } = c.var
    return c.json(await updateProfile(deps, viewer, c.req.valid('param').id, c.req.valid('json')), 200)
  })

  routes.route('/', followRoutes())
  return routes
}
