import { createRoute, z } from '@hono/zod-openapi'
import { userRefParam } from '../../contracts/http/common.ts'
import { blockAnswer, muteAnswer, muteRequest } from '../../contracts/http/users.ts'
import { blockUser, unblockUser } from '../../services/block-user.ts'
import { muteUser, unmuteUser } from '../../services/mute-user.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { json, problems, withAccessToken } from './answers.ts'

/** What every one of these routes has in common. */
const own = { tags: ['users'], security: withAccessToken, middleware: signedIn }
const params = z.object({ id: userRefParam })
const refusals = [
  'validation_failed',
  'unauthenticated',
  'token_expired',
  'suspended',
  'user_not_found',
] as const

const blockRoute = createRoute({
  ...own,
  method: 'post',
  path: '/{id}/block',
  summary: 'Block a user',
  description:
    'Neither sees the other from now on, follows and requests between the two end, and so do notifications of each ' +
    'other. Again does nothing.',
  request: { params },
  responses: { 200: json(blockAnswer, 'Blocked'), ...problems(...refusals, 'cannot_block_self') },
})

const unblockRoute = createRoute({
  ...own,
  method: 'delete',
  path: '/{id}/block',
  summary: 'Unblock a user',
  description: 'Nothing that the block has ended comes back. Again does nothing.',
  request: { params },
  responses: { 200: json(blockAnswer, 'No longer blocked'), ...problems(...refusals) },
})

const muteRoute = createRoute({
  ...own,
  method: 'post',
  path: '/{id}/mute',
  summary: 'Mute a user',
  description:
    'They vanish from one’s timelines and notifications, and are not told. Again sets another end.',
  request: {
    params,
    body: { required: false, content: { 'application/json': { schema: muteRequest } } },
  },
  responses: { 200: json(muteAnswer, 'Muted'), ...problems(...refusals, 'cannot_mute_self') },
})

const unmuteRoute = createRoute({
  ...own,
  method: 'delete',
  path: '/{id}/mute',
  summary: 'Unmute a user',
  description: 'Again does nothing.',
  request: { params },
  responses: { 200: json(muteAnswer, 'No longer muted'), ...problems(...refusals) },
})

/** Under `/api/users`: whom one does not want to see. */
export function blockRoutes() {
  const routes = createRouter()

  routes.openapi(blockRoute, async (c) => {
    await blockUser(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ message: 'User blocked' as const, is_blocking: true }, 200)
  })

  routes.openapi(unblockRoute, async (c) => {
    await unblockUser(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ message: 'User unblocked' as const, is_blocking: false }, 200)
  })

  routes.openapi(muteRoute, async (c) => {
    const { expires_at = null } = c.req.valid('json')
    await muteUser(c.var.deps, c.var.viewer, c.req.valid('param').id, expires_at)
    return c.json({ message: 'User muted' as const, is_muting: true }, 200)
  })

  routes.openapi(unmuteRoute, async (c) => {
    await unmuteUser(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.json({ message: 'User unmuted' as const, is_muting: false }, 200)
  })

  return routes
}
