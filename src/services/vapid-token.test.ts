import { generateKeyPairSync } from 'node:crypto'
import { decodeJwt, importJWK, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import type { PushSettings } from './settings.ts'
import { areKeyPair, toJwk } from './vapid-keys.ts'
import { vapidAuthorization } from './vapid-token.ts'

const NOW = Date.UTC(2026, 0, 1)
const MINUTE_MS = 60_000

function newSettings(): PushSettings {
  const {
    d = '',
    x = '',
    y = '',
  } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    format: 'jwk',
  })
  const point = [Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  const keys = { publicKey: Buffer.concat(point).toString('base64url'), privateKey: d }
  expect(areKeyPair(keys)).toBe(true)
  return { keys, subject: 'mailto:ops@example.com', services: [] }
}

const ORIGIN = 'https://push.example.com'

const authorizationAt = (push: PushSettings, nowMs: number, origin = ORIGIN) =>
  vapidAuthorization({ now: () => nowMs }, push, origin)

const tokenIn = (authorization: string) => /^vapid t=([^,]+), k=/.exec(authorization)?.[1] ?? ''

describe('the authorization of a push', () => {
  it('names its sender to one push service, for twelve hours', async () => {
    const push = newSettings()
    const authorization = await authorizationAt(push, NOW)
    expect(authorization).toMatch(new RegExp(`, k=${push.keys.publicKey}$`))
    const { d: _private, ...publicKey } = toJwk(push.keys)
    const { payload } = await jwtVerify(tokenIn(authorization), await importJWK(publicKey, 'ES256'), {
      currentDate: new Date(NOW),
    })
    expect(payload).toEqual({ aud: ORIGIN, sub: push.subject, exp: NOW / 1000 + 12 * 3600 })
  })

  it('is signed once an hour for each push service and pair of keys', async () => {
    const [push, other] = [newSettings(), newSettings()]
    const [first, ...same] = await Promise.all(
      [0, 0, 59].map((m) => authorizationAt(push, NOW + m * MINUTE_MS)),
    )
    expect(new Set([first, ...same]).size).toBe(1)
    const later = await authorizationAt(push, NOW + 60 * MINUTE_MS)
    expect(decodeJwt(tokenIn(later)).exp).toBe(NOW / 1000 + 13 * 3600)
    const elsewhere = await authorizationAt(push, NOW, 'https://other.example.com')
    expect(decodeJwt(tokenIn(elsewhere)).aud).toBe('https://other.example.com')
    expect(await authorizationAt(other, NOW)).not.toBe(first)
  })
})
