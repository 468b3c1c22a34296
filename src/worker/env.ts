import { z } from 'zod'
import type { Database } from '../db/client.ts'
import { isP256Point, isP256PrivateKey } from '../domain/push-keys.ts'
import { type PushService, parsePushServices } from '../domain/push-services.ts'
import type { PushSettings, Settings, SigningKey } from '../services/settings.ts'
import { signingKeys } from '../services/signing-keys.ts'
import { areKeyPair } from '../services/vapid-keys.ts'

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be ${min} to ${max}`)

const share = z
  .string()
  .regex(/^(0(\.\d+)?|1)$/, 'must be a share from 0 to 1')
  .transform(Number)

/** `*`, or origins as browsers send them. */
const origins = z.string().transform((text, context): '*' | string[] => {
  if (text === '*') return text
  const listed = text.split(',').map((origin) => origin.trim())
  if (listed.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin)) return listed
  context.addIssue('must be * or origins such as https://example.com, without a path, separated by commas')
  return z.NEVER
})

/** As the driver takes it, which would show the password in its own complaint. */
const databaseUrl = z.string().refine((text) => {
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return false
  const { username, hostname, pathname } = new URL(text)
  return username !== '' && hostname !== '' && pathname.length > 1
}, 'must be postgres://user:password@host/database')

const pushServices = z.string().transform((text, context): PushService[] => {
  const services = parsePushServices(text)
  if (services !== null) return services
  context.addIssue('must be names of hosts, or http origins of this machine, separated by commas')
  return z.NEVER
})

/** Empty where it is not set up. */
const orEmpty = (isGood: (text: string) => boolean, complaint: string) =>
  z.string().refine((text) => text === '' || isGood(text), { error: complaint, abort: true })

const isContact = (text: string) =>
  /^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/.test(text) && URL.canParse(text)

const environment = z
  .object({
    ALLOWED_ORIGINS: origins,
    FRESHEN_DEADLINE_MS: wholeNumber(0, 10_000),
    FRESHEN_TTL_MS: wholeNumber(0, 60_000),
    LOGGED_REQUESTS: share,
    DATABASE_EPOCH: wholeNumber(1, 1_000_000),
    RATE_LIMITS: z.enum(['on', 'off']),
    FANOUT_PUSH_LIMIT: wholeNumber(1, 1_000_000_000),
    TREND_SAMPLE: share,
    TWEETS_PER_3_HOURS: wholeNumber(1, 1_000_000),
    FOLLOWS_PER_DAY: wholeNumber(1, 1_000_000),
    LIKES_PER_DAY: wholeNumber(1, 1_000_000),
    MESSAGES_PER_DAY: wholeNumber(1, 1_000_000),
    DATABASE_URL: databaseUrl,
    DATABASE_ENDPOINT: z.union([z.literal(''), z.url()]),
    DATABASE_REPLICA_URL: z.union([z.literal(''), databaseUrl]).default(''),
    DATABASE_REPLICA_ENDPOINT: z.union([z.literal(''), z.url()]),
    JWT_SECRET: signingKeys,
    REFRESH_SECRET: signingKeys,
    VAPID_PUBLIC_KEY: orEmpty(isP256Point, 'must be a point of 65 bytes in base64url').default(''),
    VAPID_PRIVATE_KEY: orEmpty(isP256PrivateKey, 'must be 32 bytes in base64url').default(''),
    VAPID_SUBJECT: orEmpty(isContact, 'must be a URL, mailto or https'),
    PUSH_SERVICES: pushServices,
  })
  .refine(
    (env) => !env.JWT_SECRET.some((key) => env.REFRESH_SECRET.some((other) => sameSecret(key, other))),
    {
      path: ['REFRESH_SECRET'],
      message: 'must differ from JWT_SECRET',
    },
  )
  .refine(
    ({ VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey }) =>
      publicKey === '' || privateKey === '' || areKeyPair({ publicKey, privateKey }),
    {
      path: ['VAPID_PRIVATE_KEY'],
      message: 'must be the private key of VAPID_PUBLIC_KEY',
    },
  )

/** A replica that does not answer by then is done without. */
const REPLICA_TIMEOUT_MS = 2_000

export interface Configuration {
  settings: Settings
  database: Database
  /** A copy of the database that may lag behind it; null where there is none. */
  replica: Database | null
}

/** The configuration is wrong: says which variables, and never their values. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

const parsed = new WeakMap<object, Configuration>()

/** Secrets that need not be there. */
type OptionalSecret = 'DATABASE_REPLICA_URL' | 'VAPID_PUBLIC_KEY' | 'VAPID_PRIVATE_KEY'

/** What of the environment is text; the rest are bindings. */
type Variables = Pick<Env, Exclude<keyof z.input<typeof environment>, OptionalSecret>> & {
  [Name in OptionalSecret]?: string
}

/** Parses the Worker's variables and secrets, once an isolate. Throws a ConfigurationError. */
export function configurationOf(env: Variables): Configuration {
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
      allowedOrigins: env.ALLOWED_ORIGINS,
      freshenDeadlineMs: env.FRESHEN_DEADLINE_MS,
      freshenTtlMs: env.FRESHEN_TTL_MS,
      loggedRequests: env.LOGGED_REQUESTS,
      databaseEpoch: env.DATABASE_EPOCH,
      rateLimits: env.RATE_LIMITS === 'on',
      fanOutPushLimit: env.FANOUT_PUSH_LIMIT,
      trendSample: env.TREND_SAMPLE,
      tweetsPer3Hours: env.TWEETS_PER_3_HOURS,
      followsPerDay: env.FOLLOWS_PER_DAY,
      likesPerDay: env.LIKES_PER_DAY,
      messagesPerDay: env.MESSAGES_PER_DAY,
      accessKeys: env.JWT_SECRET,
      refreshKeys: env.REFRESH_SECRET,
      push: toPushSettings(env),
    },
    database: { url: env.DATABASE_URL, endpoint: env.DATABASE_ENDPOINT },
    replica:
      env.DATABASE_REPLICA_URL === ''
        ? null
        : {
            url: env.DATABASE_REPLICA_URL,
            endpoint: env.DATABASE_REPLICA_ENDPOINT,
            timeoutMs: REPLICA_TIMEOUT_MS,
          },
  }
}

/** Two of three are none: secrets are put one by one, and the Worker runs meanwhile. */
function toPushSettings(env: z.infer<typeof environment>): PushSettings | null {
  const { VAPID_PUBLIC_KEY: publicKey, VAPID_PRIVATE_KEY: privateKey, VAPID_SUBJECT: subject } = env
  if (publicKey === '' || privateKey === '' || subject === '') return null
  return { keys: { publicKey, privateKey }, subject, services: env.PUSH_SERVICES }
}

function sameSecret(a: SigningKey, b: SigningKey): boolean {
  return a.secret.length === b.secret.length && a.secret.every((byte, index) => byte === b.secret[index])
}
