import { bodyLimit } from 'hono/body-limit'
import { createMiddleware } from 'hono/factory'
import { AppError } from '../../domain/errors.ts'
import type { AppEnv } from '../context.ts'

/** The largest JSON body any route takes: 25 tweets of a thread, or a message of 10,000 characters, with room. */
const BODY_BYTES_MAX = 256 * 1024

const limited = bodyLimit({
  maxSize: BODY_BYTES_MAX,
  onError: () => {
    throw new AppError('payload_too_large', { detail: `A body has at most ${BODY_BYTES_MAX} bytes` })
  },
})

/** A body that nobody reads has no limit: that of a GET. */
export const limitBody = createMiddleware<AppEnv>((c, next) =>
  c.req.method === 'GET' ? next() : limited(c, next),
)

/** A body of any other type would be taken for an empty one. */
export const onlyJson = createMiddleware<AppEnv>(async (c, next) => {
  const type = c.req.header('content-type')
  if (type !== undefined && c.req.method !== 'GET' && !/^application\/([\w.-]+\+)?json\b/i.test(type)) {
    throw new AppError('unsupported_media_type')
  }
  await next()
})
