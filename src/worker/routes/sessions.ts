import { createRoute, z } from '@hono/zod-openapi'
import { confirmation, passwordRequest, sessionIdParam, sessionPage } from '../../contracts/http/auth.ts'
import { pageQuery } from '../../contracts/http/common.ts'
import { encodeCursor } from '../../domain/cursor.ts'
import { AppError } from '../../domain/errors.ts'
import { changePassword } from '../../services/change-password.ts'
import { endSession } from '../../services/end-session.ts'
import { listSessions } from '../../services/list-sessions.ts'
import { presentSession } from '../../views/present-session.ts'
import { createRouter } from '../context.ts'
import { signedIn } from '../middleware/authenticate.ts'
import { limitPasswordTries } from '../middleware/rate-limit.ts'
import { readPage } from '../read-page.ts'
import { json, problems, withAccessToken } from './answers.ts'

const tags = ['auth']
const security = withAccessToken

const listRoute = createRoute({
  method: 'get',
  path: '/sessions',
  tags,
  summary: 'Where one is signed in',
  security,
  middleware: signedIn,
  request: { query: pageQuery },
  responses: {
    200: json(sessionPage, 'The newest sign-in first'),
    ...problems(
      'validation_failed',
      'offset_too_large',
      'invalid_cursor',
      'unauthenticated',
      'token_expired',
    ),
  },
})

const endRoute = createRoute({
  method: 'delete',
  path: '/sessions/{id}',
  tags,
  summary: 'Sign out somewhere else',
  security,
  middleware: signedIn,
  request: { params: z.object({ id: sessionIdParam }) },
  responses: {
    204: { description: 'Signed out there' },
    ...problems('validation_failed', 'unauthenticated', 'token_expired', 'session_not_found'),
  },
})

const passwordRoute = createRoute({
  method: 'post',
  path: '/password',
  tags,
  summary: 'Change the password',
  description: 'Ends all other sessions.',
  security,
  middleware: [signedIn, limitPasswordTries] as const,
  request: { body: { required: true, content: { 'application/json': { schema: passwordRequest } } } },
  responses: {
    200: json(confirmation, 'Changed'),
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

/** The parts of a cursor in the list of sessions: the id of the last session of a page. */
const placeInList = z.tuple([sessionIdParam])
const CURSOR_KIND = 'sessions'

/** Under `/api/auth`: one's own sign-ins, and the password that guards them. */
export function sessionRoutes() {
  const routes = createRouter()

  routes.openapi(listRoute, async (c) => {
    const { limit, offset, after } = readPage(c.req.valid('query'), CURSOR_KIND)
    const place = after === null ? null : placeInList.safeParse(after)
    if (place?.success === false) throw new AppError('invalid_cursor')
    const page = { limit, offset, after: place?.data[0] ?? null }
    const { sessions, hasMore } = await listSessions(c.var.deps, c.var.viewer, page)
    const last = hasMore ? sessions.at(-1) : undefined
    const next_cursor = last === undefined ? null : encodeCursor(CURSOR_KIND, [last.id])
    const presented = sessions.map((row) => presentSession(row, c.var.viewer.sessionId))
    return c.json({ sessions: presented, pagination: { limit, offset, has_more: hasMore, next_cursor } }, 200)
  })

  routes.openapi(endRoute, async (c) => {
    await endSession(c.var.deps, c.var.viewer, c.req.valid('param').id)
    return c.body(null, 204)
  })

  routes.openapi(passwordRoute, async (c) => {
    const { current_password, new_password } = c.req.valid('json')
    const passwords = { currentPassword: current_password, newPassword: new_password }
    await changePassword(c.var.deps, c.var.viewer, passwords)
    return c.json({ message: 'Password changed' }, 200)
  })

  return routes
}
