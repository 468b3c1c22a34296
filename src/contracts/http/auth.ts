import { z } from '@hono/zod-openapi'
import { cleanText, isPlausibleEmail, isUsername } from '../../domain/profile.ts'
import { codePointLength, isBlank } from '../../domain/tweet-text.ts'
import { optional, pagination } from './common.ts'
import { ownProfile } from './users.ts'

const DISPLAY_NAME_LENGTH_MAX = 100
/** No password is longer (256 code points, two units each at most): what is longer is not worth hashing. */
const PASSWORD_UNITS_MAX = 512
const SIGN_IN_NAME_LENGTH_MAX = 255
/** Ours have about 400 characters. */
const REFRESH_TOKEN_LENGTH_MAX = 2_048

const newUsername = z
  .string()
  .refine(
    isUsername,
    'must be 3 to 50 letters (A-Z), digits or underscores, not only digits, and not reserved',
  )
  .openapi({ minLength: 3, maxLength: 50, pattern: '^[A-Za-z0-9_]+$', example: 'ada' })

const newEmail = z
  .string()
  .trim()
  .refine(isPlausibleEmail, 'must be an e-mail address')
  .openapi({ format: 'email', maxLength: 255, example: 'ada@example.com' })

const newDisplayName = z
  .string()
  .transform(cleanText)
  .refine((name) => !isBlank(name), 'must not be blank')
  .refine(
    (name) => codePointLength(name) <= DISPLAY_NAME_LENGTH_MAX,
    `must have at most ${DISPLAY_NAME_LENGTH_MAX} characters`,
  )
  .openapi({ type: 'string', minLength: 1, maxLength: DISPLAY_NAME_LENGTH_MAX, example: 'Ada Lovelace' })

/** Judged by `checkPassword`, which knows whose it is. */
const newPassword = z
  .string()
  .max(PASSWORD_UNITS_MAX)
  .openapi({ format: 'password', minLength: 8, maxLength: 256, example: 'correct horse battery' })

const password = z.string().max(PASSWORD_UNITS_MAX).openapi({ format: 'password' })

const signInName = z
  .string()
  .trim()
  .min(1)
  .max(SIGN_IN_NAME_LENGTH_MAX)
  .refine((name) => name.isWellFormed() && !name.includes('\0'), 'must be text')

const refreshToken = z.string().max(REFRESH_TOKEN_LENGTH_MAX)

export const registerRequest = z
  .object({ username: newUsername, email: newEmail, password: newPassword, display_name: newDisplayName })
  .openapi('RegisterRequest')

export const loginRequest = z
  .object({ username: optional(signInName), email: optional(signInName), password })
  .transform(({ username, email, password }, context) => {
    if (username != null && email == null) return { account: { username }, password }
    if (email != null && username == null) return { account: { email }, password }
    context.addIssue({ code: 'custom', path: ['username'], message: 'give either username or email' })
    return z.NEVER
  })
  .openapi('LoginRequest', { description: 'Either `username` or `email`, with the password' })

export const refreshRequest = z
  .object({ refreshToken: optional(refreshToken) })
  .openapi('RefreshRequest', { description: 'The token, unless the request carries it as a cookie' })

export const logoutRequest = z
  .object({
    everywhere: optional(z.boolean()).openapi({ description: 'End all sessions. Takes an access token' }),
    refreshToken: optional(refreshToken).openapi({
      description: 'Names the session when there is no access token',
    }),
  })
  .openapi('LogoutRequest')

export const passwordRequest = z
  .object({ current_password: password, new_password: newPassword })
  .openapi('PasswordRequest')

export const deactivationRequest = z.object({ password }).openapi('DeactivationRequest')

/** With `X-Refresh-Cookie: 1` the refresh token is in a cookie and not in the body. */
export const refreshCookieHeader = z.object({
  'x-refresh-cookie': z
    .literal('1')
    .optional()
    .openapi({
      param: {
        description:
          'For browsers: the refresh token is set as the cookie `warbler_refresh` (HttpOnly, Secure, SameSite=Strict, ' +
          'only for /api/auth) and left out of the body. A request that relies on the cookie must have an `Origin` ' +
          'that is this API’s own or one of those allowed.',
      },
    }),
})

export const tokens = z
  .object({
    accessToken: z.string().openapi({ description: 'Good for 15 minutes' }),
    refreshToken: z
      .string()
      .optional()
      .openapi({ description: 'Good for 7 days and once. Absent when it is in the cookie' }),
  })
  .openapi('Tokens')
export type Tokens = z.infer<typeof tokens>

export const signedInUser = tokens.extend({ user: ownProfile }).openapi('SignedInUser')

export const confirmation = z.object({ message: z.string() }).openapi('Confirmation')

const session = z
  .object({
    id: z.uuid(),
    user_agent: z.string(),
    created_at: z.string(),
    last_used_at: z.string(),
    expires_at: z.string(),
    is_current: z.boolean(),
  })
  .openapi('Session')
export type Session = z.infer<typeof session>

export const sessionPage = z.object({ sessions: z.array(session), pagination }).openapi('SessionPage')

export const sessionIdParam = z.uuid('must be the id of a session')
