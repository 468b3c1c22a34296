import { afterEach, describe, expect, it, vi } from 'vitest'
import type { UserId } from '../domain/ids.ts'
import { ACCESS_TOKEN_TTL_SECONDS } from '../domain/sessions.ts'
import { authenticateViewer } from './authenticate-viewer.ts'
import type { Viewer } from './deps.ts'
import type { Settings } from './settings.ts'
import { signAccessToken } from './tokens.ts'
import { VerifiedTokens } from './verified-tokens.ts'

const NOW_MS = Date.UTC(2026, 10, 22, 12)
const viewer: Viewer = {
  id: 372_036_854_775_808 as UserId,
  username: 'ada',
  sessionId: '2f9c1a52-7f0a-4f0e-9d2a-6a1f3b0c9d11',
  role: 'user',
}

function settingsWith(secret: string): Settings {
  return {
    allowedOrigins: '*',
    freshenDeadlineMs: 0,
    freshenTtlMs: 0,
    loggedRequests: 1,
    databaseEpoch: 1,
    rateLimits: false,
    fanOutPushLimit: 1,
    trendSample: 1,
    tweetsPer3Hours: 1,
    followsPerDay: 1,
    likesPerDay: 1000,
    messagesPerDay: 500,
    accessKeys: [{ kid: 'k', secret: new TextEncoder().encode(secret) }],
    refreshKeys: [],
    push: null,
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a viewer', () => {
  const settings = settingsWith('a secret of at least 32 characters')

  it('is verified once, and is remembered until the token expires', async () => {
    const verify = vi.spyOn(crypto.subtle, 'verify')
    const token = await signAccessToken(settings.accessKeys, viewer, NOW_MS)
    const expiresAtMs = NOW_MS + ACCESS_TOKEN_TTL_SECONDS * 1000
    for (const nowMs of [NOW_MS, NOW_MS + 1, expiresAtMs - 1]) {
      expect(await authenticateViewer({ settings, now: () => nowMs }, token)).toEqual(viewer)
    }
    expect(verify).toHaveBeenCalledTimes(1)
    const late = authenticateViewer({ settings, now: () => expiresAtMs }, token)
    await expect(late).rejects.toMatchObject({ code: 'token_expired' })
  })

  it('is remembered under these keys alone', async () => {
    const token = await signAccessToken(settings.accessKeys, viewer, NOW_MS)
    await authenticateViewer({ settings, now: () => NOW_MS }, token)
    const elsewhere = { settings: settingsWith('another secret of 32 characters'), now: () => NOW_MS }
    await expect(authenticateViewer(elsewhere, token)).rejects.toMatchObject({ code: 'unauthenticated' })
  })
})

it('forgets the token that was verified first when there are too many', () => {
  const tokens = new VerifiedTokens(2)
  for (const token of ['a', 'b', 'c']) tokens.remember(token, viewer, NOW_MS)
  expect(['a', 'b', 'c'].map((token) => tokens.get(token, NOW_MS - 1)?.username)).toEqual([
    undefined,
    'ada',
    'ada',
  ])
})
