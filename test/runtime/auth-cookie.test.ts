import { describe, expect, it } from 'vitest'
import { api, ORIGIN, PASSWORD, registerUser, uniqueName } from './harness.ts'

const WANTED = { 'x-refresh-cookie': '1' }

async function signInWithCookie() {
  const { user, accessToken } = await registerUser()
  const body = { username: user.username, password: PASSWORD }
  const answer = await api('POST', '/api/auth/login', { body, headers: WANTED })
  return { answer, accessToken, cookie: cookieOf(answer.headers) }
}

function cookieOf(headers: Headers): string {
  return headers.get('set-cookie')?.split(';')[0] ?? ''
}

const refresh = (headers: Record<string, string>, body?: unknown) =>
  api('POST', '/api/auth/refresh-token', { headers, body })

describe('the refresh token of a browser', () => {
  it('is in a cookie that scripts and other sites cannot use, and not in the body', async () => {
    const { answer } = await signInWithCookie()
    expect(answer).toMatchObject({ status: 200, body: { accessToken: expect.any(String) } })
    expect(answer.body).not.toHaveProperty('refreshToken')
    const attributes = (answer.headers.get('set-cookie') ?? '').split('; ').slice(1).sort()
    expect(attributes).toEqual(['HttpOnly', 'Max-Age=604800', 'Path=/api/auth', 'SameSite=Strict', 'Secure'])
  })

  it('is in the cookie from the registration on', async () => {
    const username = uniqueName()
    const body = { username, email: `${username}@example.com`, password: PASSWORD, display_name: 'Browser' }
    const answer = await api('POST', '/api/auth/register', { body, headers: WANTED })
    expect(answer.status).toBe(201)
    expect(answer.body).not.toHaveProperty('refreshToken')
    expect(cookieOf(answer.headers)).toMatch(/^warbler_refresh=\S+/)
  })

  it('is replaced in the cookie, even when the header is left out', async () => {
    const { cookie } = await signInWithCookie()
    const first = await refresh({ cookie, origin: ORIGIN })
    expect(first.status).toBe(200)
    expect(first.body).not.toHaveProperty('refreshToken')
    const successor = cookieOf(first.headers)
    expect(successor).not.toBe(cookie)
    expect((await refresh({ cookie: successor, origin: ORIGIN, ...WANTED })).status).toBe(200)
  })

  it('moves from the body into the cookie when that is asked for', async () => {
    const { refreshToken } = await registerUser()
    const answer = await refresh(WANTED, { refreshToken })
    expect(answer.status).toBe(200)
    expect(answer.body).not.toHaveProperty('refreshToken')
    expect(cookieOf(answer.headers)).toMatch(/^warbler_refresh=\S+/)
  })

  it.each([
    ['another origin', { origin: 'https://evil.test' }],
    ['a sandboxed page', { origin: 'null' }],
    ['the same host by another scheme', { origin: ORIGIN.replace('https', 'http') }],
    ['nowhere', {}],
  ])('is refused from %s, and stays good', async (_, headers) => {
    const { cookie } = await signInWithCookie()
    const forbidden = { status: 403, body: { code: 'forbidden' } }
    expect(await refresh({ cookie, ...headers })).toMatchObject(forbidden)
    expect(await api('POST', '/api/auth/logout', { headers: { cookie, ...headers } })).toMatchObject(
      forbidden,
    )
    expect((await refresh({ cookie, origin: ORIGIN })).status).toBe(200)
  })

  it('ends its session at the logout, which takes the cookie back', async () => {
    const { cookie } = await signInWithCookie()
    const answer = await api('POST', '/api/auth/logout', { headers: { cookie, origin: ORIGIN } })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('set-cookie')).toMatch(/^warbler_refresh=; Max-Age=0; Path=\/api\/auth;/)
    expect(await refresh({ cookie, origin: ORIGIN })).toMatchObject({ status: 401 })
  })

  it('is missing when there is neither a cookie nor a body', async () => {
    expect(await refresh(WANTED)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })
})
