import { createRoute, z } from '@hono/zod-openapi'
import { type PageQuery, pageQuery, userRefParam } from '../../contracts/http/common.ts'
import { followRequestAnswer, mutedUserPage, type UserPage, userPage } from '../../contracts/http/users.ts'
import { acceptFollowRequest, rejectFollowRequest } from '../../services/answer-follow-request.ts'
import type { Deps, Viewer } from '../../services/deps.ts'
import { listMutes, listOwnPeople } from '../../services/list-own-people.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { placePage, placePagination } from '../place-pages.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

/** What every one of these routes has in common. */
const own = { tags: ['users'], security: withAccessToken, middleware: signedIn }
const params = z.object({ userId: userRefParam })

/** What every list has in common. */
const list = {
  ...own,
  method: 'get',
  request: { query: pageQuery },
} as const
const listProblems = problems(
  'validation_failed',
  'invalid_cursor',
  'offset_too_large',
  'unauthenticated',
  'token_expired',
)

const blocksRoute = createRoute({
  ...list,
  path: '/blocks',
  summary: 'Whom one blocks',
  description: 'The latest first.',
  responses: { 200: json(userPage, 'A page of users'), ...listProblems },
})

const mutesRoute = createRoute({
  ...list,
  path: '/mutes',
  summary: 'Whom one has muted',
  description: 'The latest first; without mutes that have ended.',
  responses: { 200: json(mutedUserPage, 'A page of users'), ...listProblems },
})

const requestsRoute = createRoute({
  ...list,
  path: '/follow-requests',
  summary: 'Who asks to follow one',
  description: 'The latest first.',
  responses: { 200: json(userPage, 'A page of users'), ...listProblems },
})

const acceptRoute = createRoute({
  ...own,
  method: 'post',
  path: '/follow-requests/{userId}/accept',
  summary: 'Let somebody follow one',
  description: 'Again does nothing.',
  request: { params },
  responses: {
    200: json(followRequestAnswer, 'They follow'),
    ...problems(
      'validation_failed',
      'unauthenticated',
      'token_expired',
      'suspended',
      'user_not_found',
      'follow_request_not_found',
    ),
  },
})

const rejectRoute = createRoute({
  ...own,
  method: 'post',
  path: '/follow-requests/{userId}/reject',
  summary: 'Take away a request to follow one',
  description: 'The requester is not told. Without a request nothing changes.',
  request: { params },
  responses: {
    200: json(followRequestAnswer, 'There is no request'),
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'suspended', 'user_not_found'),
  },
})

/** Under `/api`: whom one blocks, has muted, or is asked by. */
export function ownPeopleRoutes() {
  const routes = createRouter()

  routes.openapi(blocksRoute, async (c) => c.json(await readList(c.var, 'blocks', c.req.valid('query')), 200))

  routes.openapi(mutesRoute, async (c) => {
    const asked = readPage(c.req.valid('query'), 'mutes')
    const { users, nextAfter } = await listMutes(c.var.deps, c.var.viewer, placePage(asked))
    return c.json({ users, pagination: placePagination(asked, 'mutes', nextAfter) }, 200)
  })

  routes.openapi(requestsRoute, async (c) =>
    c.json(await readList(c.var, 'follow-requests', c.req.valid('query')), 200),
  )

  routes.openapi(acceptRoute, async (c) => {
    await acceptFollowRequest(c.var.deps, c.var.viewer, c.req.valid('param').userId)
    return c.json({ message: 'Request accepted' as const }, 200)
  })

  routes.openapi(rejectRoute, async (c) => {
    await rejectFollowRequest(c.var.deps, c.var.viewer, c.req.valid('param').userId)
    return c.json({ message: 'Request rejected' as const }, 200)
  })

  return routes
}

async function readList(
  { deps, viewer }: { deps: Deps; viewer: Viewer },
  kind: 'blocks' | 'follow-requests',
  query: PageQuery,
): Promise<UserPage> {
  const asked = readPage(query, kind)
  const { users, nextAfter } = await listOwnPeople(deps, viewer, kind, placePage(asked))
  return { users, pagination: placePagination(asked, kind, nextAfter) }
}
