import { describe, expect, it } from 'vitest'
import { type Configuration, ConfigurationError, configurationOf } from './env.ts'

const SECRET = 'a-secret-of-at-least-32-characters'
const OTHER_SECRET = 'another-secret-of-32-characters---'

const GOOD = {
  ALLOWED_ORIGINS: '*',
  FRESHEN_DEADLINE_MS: '150',
  FRESHEN_TTL_MS: '15000',
  LOGGED_REQUESTS: '1',
  DATABASE_EPOCH: '1',
  RATE_LIMITS: 'on',
  FANOUT_PUSH_LIMIT: '1000000',
  TREND_SAMPLE: '1',
  TWEETS_PER_3_HOURS: '300',
  FOLLOWS_PER_DAY: '1000',
  LIKES_PER_DAY: '1000',
  MESSAGES_PER_DAY: '500',
  DATABASE_URL: 'postgres://ada:hunter2@db.example/warbler',
  DATABASE_ENDPOINT: '',
  DATABASE_REPLICA_ENDPOINT: '',
  JWT_SECRET: SECRET,
  REFRESH_SECRET: OTHER_SECRET,
  VAPID_SUBJECT: '',
  PUSH_SERVICES: 'push.example.com',
}

const PUSH = {
  VAPID_PUBLIC_KEY: 'BFT9d5O8TPufZybv_CCPzuf7OGMlJfx0ApwX6557yG07_6TD_XPyS5dvWEey24HbZjgOmn3_mK-RBsxv1ahH4Zw',
  VAPID_PRIVATE_KEY: 'HhBe3cLvX9ySvdgb7EMYNbUsN51Tyea0VuGBt8_p8ys',
  VAPID_SUBJECT: 'mailto:ops@example.com',
}
const OTHERS_PRIVATE_KEY = 'BRkjtpB4ZT5sERUa8KjaKQBLFTrIrFNFM2LELcQe5LY'

type Name = keyof typeof GOOD

function configure(vars: Partial<Record<Name, string | undefined>>): Configuration {
  return configurationOf(Object.assign({ ...GOOD }, vars))
}

function complaintOf(vars: Partial<Record<Name, string | undefined>>): string {
  try {
    configure(vars)
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message
    throw error
  }
  throw new Error(`${JSON.stringify(vars)} is taken for good`)
}

/** The names that the tokens are signed and verified under, the signing one first. */
const keysOf = (JWT_SECRET: string) => configure({ JWT_SECRET }).settings.accessKeys
const namesOf = (JWT_SECRET: string) => keysOf(JWT_SECRET).map(({ kid }) => kid)

describe('the environment', () => {
  it('is parsed into settings', () => {
    const { settings, database } = configure({
      DATABASE_ENDPOINT: 'http://127.0.0.1:4444/sql',
      RATE_LIMITS: 'off',
    })
    expect(settings).toMatchObject({
      allowedOrigins: '*',
      freshenDeadlineMs: 150,
      freshenTtlMs: 15_000,
      loggedRequests: 1,
      databaseEpoch: 1,
      rateLimits: false,
      fanOutPushLimit: 1_000_000,
      tweetsPer3Hours: 300,
      followsPerDay: 1000,
      likesPerDay: 1000,
      messagesPerDay: 500,
    })
    expect(database).toEqual({ url: GOOD.DATABASE_URL, endpoint: 'http://127.0.0.1:4444/sql' })
  })

  it('has no replica unless it names one', () => {
    expect(configure({ DATABASE_REPLICA_ENDPOINT: 'http://127.0.0.1:4444/sql' }).replica).toBeNull()
    expect(configurationOf({ ...GOOD, DATABASE_REPLICA_URL: '' }).replica).toBeNull()
    const url = 'postgres://ada:hunter2@replica.example/warbler'
    const { database, replica } = configurationOf({ ...GOOD, DATABASE_REPLICA_URL: url })
    expect(replica).toEqual({ url, endpoint: '', timeoutMs: 2000 })
    expect(database).toEqual({ url: GOOD.DATABASE_URL, endpoint: '' })
    const wrong = () =>
      configurationOf({ ...GOOD, DATABASE_REPLICA_URL: 'mysql://ada:hunter2@replica.example/x' })
    expect(wrong).toThrow(/: DATABASE_REPLICA_URL: /)
    expect(wrong).not.toThrow(/hunter/)
  })

  it('has Web Push once both keys and a subject are there', () => {
    const { settings } = configurationOf({ ...GOOD, ...PUSH })
    expect(settings.push).toEqual({
      keys: { publicKey: PUSH.VAPID_PUBLIC_KEY, privateKey: PUSH.VAPID_PRIVATE_KEY },
      subject: PUSH.VAPID_SUBJECT,
      services: [{ host: 'push.example.com' }],
    })
    expect(configure({}).settings.push).toBeNull()
    for (const name of ['VAPID_PUBLIC_KEY', 'VAPID_PRIVATE_KEY', 'VAPID_SUBJECT']) {
      expect(configurationOf({ ...GOOD, ...PUSH, [name]: '' }).settings.push).toBeNull()
    }
  })

  it.each([
    [
      'VAPID_PUBLIC_KEY',
      ['x', PUSH.VAPID_PUBLIC_KEY.slice(1), `${PUSH.VAPID_PUBLIC_KEY}=`, PUSH.VAPID_PRIVATE_KEY],
    ],
    [
      'VAPID_PRIVATE_KEY',
      [
        'x',
        `${PUSH.VAPID_PRIVATE_KEY}=`,
        PUSH.VAPID_PUBLIC_KEY,
        OTHERS_PRIVATE_KEY,
        'A'.repeat(43),
        '_'.repeat(43),
      ],
    ],
  ])('names %s where it is no key, or not of the pair, and never shows it', (name, values) => {
    for (const value of values) {
      const wrong = () => configurationOf({ ...GOOD, ...PUSH, [name]: value })
      expect(wrong).toThrow(new RegExp(`: ${name}: [^;]+$`))
      if (value.length > 1) expect(wrong).not.toThrow(value)
    }
  })

  it('is parsed once', () => {
    const env = { ...GOOD }
    expect(configurationOf(env)).toBe(configurationOf(env))
    expect(configurationOf({ ...GOOD })).not.toBe(configurationOf(env))
  })

  it.each<[Name, string[]]>([
    [
      'ALLOWED_ORIGINS',
      ['', 'app.example', 'https://app.example/', 'https://a.example,*', 'https://a.example,,'],
    ],
    ['FRESHEN_DEADLINE_MS', ['', '-1', '1.5', '10001', '1e3', '150ms', ' 150', '9'.repeat(400)]],
    ['FRESHEN_TTL_MS', ['', '60001', 'NaN', 'Infinity']],
    ['LOGGED_REQUESTS', ['2', '-1', 'all', '.5']],
    ['DATABASE_EPOCH', ['0', '-1', '1000001']],
    ['RATE_LIMITS', ['', 'ON', 'true', 'off ']],
    ['FANOUT_PUSH_LIMIT', ['0', 'many']],
    ['TWEETS_PER_3_HOURS', ['0', 'many']],
    ['FOLLOWS_PER_DAY', ['0', '٣']],
    ['MESSAGES_PER_DAY', ['0', '']],
    [
      'DATABASE_URL',
      [
        ...[
          '',
          'mysql://ada:hunter3@db.example/warbler',
          'db.example',
          'postgres:///',
          'postgres://db.example/warbler',
        ],
        ...['postgres://ada:hunter3@db.example', 'postgres://ada:hunter3@db.example:port/warbler'],
      ],
    ],
    ['DATABASE_REPLICA_ENDPOINT', ['127.0.0.1:4444/sql?', '/sql']],
    ['DATABASE_ENDPOINT', ['127.0.0.1:4444/sql?', '/sql']],
    [
      'JWT_SECRET',
      ['', 'short-secret', 'kid=short-secret', `${SECRET},short-secret`, `a=${SECRET},a=${SECRET}x`],
    ],
    ['VAPID_SUBJECT', ['ops@example.com', 'mailto:', 'mailto:ops', 'http://example.com', 'https://']],
    ['PUSH_SERVICES', ['', '*', 'https://push.example.com', 'push.example.com,', 'http://push.example.com']],
    ['REFRESH_SECRET', ['', 'short-secret', `${OTHER_SECRET},`, SECRET, `mine=${SECRET}`]],
  ])('names %s where it is bad, and never shows it', (name, values) => {
    for (const value of values) {
      const complaint = complaintOf({ [name]: value })
      expect(complaint).toMatch(new RegExp(`: ${name}: [^;]+$`))
      if (value.length > 1) expect(complaint).not.toContain(value)
      expect(complaint).not.toContain('hunter')
      expect(complaint).not.toMatch(/short-secret|-of-(at-least-)?32/)
    }
    expect(complaintOf({ [name]: undefined })).toContain(`: ${name}: `)
  })

  it('names all that are bad at once', () => {
    const complaint = complaintOf({ DATABASE_URL: 'x', JWT_SECRET: 'x', RATE_LIMITS: undefined })
    for (const name of ['DATABASE_URL', 'JWT_SECRET', 'RATE_LIMITS']) expect(complaint).toContain(`${name}: `)
    expect(complaint).not.toContain('REFRESH_SECRET')
  })

  it('takes a list of origins, with or without spaces', () => {
    const { settings } = configure({ ALLOWED_ORIGINS: 'https://app.example, http://localhost:5173' })
    expect(settings.allowedOrigins).toEqual(['https://app.example', 'http://localhost:5173'])
  })
})

describe('the signing keys', () => {
  it('are named, the first of several signing', () => {
    const keys = keysOf(`new=${SECRET}, old-1=${OTHER_SECRET}`.replace(OTHER_SECRET, `${SECRET}=with=signs`))
    expect(keys).toEqual([
      { kid: 'new', secret: new TextEncoder().encode(SECRET) },
      { kid: 'old-1', secret: new TextEncoder().encode(`${SECRET}=with=signs`) },
    ])
  })

  it('keep the name of a lone secret when a new one is put before it', () => {
    const [before] = keysOf(SECRET)
    const after = keysOf(`2027=${SECRET}-of-2027,${SECRET}`)
    expect(after[0]?.kid).toBe('2027')
    expect(after[1]).toEqual(before)
  })

  it('have names that tell secrets apart and give none away', () => {
    const names = namesOf(`${SECRET}1,${SECRET}2`)
    expect(new Set(names).size).toBe(2)
    for (const name of names) expect(`${SECRET}1 ${SECRET}2`).not.toContain(name)
  })

  it('are others for refresh tokens than for access tokens, any of them', () => {
    const complaint = complaintOf({
      JWT_SECRET: `a=${SECRET},b=${OTHER_SECRET}`,
      REFRESH_SECRET: `c=${SECRET}x,d=${OTHER_SECRET}`,
    })
    expect(complaint).toMatch(/: REFRESH_SECRET: must differ from JWT_SECRET$/)
  })
})
