import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { api, PASSWORD, registerUser, rows, uniqueName } from './harness.ts'

const register = (body: Record<string, unknown>) => api('POST', '/api/auth/register', { body })
const login = (body: Record<string, unknown>) => api('POST', '/api/auth/login', { body })

function newcomer(username = uniqueName()) {
  return { username, email: `${username}@example.com`, password: PASSWORD, display_name: 'Newcomer' }
}

describe('registering', () => {
  it('answers the own profile and a pair of tokens that works', async () => {
    const body = newcomer()
    const answer = await register({ ...body, email: `  ${body.email} `, display_name: ' Ada  Lovelace\n' })
    expect(answer).toMatchObject({
      status: 201,
      body: {
        user: { username: body.username, email: body.email, role: 'user', tweet_count: 0, birth_date: null },
        accessToken: expect.any(String),
        refreshToken: expect.any(String),
      },
    })
    expect(answer.body).not.toHaveProperty('user.password_hash')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const [user] = await rows<{ password_hash: string; display_name: string }>(
      sql`select password_hash, display_name from users where username = ${body.username}`,
    )
    expect(user?.password_hash).toMatch(/^\$scrypt\$/)
    expect(user?.display_name).toBe('Ada  Lovelace')
  })

  it('takes a name and an address as taken in whatever case they are', async () => {
    const { user } = await registerUser()
    const sameName = await register({ ...newcomer(), username: user.username.toUpperCase() })
    expect(sameName).toMatchObject({ status: 409, body: { code: 'username_taken' } })
    const sameEmail = await register({ ...newcomer(), email: user.email.toUpperCase() })
    expect(sameEmail).toMatchObject({ status: 409, body: { code: 'email_taken' } })
  })

  it('gives a name to exactly one of several who ask for it at once', async () => {
    const name = uniqueName()
    const answers = await Promise.all(
      [name, name.toUpperCase(), name, name].map((username, index) =>
        register({ ...newcomer(), username, email: `${index}_${name}@example.com` }),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409])
  })

  it.each([
    ['username', 'ab'],
    ['username', 'has space'],
    ['username', 'a'.repeat(51)],
    ['username', '12345'],
    ['username', 'nul\u0000l'],
    ['email', 'nobody'],
    ['email', `${'a'.repeat(250)}@example.com`],
    ['password', 'short'],
    ['password', 'x'.repeat(257)],
    ['password', 'x'.repeat(10_000)],
    ['password', 'password'],
    ['display_name', ''],
    ['display_name', ' \u200b '],
    ['display_name', 'x'.repeat(101)],
    ['display_name', 7],
    ['username', null],
  ])('refuses the %s %j and names the field', async (field, value) => {
    const answer = await register({ ...newcomer(), [field]: value })
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', errors: [{ path: `json.${field}` }] },
    })
  })

  it('refuses a password that is the username or the address', async () => {
    const body = newcomer()
    for (const password of [body.username.toUpperCase(), body.email]) {
      expect(await register({ ...body, password })).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', errors: [{ path: 'json.password' }] },
      })
    }
  })

  it('stores what a client says of itself, even a very long word', async () => {
    const body = newcomer()
    const headers = { 'user-agent': 'x'.repeat(3_000) }
    const answer = await api('POST', '/api/auth/register', { body, headers })
    expect(answer.status).toBe(201)
  })
})

describe('signing in', () => {
  it('takes the username or the address, in any case, with the password', async () => {
    const { user } = await registerUser()
    for (const name of [{ username: user.username }, { email: user.email.toUpperCase() }]) {
      const answer = await login({ ...name, password: PASSWORD })
      expect(answer).toMatchObject({ status: 200, body: { user: { id: user.id, email: user.email } } })
    }
  })

  it('answers a wrong name and a wrong password alike', async () => {
    const { user } = await registerUser()
    const answers = await Promise.all([
      login({ username: user.username, password: 'not the password' }),
      login({ username: uniqueName('nobody'), password: PASSWORD }),
      login({ email: `${uniqueName('nobody')}@example.com`, password: PASSWORD }),
      login({ username: user.email, password: PASSWORD }),
    ])
    const seen = answers.map(({ status, body, headers }) => {
      const { request_id, ...rest } = Object(body)
      return { status, rest, headers: [...headers.keys()] }
    })
    expect(seen[0]).toMatchObject({ status: 401, rest: { code: 'invalid_credentials' } })
    for (const other of seen) expect(other).toEqual(seen[0])
  })

  it('tells of a suspension only to who knows the password', async () => {
    const { user } = await registerUser()
    await rows(sql`update users set suspended_at = now() where id = ${user.id}`)
    const wrong = await login({ username: user.username, password: 'not the password' })
    expect(wrong).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
    const right = await login({ username: user.username, password: PASSWORD })
    expect(right).toMatchObject({ status: 403, body: { code: 'suspended' } })
  })

  it('knows a deactivated account as little as one that never was', async () => {
    const { user } = await registerUser()
    await rows(sql`update users set is_active = false where id = ${user.id}`)
    const answer = await login({ username: user.username, password: PASSWORD })
    expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
  })

  it.each([
    [{ password: PASSWORD }],
    [{ username: 'a', email: 'a@example.com', password: PASSWORD }],
    [{ username: null, email: null, password: PASSWORD }],
    [{ username: 'ada' }],
    [{ username: 'nul\u0000l', password: PASSWORD }],
    [{ username: '\ud800', password: PASSWORD }],
    [{ username: 'x'.repeat(300), password: PASSWORD }],
    [{ username: 'ada', password: 'x'.repeat(10_000) }],
    [{ username: ['ada'], password: { $ne: '' } }],
  ])('refuses %j', async (body) => {
    expect(await login(body)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })
})

describe('every route with a body', () => {
  const paths = ['register', 'login', 'refresh-token', 'logout', 'password']

  it.each(paths)(
    'answers a problem document to no body, wrong bodies and a body of a megabyte: %s',
    async (path) => {
      const { accessToken: token } = await registerUser()
      const requests = ['', '[]', 'null', '7', '{"a":', '"text"', JSON.stringify('x'.repeat(1_000_000))].map(
        (body) => api('POST', `/api/auth/${path}`, { body, token }),
      )
      for (const answer of await Promise.all(requests)) {
        expect([400, 413]).toContain(answer.status)
        expect(answer.headers.get('content-type')).toBe('application/problem+json')
      }
      const untyped = await api('POST', `/api/auth/${path}`, {
        token,
        headers: { 'content-type': 'text/plain' },
        body: 'x',
      })
      expect(untyped).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } })
    },
  )
})
