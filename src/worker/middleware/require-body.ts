import { createMiddleware } from 'hono/factory'
import { AppError } from '../../domain/errors.ts'
import type { AppEnv } from '../context.ts'

/** Where all fields are optional: no body, or one without a content type, would pass for a change of nothing. */
export const requireBody = createMiddleware<AppEnv>(async (c, next) => {
  if (c.req.header('content-type') === undefined) {
    const errors = [{ path: 'json', message: 'must be an object, sent as application/json' }]
    throw new AppError('validation_failed', { errors })
  }
  await next()
})
