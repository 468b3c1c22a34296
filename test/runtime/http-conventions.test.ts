import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { problem } from '../../src/contracts/http/common.ts'
import worker from '../../src/worker/index.ts'
import { type ApiAnswer, type ApiOptions, answerOf, api, ORIGIN, registerUser, requestOf } from './harness.ts'

/** Asks a Worker that is configured otherwise. */
async function apiOf(vars: Partial<Env>, method: string, path: string, options: ApiOptions = {}) {
  const request = requestOf(method, path, options)
  return answerOf(await worker.fetch(request, { ...env, ...vars }, createExecutionContext()))
}

let token: string
let id: number

beforeAll(async () => {
  const { accessToken, user } = await registerUser()
  token = accessToken
  id = user.id
})

/** Answers of every kind: a success, and refusals from every depth. */
function answersOfAllKinds(options: ApiOptions = {}): Promise<ApiAnswer[]> {
  return Promise.all([
    api('GET', '/api/health', options),
    api('GET', `/api/users/${id}`, options),
    api('GET', '/api/timeline/home', { ...options, token }),
    api('DELETE', `/api/tweets/${Number.MAX_SAFE_INTEGER}`, { ...options, token }),
    api('GET', '/api/timeline/home', options),
    api('POST', '/api/tweets', { ...options, token, body: '{' }),
    api('GET', '/api/nothing', options),
    api('PATCH', '/api/tweets', options),
    api('GET', '/openapi.json', options),
  ])
}

describe('a request id', () => {
  it.each(['12345678', 'my-trace_0001', crypto.randomUUID(), 'x'.repeat(64)])(
    'is kept: %s',
    async (given) => {
      const headers = { 'x-request-id': given }
      for (const answer of await answersOfAllKinds({ headers })) {
        expect(answer.headers.get('x-request-id')).toBe(given)
      }
    },
  )

  it.each(['short', 'x'.repeat(65), 'has a space in it', '<script>alert(1)</script>', '1234;5678'])(
    'is replaced where it is none: %s',
    async (given) => {
      for (const answer of await answersOfAllKinds({ headers: { 'x-request-id': given } })) {
        expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
      }
    },
  )

  it('is another for each request', async () => {
    const ids = (await answersOfAllKinds()).map(({ headers }) => headers.get('x-request-id'))
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('every answer', () => {
  it('keeps browsers from guessing, framing and leaking', async () => {
    for (const { headers } of await answersOfAllKinds()) {
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': expect.stringContaining('max-age='),
        'cross-origin-resource-policy': 'cross-origin',
      })
      expect(headers.get('x-powered-by')).toBeNull()
    }
  })

  it('names only its own parts in Server-Timing, each with a duration', async () => {
    const login = { username: 'nobody_at_all', password: 'x' }
    const answers = [...(await answersOfAllKinds()), await api('POST', '/api/auth/login', { body: login })]
    const timings = answers.flatMap(({ headers }) => headers.get('server-timing')?.split(', ') ?? [])
    const names = timings.map((timing) => /^(\w+);dur=\d+(\.\d+)?$/.exec(timing)?.[1])
    expect([...new Set(names)].sort()).toEqual(['auth', 'db', 'object', 'password'])
  })
})

describe('a browser of another origin', () => {
  const origin = 'https://app.example'
  const asking = { headers: { origin } }
  const preflight = {
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization, content-type, idempotency-key',
    },
  }

  it('may ask, by default, but never with cookies', async () => {
    const answer = await api('OPTIONS', '/api/tweets', preflight)
    expect(answer.status).toBe(204)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET,POST,PUT,DELETE',
      'access-control-allow-headers': expect.stringContaining('idempotency-key'),
      'access-control-max-age': '86400',
    })
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
  })

  it('can read refusals, and what stands in their headers', async () => {
    const answers = await answersOfAllKinds(asking)
    for (const { headers } of answers.slice(0, -1)) {
      expect(headers.get('access-control-allow-origin')).toBe('*')
      expect(headers.get('access-control-expose-headers')).toContain('x-request-id')
    }
  })

  it('is let in with cookies where it is named, and not at all where it is not', async () => {
    const named = { ALLOWED_ORIGINS: `https://other.example, ${origin}` }
    for (const answer of [
      await apiOf(named, 'OPTIONS', '/api/auth/login', preflight),
      await apiOf(named, 'GET', '/api/health', asking),
      await apiOf(named, 'GET', '/api/timeline/home', asking),
    ]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
      expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
      expect(answer.headers.get('vary')).toContain('Origin')
    }
    const others = { ALLOWED_ORIGINS: 'https://other.example' }
    const strange = await apiOf(others, 'OPTIONS', '/api/auth/login', preflight)
    expect(strange.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('what is not there', () => {
  it.each([
    '/',
    '/api',
    '/api/',
    '/api/nothing',
    '/api/tweets/1/nothing',
    '/api/users//tweets',
    '/API/tweets',
    '/docs/none.js',
  ])('is a problem: %s', async (path) => {
    const answer = await api('GET', path)
    expect(answer).toMatchObject({ status: 404, body: { code: 'route_not_found' } })
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
  })

  it.each([
    ['PATCH', '/api/tweets', 'POST'],
    ['GET', '/api/tweets', 'POST'],
    ['HEAD', '/api/auth/login', 'POST'],
    ['POST', '/api/tweets/1', 'DELETE, GET, HEAD, PUT'],
    ['POST', '/api/users/@ada', 'GET, HEAD, PUT'],
    ['DELETE', '/api/users/@ada/followers', 'GET, HEAD'],
    ['PATCH', '/api/users/@ada/follow', 'DELETE, POST, PUT'],
    ['POST', '/api/stream', 'GET, HEAD'],
    ['DELETE', '/openapi.json', 'GET, HEAD'],
    ['PROPFIND', '/docs', 'GET, HEAD'],
  ])('names the methods that are there: %s %s', async (method, path, allowed) => {
    const { status, body, headers } = await api(method, path)
    expect(status).toBe(405)
    expect(headers.get('allow')).toBe(allowed)
    if (method !== 'HEAD') {
      expect(problem.parse(body)).toMatchObject({ status: 405, code: 'method_not_allowed' })
      expect(headers.get('content-type')).toBe('application/problem+json')
    }
  })
})

describe('a body', () => {
  it('is counted when it does not say how long it is', async () => {
    const chunk = new TextEncoder().encode(' '.repeat(10_000))
    let chunks = 0
    const body = new ReadableStream({
      pull(controller) {
        chunks += 1
        controller.enqueue(chunk)
        if (chunks === 1_000) controller.close()
      },
    })
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const request = new Request(`${ORIGIN}/api/tweets`, { method: 'POST', headers, body })
    const answer = await answerOf(await worker.fetch(request, env, createExecutionContext()))
    expect(answer).toMatchObject({ status: 413, body: { code: 'payload_too_large' } })
    expect(chunks).toBeLessThan(100)
  })

  it('is taken in any JSON type, and with a charset', async () => {
    for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/ld+json']) {
      const options = { token, headers: { 'content-type': type }, body: { bio: type } }
      expect(await api('PUT', `/api/users/${id}`, options)).toMatchObject({
        status: 200,
        body: { bio: type },
      })
    }
  })
})

describe('a limit of requests', () => {
  it('answers when to come again, to users and to addresses', async () => {
    const keys: string[] = []
    const full: RateLimit = {
      limit: async ({ key }) => {
        keys.push(key)
        return { success: false }
      },
    }
    const vars = { RATE_LIMITS: 'on', USER_LIMITER: full, ADDRESS_LIMITER: full }
    const headers = { 'cf-connecting-ip': '192.0.2.7' }
    for (const options of [{ token }, { headers }]) {
      const answer = await apiOf(vars, 'GET', `/api/users/${id}`, options)
      expect(answer).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
      expect(answer.headers.get('retry-after')).toBe('60')
    }
    expect(keys).toEqual([String(id), '192.0.2.7'])
    expect((await apiOf(vars, 'GET', '/api/health')).status).toBe(200)
  })

  it('is narrower for tries of a password, by address and name', async () => {
    const keys: string[] = []
    const open: RateLimit = { limit: async () => ({ success: true }) }
    const full: RateLimit = {
      limit: async ({ key }) => {
        keys.push(key)
        return { success: false }
      },
    }
    const vars = { RATE_LIMITS: 'on', USER_LIMITER: open, ADDRESS_LIMITER: open, SIGN_IN_LIMITER: full }
    const login = { body: { username: 'Ada', password: 'x' }, headers: { 'cf-connecting-ip': '192.0.2.7' } }
    expect((await apiOf(vars, 'POST', '/api/auth/login', login)).status).toBe(429)
    const change = { token, body: { current_password: 'x', new_password: 'y' } }
    expect((await apiOf(vars, 'POST', '/api/auth/password', change)).status).toBe(429)
    expect(keys).toEqual(['192.0.2.7 ada', expect.stringMatching(/^unknown user_/)])
  })
})

describe('a Worker that is not configured', () => {
  it('answers a problem that gives nothing away', async () => {
    const secret = 'postgres-that-is-no-url'
    for (const path of ['/api/health', '/api/timeline/home', '/openapi.json', '/nothing']) {
      const answer = await apiOf({ DATABASE_URL: secret }, 'GET', path)
      expect(answer).toMatchObject({ status: 500, body: { code: 'internal' } })
      expect(problem.parse(answer.body).request_id).toBe(answer.headers.get('x-request-id'))
      expect(JSON.stringify(answer.body)).not.toMatch(/postgres|DATABASE/)
    }
  })
})
