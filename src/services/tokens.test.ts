import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import type { UserId } from '../domain/ids.ts'
import { ACCESS_TOKEN_TTL_SECONDS, REFRESH_TOKEN_TTL_SECONDS } from '../domain/sessions.ts'
import type { Viewer } from './deps.ts'
import type { SigningKey } from './settings.ts'
import {
  hashTokenId,
  signAccessToken,
  signArchiveToken,
  signRefreshToken,
  verifyAccessToken,
  verifyArchiveToken,
  verifyRefreshToken,
} from './tokens.ts'

const NOW_MS = Date.UTC(2026, 10, 22, 12)
const EXPIRES_MS = NOW_MS + REFRESH_TOKEN_TTL_SECONDS * 1000

const key = (kid: string, secret = `${kid} is a secret of at least 32 characters`): SigningKey => ({
  kid,
  secret: new TextEncoder().encode(secret),
})
const today = key('today')
const yesterday = key('yesterday')

const user = 372_036_854_775_808 as UserId
const sessionId = '2f9c1a52-7f0a-4f0e-9d2a-6a1f3b0c9d11'
const viewer: Viewer = { id: user, username: 'ada', sessionId, role: 'moderator' }
const token = { userId: user, sessionId, tokenId: 'first' }

/** A refresh token that is right but for what is given; undefined takes a claim away. */
function forge(claims: Record<string, unknown>, by = today, alg = 'HS256'): Promise<string> {
  const right = {
    iss: 'warbler',
    aud: 'warbler-refresh',
    sub: String(user),
    sid: sessionId,
    jti: 'first',
    exp: EXPIRES_MS / 1000,
  }
  const payload: JWTPayload = JSON.parse(JSON.stringify({ ...right, ...claims }))
  return new SignJWT(payload).setProtectedHeader({ alg, kid: by.kid }).sign(by.secret)
}

describe('an access token', () => {
  it('says who its owner is for 15 minutes, to the second', async () => {
    const signed = await signAccessToken([today], viewer, NOW_MS)
    const expiresAtMs = NOW_MS + ACCESS_TOKEN_TTL_SECONDS * 1000
    expect(await verifyAccessToken([today], signed, expiresAtMs - 1)).toEqual({
      ok: true,
      viewer,
      expiresAtMs,
    })
    expect(await verifyAccessToken([today], signed, expiresAtMs)).toEqual({
      ok: false,
      code: 'token_expired',
    })
  })

  it('is signed with the first key and good while its key is known', async () => {
    const signed = await signAccessToken([yesterday], viewer, NOW_MS)
    expect(await verifyAccessToken([today, yesterday], signed, NOW_MS)).toMatchObject({ ok: true })
    expect(await verifyAccessToken([today], signed, NOW_MS)).toEqual({ ok: false, code: 'unauthenticated' })
    const newer = await signAccessToken([today, yesterday], viewer, NOW_MS)
    expect(await verifyAccessToken([today], newer, NOW_MS)).toMatchObject({ ok: true })
  })

  it('of an expired forgery is bad, not expired', async () => {
    const thief = key('today', 'a secret that the thief has made up by himself')
    const signed = await signAccessToken([thief], viewer, 0)
    expect(await verifyAccessToken([today], signed, NOW_MS)).toEqual({ ok: false, code: 'unauthenticated' })
  })
})

describe('a refresh token', () => {
  it('names its session and its successor, the same each time', async () => {
    const signed = await signRefreshToken([today], token, EXPIRES_MS)
    const shown = await verifyRefreshToken([today], signed, NOW_MS)
    expect(shown).toEqual({ ...token, successorId: expect.stringMatching(/^[\w-]{43}$/) })
    expect(await verifyRefreshToken([today], signed, NOW_MS)).toEqual(shown)
    expect(await signRefreshToken([today], token, EXPIRES_MS)).toBe(signed)
  })

  it('has the same successor whichever key signs today, and another under another key', async () => {
    const signed = await signRefreshToken([yesterday], token, EXPIRES_MS)
    const before = await verifyRefreshToken([yesterday], signed, NOW_MS)
    const after = await verifyRefreshToken([today, yesterday], signed, NOW_MS)
    expect(after).toEqual(before)
    const other = await verifyRefreshToken(
      [today],
      await signRefreshToken([today], token, EXPIRES_MS),
      NOW_MS,
    )
    expect(other?.successorId).not.toBe(before?.successorId)
  })

  it('is good until it expires', async () => {
    const signed = await signRefreshToken([today], token, EXPIRES_MS)
    expect(await verifyRefreshToken([today], signed, EXPIRES_MS - 1)).not.toBeNull()
    expect(await verifyRefreshToken([today], signed, EXPIRES_MS)).toBeNull()
  })

  it('is recognised when nothing is forged', async () => {
    expect(await verifyRefreshToken([today], await forge({}), NOW_MS)).toMatchObject(token)
  })

  it.each([
    ['an access token', () => signAccessToken([today], viewer, NOW_MS)],
    ['one for another audience', () => forge({ aud: 'warbler-api' })],
    ['one of another issuer', () => forge({ iss: 'elsewhere' })],
    ['one that never expires', () => forge({ exp: undefined })],
    ['one without an id', () => forge({ jti: undefined })],
    ['one without a session', () => forge({ sid: 'none' })],
    ['one of nobody', () => forge({ sub: '-1' })],
    ['one of an unknown key', () => forge({}, yesterday)],
    ['one of another secret', () => forge({}, key('today', 'another secret of at least 32 characters'))],
    ['one of another algorithm', () => forge({}, key('today', 'x'.repeat(64)), 'HS512')],
    ['an unsigned one', async () => new UnsecuredJWT({ sub: String(user) }).encode()],
    ['no token at all', async () => 'a.b.c'],
    ['nothing', async () => ''],
  ])('is not %s', async (_, forged) => {
    expect(await verifyRefreshToken([today], await forged(), NOW_MS)).toBeNull()
  })
})

describe('the token of an archive', () => {
  const archive = { id: '0d2c7f3e-5a61-4a55-9a3e-3f4c8d1b7a90', user_id: user }
  /** All that the other kinds say, too: only whom it is for tells them apart. */
  const ofAllKinds = {
    ...{ aud: 'warbler-archive', sub: String(user), jti: archive.id, sid: sessionId },
    ...{ userId: user, username: 'ada', role: 'user' },
  }

  it('names the archive until it expires, to the second', async () => {
    const signed = await signArchiveToken([today], archive, EXPIRES_MS)
    expect(await verifyArchiveToken([today], signed, EXPIRES_MS - 1)).toEqual(archive)
    expect(await verifyArchiveToken([today], signed, EXPIRES_MS)).toBeNull()
    expect(await verifyArchiveToken([yesterday], signed, NOW_MS)).toBeNull()
  })

  it('is no access token and no refresh token, nor are they one', async () => {
    const forged = await forge(ofAllKinds)
    expect(await verifyArchiveToken([today], forged, NOW_MS)).toEqual(archive)
    expect(await verifyAccessToken([today], forged, NOW_MS)).toMatchObject({ ok: false })
    expect(await verifyRefreshToken([today], forged, NOW_MS)).toBeNull()
    for (const aud of ['warbler-api', 'warbler-refresh', undefined]) {
      expect(await verifyArchiveToken([today], await forge({ ...ofAllKinds, aud }), NOW_MS)).toBeNull()
    }
  })

  it.each([{ jti: 'none' }, { jti: undefined }, { sub: '-1' }, { exp: undefined }, { iss: 'elsewhere' }])(
    'is not one with %j',
    async (claims) => {
      expect(await verifyArchiveToken([today], await forge({ ...ofAllKinds, ...claims }), NOW_MS)).toBeNull()
    },
  )
})

it('stores a token’s id as its SHA-256', async () => {
  // The test vector "abc" of FIPS 180-2, appendix B.1.
  expect(await hashTokenId('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
