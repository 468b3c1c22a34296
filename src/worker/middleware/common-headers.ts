import type { Context } from 'hono'
import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../context.ts'
import { configurationOf } from '../env.ts'

const PREFLIGHT_SECONDS = 86_400
const EXPOSED = 'retry-after,server-timing,x-degraded,x-request-id'
/** What keeps browsers from guessing, framing and leaking. */
const SECURITY: readonly (readonly [name: string, value: string])[] = [
  ['cross-origin-resource-policy', 'cross-origin'],
  ['referrer-policy', 'no-referrer'],
  ['strict-transport-security', 'max-age=15552000; includeSubDomains'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'SAMEORIGIN'],
]

/** Answers what browsers ask before they ask: which origins, methods and headers are welcome. */
export const answerPreflight = createMiddleware<AppEnv>(async (c, next) => {
  if (c.req.method !== 'OPTIONS') return next()
  const { allowedOrigins } = configurationOf(c.env).settings
  const preflight = cors({
    origin: allowedOrigins,
    credentials: mayBringCookies(allowedOrigins),
    allowHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-refresh-cookie', 'x-request-id'],
    allowMethods: ['GET', 'POST', 'PUT', 'DELETE'],
    maxAge: PREFLIGHT_SECONDS,
  })
  return preflight(c, next)
})

/**
 * Sets what every answer carries on a response that is made already. Set earlier, as middlewares of the framework do, each
 * answer would be copied when its handler returns it, which costs as much as reading a timeline.
 */
export function setCommonHeaders(c: Context<AppEnv>, own: Record<string, string>): void {
  const { headers } = mutableResponse(c)
  for (const [name, value] of SECURITY) headers.set(name, value)
  for (const name in own) headers.set(name, own[name] ?? '')
  if (!c.req.path.startsWith('/api/')) return
  const { allowedOrigins } = configurationOf(c.env).settings
  if (allowedOrigins === '*') {
    headers.set('access-control-allow-origin', '*')
    headers.set('access-control-expose-headers', EXPOSED)
    return
  }
  headers.append('vary', 'Origin')
  const origin = c.req.header('origin')
  if (origin === undefined || !allowedOrigins.includes(origin)) return
  headers.set('access-control-allow-origin', origin)
  headers.set('access-control-allow-credentials', 'true')
  headers.set('access-control-expose-headers', EXPOSED)
}

/** The refresh cookie is for named origins only: "*" with credentials would be every site there is. */
function mayBringCookies(allowedOrigins: '*' | string[]): boolean {
  return allowedOrigins !== '*'
}

/** The headers of what another binding answered cannot be changed: such an answer is copied. */
function mutableResponse(c: Context<AppEnv>): Response {
  const answer = c.res
  try {
    answer.headers.set('x-content-type-options', 'nosniff')
    return answer
  } catch {
    const copy = new Response(answer.body, answer)
    c.res = undefined
    c.res = copy
    return copy
  }
}
