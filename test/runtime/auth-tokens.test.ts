import { env } from 'cloudflare:workers'
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { configurationOf } from '../../src/worker/env.ts'
import { api, type Registered, registerUser } from './harness.ts'

const { accessKeys, refreshKeys } = configurationOf(env).settings
const [accessKey] = accessKeys
const [refreshKey] = refreshKeys
const WRONG_SECRET = new TextEncoder().encode('a secret that is long enough but not the right one')

let owner: Registered
let good: JWTPayload
beforeAll(async () => {
  owner = await registerUser()
  good = claimsOf(owner.accessToken)
})

function claimsOf(token: string): JWTPayload {
  return JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')))
}

interface Forgery {
  /** Undefined takes a claim away. */
  claims?: { [Claim in keyof JWTPayload]: JWTPayload[Claim] | undefined }
  secret?: Uint8Array
  alg?: string
  kid?: string | undefined
}

/** A token as ours in all but what is given. */
function forged({ claims, secret, alg = 'HS256', ...header }: Forgery): Promise<string> {
  const kid = 'kid' in header ? header.kid : accessKey?.kid
  const payload: JWTPayload = JSON.parse(JSON.stringify({ ...good, ...claims }))
  return new SignJWT(payload)
    .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
    .sign(secret ?? accessKey?.secret ?? WRONG_SECRET)
}

const ask = (token: string) => api('GET', '/api/auth/sessions', { token })

describe('an access token', () => {
  it('is taken as it was issued, and as the forger of these tests makes it when nothing is wrong', async () => {
    expect((await ask(owner.accessToken)).status).toBe(200)
    expect((await ask(await forged({}))).status).toBe(200)
  })

  it('names its owner in the claims that were promised', () => {
    expect(good).toMatchObject({
      iss: 'warbler',
      aud: 'warbler-api',
      sub: String(owner.user.id),
      userId: owner.user.id,
      username: owner.user.username,
      role: 'user',
      sid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    expect((good.exp ?? 0) - (good.iat ?? 0)).toBe(15 * 60)
  })

  it('is refused unsigned', async () => {
    const token = new UnsecuredJWT(good).encode()
    expect(await ask(token)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    const [, payload] = owner.accessToken.split('.')
    const header = btoa(JSON.stringify({ alg: 'none', kid: accessKey?.kid })).replaceAll('=', '')
    for (const signature of ['', 'AAAA', owner.accessToken.split('.')[2]]) {
      const answer = await ask(`${header}.${payload}.${signature}`)
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    }
  })

  it.each<[string, () => Forgery]>([
    ['of another key', () => ({ secret: WRONG_SECRET })],
    ['of a key that has no such name', () => ({ kid: 'unknown' })],
    ['that names no key', () => ({ kid: undefined })],
    ['of the refresh key', () => ({ ...refreshKey })],
    ['of another algorithm', () => ({ alg: 'HS512', secret: new Uint8Array(64).fill(7) })],
    ['of another algorithm under the right key', () => ({ alg: 'HS512', secret: padded(accessKey?.secret) })],
    ['of another issuer', () => ({ claims: { iss: 'elsewhere' } })],
    ['for another audience', () => ({ claims: { aud: 'warbler-refresh' } })],
    ['of two minds about its owner', () => ({ claims: { sub: String(owner.user.id + 1) } })],
    ['of nobody', () => ({ claims: { sub: '0', userId: 0 } })],
    ['without a session', () => ({ claims: { sid: 'none' } })],
    ['of a role that is not ours', () => ({ claims: { role: 'root' } })],
    ['that never expires', () => ({ claims: { exp: undefined } })],
    ['that is not good yet', () => ({ claims: { nbf: Math.floor(Date.now() / 1000) + 600 } })],
  ])('%s is refused', async (_, forgery) => {
    const answer = await ask(await forged(forgery()))
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
  })

  it('that has expired is told from a bad one', async () => {
    const exp = Math.floor(Date.now() / 1000) - 1
    expect(await ask(await forged({ claims: { exp } }))).toMatchObject({
      status: 401,
      body: { code: 'token_expired' },
    })
  })

  it('whose signature or claims were changed by one letter is refused, though the right one is remembered', async () => {
    expect((await ask(owner.accessToken)).status).toBe(200)
    const [header = '', payload = '', signature = ''] = owner.accessToken.split('.')
    const changed = (text: string) => `${text[0] === 'A' ? 'B' : 'A'}${text.slice(1)}`
    for (const token of [
      `${header}.${payload}.${changed(signature)}`,
      `${header}.${changed(payload)}.${signature}`,
      `${changed(header)}.${payload}.${signature}`,
    ]) {
      expect(await ask(token)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    }
  })

  it.each(['x', 'a.b.c', '..', 'e30.e30.', `${'a'.repeat(5_000)}.b.c`, 'a b', '"quoted"'])(
    'is not %j',
    async (token) => {
      expect(await ask(token)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    },
  )

  it('is not given by another scheme, nor missing where one is needed', async () => {
    const headers = { authorization: `Basic ${btoa('ada:secret')}` }
    for (const options of [{ headers }, {}]) {
      const answer = await api('GET', '/api/auth/sessions', options)
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    }
  })

  it('is no refresh token, and a refresh token is no access token', async () => {
    expect(await ask(owner.refreshToken)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    const body = { refreshToken: owner.accessToken }
    expect(await api('POST', '/api/auth/refresh-token', { body })).toMatchObject({
      status: 401,
      body: { code: 'invalid_refresh_token' },
    })
  })

  it('of any key that is still known is taken', async () => {
    for (const { kid, secret } of accessKeys) {
      expect((await ask(await forged({ kid, secret }))).status).toBe(200)
    }
  })
})

/** HS512 wants a longer secret than HS256: HMAC pads a shorter one with zeros, so this is the same key. */
function padded(secret: Uint8Array | undefined): Uint8Array {
  const long = new Uint8Array(128)
  long.set(secret ?? [])
  return long
}
