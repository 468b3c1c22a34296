import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { AppError } from '../../domain/errors.ts'
import type { AppEnv } from '../context.ts'

const WINDOW_SECONDS = 60

/** A request, whether its viewer is known to be signed in or not. */
type Asking = Pick<Context<AppEnv>, 'env' | 'req' | 'get'>

/**
 * 100 requests a minute for each user, 600 for each address of those signed out. Approximate, for each
 * Cloudflare location: it guards the service; exact quotas are kept in Postgres.
 */
export const limitRate = createMiddleware<AppEnv>(async (c, next) => {
  const viewer = c.get('viewer')
  if (viewer === null) await takeFrom(c, c.env.ADDRESS_LIMITER, addressOf(c))
  else await takeFrom(c, c.env.USER_LIMITER, String(viewer.id))
  await next()
})

/** 10 tries a minute for each address and account name: passwords cannot be guessed by trying. */
export async function limitSignIn(c: Asking, account: string): Promise<void> {
  await takeFrom(c, c.env.SIGN_IN_LIMITER, `${addressOf(c)} ${account.toLowerCase()}`)
}

/** Whoever found a device signed in cannot try passwords on it any faster than at the login. */
export const limitPasswordTries = createMiddleware<AppEnv>(async (c, next) => {
  const viewer = c.get('viewer')
  if (viewer !== null) await limitSignIn(c, viewer.username)
  await next()
})

async function takeFrom(c: Asking, limiter: RateLimit, key: string): Promise<void> {
  if (!c.get('deps').settings.rateLimits) return
  const { success } = await limiter.limit({ key })
  if (!success) throw new AppError('rate_limited', { retryAfterSeconds: WINDOW_SECONDS })
}

function addressOf(c: Asking): string {
  return c.req.header('cf-connecting-ip') ?? 'unknown'
}
