import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { Tokens } from '../contracts/http/auth.ts'
import { AppError } from '../domain/errors.ts'
import { REFRESH_TOKEN_TTL_SECONDS } from '../domain/sessions.ts'
import type { TokenPair } from '../services/issue-tokens.ts'
import type { AppEnv } from './context.ts'

const COOKIE = 'warbler_refresh'
/** Sent to the routes that need it and to no other, never by another site, and out of reach of scripts. */
const ATTRIBUTES = { path: '/api/auth', httpOnly: true, secure: true, sameSite: 'Strict' } as const

export interface ShownToken {
  refreshToken: string
  /** Then its successor goes there too: a script that could ask for it in a body could steal it. */
  inCookie: boolean
}

/**
 * The refresh token of the body, or else of the cookie; null when there is neither. A browser adds the cookie
 * by itself, so with it the request must come from a page of ours: else throws `forbidden`.
 */
export function shownRefreshToken(c: Context<AppEnv>, inBody: string | null | undefined): ShownToken | null {
  if (inBody != null) return { refreshToken: inBody, inCookie: false }
  const cookie = getCookie(c, COOKIE)
  if (cookie === undefined) return null
  if (!isFromOwnPage(c)) throw new AppError('forbidden', { detail: 'The cookie needs an Origin of ours' })
  return { refreshToken: cookie, inCookie: true }
}

/** What of a new pair goes into the body; the refresh token goes into the cookie if the client wants that. */
export function handOver(
  c: Context<AppEnv>,
  { accessToken, refreshToken }: TokenPair,
  inCookie: boolean,
): Tokens {
  c.header('cache-control', 'no-store')
  if (!inCookie) return { accessToken, refreshToken }
  setCookie(c, COOKIE, refreshToken, { ...ATTRIBUTES, maxAge: REFRESH_TOKEN_TTL_SECONDS })
  return { accessToken }
}

/** Takes the cookie back, if there is one. */
export function forgetRefreshCookie(c: Context<AppEnv>): void {
  if (getCookie(c, COOKIE) !== undefined) deleteCookie(c, COOKIE, ATTRIBUTES)
}

function isFromOwnPage(c: Context<AppEnv>): boolean {
  const origin = c.req.header('origin')
  if (origin === undefined) return false
  const { allowedOrigins } = c.var.deps.settings
  return origin === new URL(c.req.url).origin || (allowedOrigins !== '*' && allowedOrigins.includes(origin))
}
