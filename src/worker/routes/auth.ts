import { createRoute } from '@hono/zod-openapi'
import {
  confirmation,
  loginRequest,
  logoutRequest,
  refreshCookieHeader,
  refreshRequest,
  registerRequest,
  signedInUser,
  tokens,
} from '../../contracts/http/auth.ts'
import { AppError } from '../../domain/errors.ts'
import { login } from '../../services/login.ts'
import { logout } from '../../services/logout.ts'
import { refreshSession } from '../../services/refresh-session.ts'
import { register } from '../../services/register.ts'
import { presentOwnProfile } from '../../views/present-profile.ts'
import { createRouter } from '../context.ts'
import { limitSignIn } from '../middleware/rate-limit.ts'
import { forgetRefreshCookie, handOver, shownRefreshToken } from '../refresh-cookie.ts'
import { json, problems, withAccessToken } from './answers.ts'
import { sessionRoutes } from './sessions.ts'

const tags = ['auth']
const body = <Schema>(schema: Schema, required = true) => ({
  body: { required, content: { 'application/json': { schema } } },
})

const registerRoute = createRoute({
  method: 'post',
  path: '/register',
  tags,
  summary: 'Open an account and sign in',
  request: { headers: refreshCookieHeader, ...body(registerRequest) },
  responses: {
    201: json(signedInUser, 'The account, signed in'),
    ...problems('validation_failed', 'username_taken', 'email_taken'),
  },
})

const loginRoute = createRoute({
  method: 'post',
  path: '/login',
  tags,
  summary: 'Sign in with a password',
  description:
    'An account that its owner has deactivated is active again, until it is being erased 30 days later.',
  request: { headers: refreshCookieHeader, ...body(loginRequest) },
  responses: {
    200: json(signedInUser, 'Signed in'),
    ...problems('validation_failed', 'invalid_credentials', 'suspended', 'rate_limited'),
  },
})

const refreshRoute = createRoute({
  method: 'post',
  path: '/refresh-token',
  tags,
  summary: 'Replace a refresh token',
  description:
    'Answers a new pair. The token that was shown may be shown again for 10 seconds and gets the same successor; ' +
    'shown later, it ends the session.',
  request: { headers: refreshCookieHeader, ...body(refreshRequest, false) },
  responses: {
    200: json(tokens, 'The new pair'),
    ...problems('validation_failed', 'invalid_refresh_token', 'suspended', 'forbidden'),
  },
})

const logoutRoute = createRoute({
  method: 'post',
  path: '/logout',
  tags,
  summary: 'Sign out, here or everywhere',
  description:
    'The refresh token is dead and the sockets close at once; an access token lives out its minutes.',
  security: [...withAccessToken, {}],
  request: body(logoutRequest, false),
  responses: {
    200: json(confirmation, 'Signed out, also when that was so before'),
    ...problems('validation_failed', 'unauthenticated', 'forbidden'),
  },
})

/** `/api/auth`: accounts, and the tokens by which one stays signed in. */
export function authRoutes() {
  const routes = createRouter()
  routes.openAPIRegistry.registerComponent('securitySchemes', 'accessToken', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  })

  routes.openapi(registerRoute, async (c) => {
    const { username, email, password, display_name } = c.req.valid('json')
    const userAgent = c.req.header('user-agent') ?? ''
    const account = { username, email, password, displayName: display_name, userAgent }
    const { user, tokens } = await register(c.var.deps, account)
    const inCookie = c.req.valid('header')['x-refresh-cookie'] !== undefined
    return c.json({ user: presentOwnProfile(user), ...handOver(c, tokens, inCookie) }, 201)
  })

  routes.openapi(loginRoute, async (c) => {
    const { account, password } = c.req.valid('json')
    await limitSignIn(c, 'username' in account ? account.username : account.email)
    const userAgent = c.req.header('user-agent') ?? ''
    const { user, tokens } = await login(c.var.deps, { account, password, userAgent })
    const inCookie = c.req.valid('header')['x-refresh-cookie'] !== undefined
    return c.json({ user: presentOwnProfile(user), ...handOver(c, tokens, inCookie) }, 200)
  })

  routes.openapi(refreshRoute, async (c) => {
    const shown = shownRefreshToken(c, c.req.valid('json').refreshToken)
    if (shown === null) throw missingRefreshToken()
    const tokens = await refreshSession(c.var.deps, shown.refreshToken)
    const inCookie = shown.inCookie || c.req.valid('header')['x-refresh-cookie'] !== undefined
    return c.json(handOver(c, tokens, inCookie), 200)
  })

  routes.openapi(logoutRoute, async (c) => {
    const { everywhere, refreshToken } = c.req.valid('json')
    const { viewer, deps } = c.var
    const shown = viewer === null ? shownRefreshToken(c, refreshToken) : null
    await logout(deps, {
      viewer,
      refreshToken: shown?.refreshToken ?? null,
      everywhere: everywhere ?? false,
    })
    forgetRefreshCookie(c)
    return c.json({ message: 'Signed out' }, 200)
  })

  routes.route('/', sessionRoutes())
  return routes
}

function missingRefreshToken(): AppError {
  return new AppError('validation_failed', {
    errors: [{ path: 'json.refreshToken', message: 'is missing, and there is no cookie' }],
  })
}
