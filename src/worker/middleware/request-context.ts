import { createMiddleware } from 'hono/factory'
import { createLogger } from '../../domain/log.ts'
import type { AppEnv } from '../context.ts'
import { createDeps } from '../deps.ts'
import { configurationOf } from '../env.ts'
import { ServerTiming } from '../server-timing.ts'
import { setCommonHeaders } from './common-headers.ts'

const REQUEST_ID = /^[\w-]{8,64}$/

/** A request that took longer is always logged. */
const SLOW_MS = 500

/**
 * Gives the request its id, logger, clock and dependencies, and its answer what every answer carries; logs those that
 * failed or were slow, and a share of the others.
 */
export const requestContext = createMiddleware<AppEnv>(async (c, next) => {
  const given = c.req.header('x-request-id')
  const requestId = given !== undefined && REQUEST_ID.test(given) ? given : crypto.randomUUID()
  const log = createLogger({ request_id: requestId })
  const timing = new ServerTiming(Date.now)
  const start = Date.now()
  const { settings } = configurationOf(c.env)
  c.set('requestId', requestId)
  c.set('log', log)
  c.set('timing', timing)
  c.set('viewer', null)
  c.set('deps', createDeps(c.env, { log, timing, defer: (work) => c.executionCtx.waitUntil(work) }))

  await next()

  const { status, webSocket } = c.res
  const duration_ms = Date.now() - start
  if (status >= 500 || duration_ms >= SLOW_MS || Math.random() < settings.loggedRequests) {
    log.info('request', {
      method: c.req.method,
      path: c.req.path,
      status,
      duration_ms,
      user_id: c.get('viewer')?.id,
    })
  }
  if (webSocket) return
  const parts = timing.header()
  setCommonHeaders(
    c,
    parts === '' ? { 'x-request-id': requestId } : { 'x-request-id': requestId, 'server-timing': parts },
  )
})
