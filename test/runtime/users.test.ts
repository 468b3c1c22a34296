import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { Relationship } from '../../src/contracts/http/users.ts'
import { api, PASSWORD, type Registered, registerUser, rows, uniqueName } from './harness.ts'

const NO_RELATIONSHIP: Relationship = {
  is_following: false,
  is_followed_by: false,
  follow_requested: false,
  is_blocking: false,
  is_muting: false,
}
const CARD_FIELDS = ['avatar_url', 'display_name', 'id', 'username', 'verified']
const MISSING_ID = Number.MAX_SAFE_INTEGER

const read = (ref: number | string, reader?: Registered) =>
  api('GET', `/api/users/${ref}`, reader === undefined ? {} : { token: reader.accessToken })
const change = (owner: Registered, body: unknown, ref: number | string = owner.user.id) =>
  api('PUT', `/api/users/${ref}`, { token: owner.accessToken, body })

describe('reading a profile', () => {
  it('answers it to anybody, by id and by name in any case', async () => {
    const { user } = await registerUser()
    for (const ref of [user.id, `@${user.username}`, `@${user.username.toUpperCase()}`]) {
      const answer = await read(ref)
      expect(answer).toMatchObject({
        status: 200,
        body: {
          id: user.id,
          username: user.username,
          bio: '',
          location: null,
          is_private: false,
          follower_count: 0,
          created_at: user.created_at,
        },
      })
      for (const own of ['email', 'birth_date', 'role', 'hide_sensitive', 'relationship', 'password_hash']) {
        expect(answer.body).not.toHaveProperty(own)
      }
    }
  })

  it('answers its owner with what is private, and others with what stands between them', async () => {
    const [owner, other] = [await registerUser(), await registerUser()]
    expect(await read(owner.user.id, owner)).toMatchObject({ status: 200, body: owner.user })
    const seen = await read(owner.user.id, other)
    expect(seen.body).toMatchObject({ id: owner.user.id, relationship: NO_RELATIONSHIP })
    expect(seen.body).not.toHaveProperty('email')
  })

  it('shows no more than a card of who blocks the reader', async () => {
    const [owner, blocked] = [await registerUser(), await registerUser()]
    await change(owner, { bio: 'not for everyone' })
    await rows(sql`insert into blocks (blocker_id, blocked_id) values (${owner.user.id}, ${blocked.user.id})`)
    const { status, body } = await read(owner.user.id, blocked)
    expect(status).toBe(200)
    expect(Object.keys(Object(body)).sort()).toEqual([...CARD_FIELDS, 'relationship'].sort())
  })

  it('knows nobody who is missing, suspended or deactivated', async () => {
    const [suspended, deactivated] = [await registerUser(), await registerUser()]
    await rows(sql`update users set suspended_at = now() where id = ${suspended.user.id}`)
    await rows(sql`update users set is_active = false where id = ${deactivated.user.id}`)
    for (const ref of [suspended.user.id, deactivated.user.id, MISSING_ID, `@${uniqueName('nobody')}`]) {
      expect(await read(ref)).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
    }
  })

  it.each(['0', '-1', '1.5', '9007199254740993', '99999999999999999999', 'ada', '@', '@a-b', '@%00', 'me'])(
    'answers a problem for /users/%s',
    async (ref) => {
      const answer = await read(ref)
      expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
    },
  )

  it('takes no bad token, though it needs none', async () => {
    const { user } = await registerUser()
    const answer = await api('GET', `/api/users/${user.id}`, { token: 'not.a.token' })
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
  })
})

describe('changing one’s profile', () => {
  it('changes the fields that are given, as they are stored', async () => {
    const owner = await registerUser()
    const body = {
      display_name: ' Ada\n Lovelace ',
      bio: 'Numbers\u202e and e\u0301ngines',
      location: 'London',
      website: ' https://example.com/ada ',
      birth_date: '1990-12-10',
      is_private: true,
      hide_sensitive: false,
      username: 'ignored',
      role: 'admin',
      verified: true,
      follower_count: 1_000_000,
    }
    const expected = {
      ...owner.user,
      display_name: 'Ada  Lovelace',
      bio: 'Numbers and \u00e9ngines',
      location: 'London',
      website: 'https://example.com/ada',
      birth_date: '1990-12-10',
      is_private: true,
      hide_sensitive: false,
    }
    expect(await change(owner, body, `@${owner.user.username.toUpperCase()}`)).toMatchObject({
      status: 200,
      body: expected,
    })
    expect((await read(owner.user.id, owner)).body).toEqual(expected)
    expect((await change(owner, {})).body).toEqual(expected)
  })

  it('clears with null or nothing what may be empty, and leaves the rest', async () => {
    const owner = await registerUser()
    const filled = { bio: 'b', location: 'l', website: 'https://w.example/', birth_date: '1990-12-10' }
    const empty = { bio: '', location: null, website: null }
    await change(owner, filled)
    expect(await change(owner, { bio: '', location: '', website: ' ' })).toMatchObject({ body: empty })
    await change(owner, filled)
    const nulls = {
      display_name: null,
      bio: null,
      location: null,
      website: null,
      birth_date: null,
      avatar_url: null,
      cover_url: null,
      is_private: null,
      hide_sensitive: null,
    }
    expect(await change(owner, nulls)).toMatchObject({ status: 200, body: { ...owner.user, bio: 'b' } })
    expect(await change(owner, { location: '\u200b' })).toMatchObject({ body: { location: null } })
  })

  it.each([
    ['display_name', ''],
    ['display_name', ' \u200b '],
    ['display_name', 'x'.repeat(101)],
    ['display_name', 7],
    ['bio', 'x'.repeat(501)],
    ['bio', ['x']],
    ['location', 'x'.repeat(101)],
    ['website', 'example.com'],
    ['website', 'javascript:alert(1)'],
    ['website', `https://example.com/${'x'.repeat(240)}`],
    ['website', 'https://user:password@example.com'],
    ['birth_date', '2990-01-01'],
    ['birth_date', '1899-12-31'],
    ['birth_date', '2023-02-29'],
    ['birth_date', 'yesterday'],
    ['birth_date', ''],
    ['avatar_url', 'https://elsewhere.example/a.png'],
    ['avatar_url', ''],
    ['cover_url', 'data:image/png;base64,AAAA'],
    ['cover_url', 'nul\u0000l'],
    ['cover_url', '\ud800'],
    ['is_private', 'yes'],
    ['hide_sensitive', 1],
  ])('refuses the %s %j, names the field, and changes nothing', async (field, value) => {
    const owner = await registerUser()
    const answer = await change(owner, { bio: 'changed', [field]: value })
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', errors: [{ path: `json.${field}` }] },
    })
    expect((await read(owner.user.id, owner)).body).toEqual(owner.user)
  })

  it('takes texts as long as they may be, counted in code points', async () => {
    const owner = await registerUser()
    const body = { display_name: '🐦'.repeat(100), bio: '🐦'.repeat(500), location: '🐦'.repeat(100) }
    expect(await change(owner, body)).toMatchObject({ status: 200, body })
  })

  it('is for oneself alone', async () => {
    const [owner, other] = [await registerUser(), await registerUser()]
    for (const ref of [owner.user.id, `@${owner.user.username}`, MISSING_ID]) {
      expect(await change(other, { bio: 'x' }, ref)).toMatchObject({
        status: 403,
        body: { code: 'forbidden' },
      })
    }
    const signedOut = await api('PUT', `/api/users/${owner.user.id}`, { body: { bio: 'x' } })
    expect(signedOut).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    expect((await read(owner.user.id, owner)).body).toEqual(owner.user)
  })

  it('is refused to who was suspended or deactivated since they signed in', async () => {
    const [suspended, deactivated] = [await registerUser(), await registerUser()]
    await rows(sql`update users set suspended_at = now() where id = ${suspended.user.id}`)
    await rows(sql`update users set is_active = false where id = ${deactivated.user.id}`)
    expect(await change(suspended, { bio: 'x' })).toMatchObject({ status: 403, body: { code: 'suspended' } })
    expect(await change(deactivated, { bio: 'x' })).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    })
  })

  it.each(['', '[]', 'null', '7', '{"a":', '"text"', JSON.stringify({ bio: 'x'.repeat(1_000_000) })])(
    'answers a problem to the body %.20j',
    async (body) => {
      const owner = await registerUser()
      const answer = await change(owner, body)
      expect([400, 413]).toContain(answer.status)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
    },
  )

  it('answers a problem to no body at all', async () => {
    const owner = await registerUser()
    const answer = await api('PUT', `/api/users/${owner.user.id}`, { token: owner.accessToken })
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })

  it('does not touch the password', async () => {
    const owner = await registerUser()
    await change(owner, {
      bio: 'x',
      password: 'another password',
      password_hash: 'x',
      email: 'x@example.com',
    })
    const login = { email: owner.user.email, password: PASSWORD }
    expect(await api('POST', '/api/auth/login', { body: login })).toMatchObject({ status: 200 })
  })
})
