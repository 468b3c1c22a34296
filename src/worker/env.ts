import { z } from 'zod'
import type { Settings, SigningKey } from '../services/settings.ts'

const SECRET_LENGTH_MIN = 32

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be ${min} to ${max}`)

/** `secret`, or `kid=secret,kid=secret` with the signing key first. */
const signingKeys = z.string().transform((text, context): SigningKey[] => {
  const parts = text.split(',').map((part) => part.trim())
  const keys = parts.map((part, index) => {
    const named = /^([\w-]{1,32})=(.+)$/.exec(part)
    return named?.[1] !== undefined && named[2] !== undefined
      ? { kid: named[1], secret: named[2] }
      : { kid: `k${index}`, secret: part }
  })
  for (const { secret } of keys) {
    if (secret.length < SECRET_LENGTH_MIN) {
      context.addIssue(`each secret must have at least ${SECRET_LENGTH_MIN} characters`)
      return z.NEVER
    }
  }
  const encoder = new TextEncoder()
  return keys.map(({ kid, secret }) => ({ kid, secret: encoder.encode(secret) }))
})

const environment = z
  .object({
    ALLOWED_ORIGINS: z.string(),
    FRESHEN_DEADLINE_MS: wholeNumber(0, 10_000),
    FRESHEN_TTL_MS: wholeNumber(0, 60_000),
    DATABASE_EPOCH: wholeNumber(1, 1_000_000),
    RATE_LIMITS: z.enum(['on', 'off']),
    TWEETS_PER_3_HOURS: wholeNumber(1, 1_000_000),
    FOLLOWS_PER_DAY: wholeNumber(1, 1_000_000),
    LIKES_PER_DAY: wholeNumber(1, 1_000_000),
    DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL'),
    DATABASE_ENDPOINT: z.union([z.literal(''), z.url()]),
    JWT_SECRET: signingKeys,
    REFRESH_SECRET: signingKeys,
  })
  .refine(
    (env) => !env.JWT_SECRET.some((key) => env.REFRESH_SECRET.some((other) => sameSecret(key, other))),
    {
      path: ['REFRESH_SECRET'],
      message: 'must differ from JWT_SECRET',
    },
  )

export interface Configuration {
  settings: Settings
  database: { url: string; endpoint: string }
}

/** The configuration is wrong: says which variables, and never their values. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

const parsed = new WeakMap<object, Configuration>()

/** Parses the Worker's variables and secrets, once an isolate. */
export function configurationOf(env: Env): Configuration {
  const known = parsed.get(env)
  if (known !== undefined) return known
  const result = environment.safeParse(env)
  if (!result.success) {
    const reasons = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new ConfigurationError(`The Worker is not configured: ${reasons.join('; ')}`)
  }
  const configuration = toConfiguration(result.data)
  parsed.set(env, configuration)
  return configuration
}

function toConfiguration(env: z.infer<typeof environment>): Configuration {
  return {
    settings: {
      allowedOrigins: env.ALLOWED_ORIGINS === '*' ? '*' : env.ALLOWED_ORIGINS.split(',').map((o) => o.trim()),
      freshenDeadlineMs: env.FRESHEN_DEADLINE_MS,
      freshenTtlMs: env.FRESHEN_TTL_MS,
      databaseEpoch: env.DATABASE_EPOCH,
      rateLimits: env.RATE_LIMITS === 'on',
      tweetsPer3Hours: env.TWEETS_PER_3_HOURS,
      followsPerDay: env.FOLLOWS_PER_DAY,
      likesPerDay: env.LIKES_PER_DAY,
      accessKeys: env.JWT_SECRET,
      refreshKeys: env.REFRESH_SECRET,
    },
    database: { url: env.DATABASE_URL, endpoint: env.DATABASE_ENDPOINT },
  }
}

function sameSecret(a: SigningKey, b: SigningKey): boolean {
  return a.secret.length === b.secret.length && a.secret.every((byte, index) => byte === b.secret[index])
}
