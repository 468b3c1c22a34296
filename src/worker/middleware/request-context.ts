import { createMiddleware } from 'hono/factory'
import { createLogger } from '../../domain/log.ts'
import type { AppEnv } from '../context.ts'
import { createDeps } from '../deps.ts'
import { ServerTiming } from '../server-timing.ts'

const REQUEST_ID = /^[\w-]{8,64}$/

/** Gives the request its id, logger, clock and dependencies; logs it when it is answered. */
export const requestContext = createMiddleware<AppEnv>(async (c, next) => {
  const given = c.req.header('x-request-id')
  const requestId = given !== undefined && REQUEST_ID.test(given) ? given : crypto.randomUUID()
  const log = createLogger({ request_id: requestId })
  const timing = new ServerTiming(Date.now)
  const start = Date.now()
  c.set('requestId', requestId)
  c.set('log', log)
  c.set('timing', timing)
  c.set('viewer', null)
  c.set('deps', createDeps(c.env, { log, timing, defer: (work) => c.executionCtx.waitUntil(work) }))

  await next()

  log.info('request', {
    method: c.req.method,
    path: c.req.path,
    status: c.res.status,
    duration_ms: Date.now() - start,
    user_id: c.var.viewer?.id,
  })
  if (c.res.webSocket) return
  c.res.headers.set('x-request-id', requestId)
  const parts = timing.header()
  if (parts !== '') c.res.headers.set('server-timing', parts)
})
