import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PushService, parsePushServices, pushEndpoint } from './push-services.ts'

const SERVICES: PushService[] = [
  { host: 'fcm.googleapis.com' },
  { host: 'notify.windows.com' },
  { origin: 'http://127.0.0.1:4444' },
]

describe('push services', () => {
  it('are hosts and origins of this machine', () => {
    expect(parsePushServices('fcm.googleapis.com, notify.windows.com,http://127.0.0.1:4444')).toEqual(
      SERVICES,
    )
    expect(parsePushServices('http://localhost')).toEqual([{ origin: 'http://localhost' }])
  })

  it.each([
    ['nothing', ['', ' ', ',', 'push.apple.com,', ',push.apple.com']],
    [
      'what is no host',
      ['*', 'com', '.com', '-a.com', 'a..com', 'push.apple.com.', 'PUSH.APPLE.COM', '10.0.0.1'],
    ],
    [
      'more than a host',
      ['https://push.apple.com', 'push.apple.com:443', 'push.apple.com/x', 'a@push.apple.com'],
    ],
    [
      'origins elsewhere, and what is more than an origin',
      [
        'http://10.0.0.1',
        'http://127.0.0.2',
        'http://localhost.evil.example',
        'http://127.0.0.1:80',
        'http://localhost/',
      ],
    ],
    ['ports that are none', ['http://127.0.0.1:70000', 'http://127.0.0.1:x']],
  ])('are not %s', (_, texts) => {
    for (const text of texts) expect(parsePushServices(text), text).toBeNull()
  })
})

describe('an endpoint', () => {
  it.each([
    ['https://fcm.googleapis.com/fcm/send/abc:def-_', 'https://fcm.googleapis.com/fcm/send/abc:def-_'],
    ['https://db5p.notify.windows.com/w/?token=a%2Bb', 'https://db5p.notify.windows.com/w/?token=a%2Bb'],
    ['HTTPS://FCM.GoogleAPIs.com:443/x#fragment', 'https://fcm.googleapis.com/x'],
    ['http://127.0.0.1:4444/push/1', 'http://127.0.0.1:4444/push/1'],
    ['https://fcm.googleapis.com/\0\ud800', 'https://fcm.googleapis.com/%00%EF%BF%BD'],
  ])('is taken in one form: %s', (text, stored) => {
    expect(pushEndpoint(text, SERVICES)).toBe(stored)
    expect(pushEndpoint(stored, SERVICES)).toBe(stored)
  })

  it.each([
    [
      'of another host',
      ['https://evil.example/', 'https://169.254.169.254/', 'https://localhost/', 'https://[::1]/'],
    ],
    [
      'that only looks like one',
      [
        ...[
          'https://evilfcm.googleapis.com/',
          'https://fcm.googleapis.com.evil.example/',
          'https://googleapis.com/',
        ],
        ...[
          'https://fcm.googleapis.com@evil.example/',
          'https://fcm.googleapis.com./',
          'https://evil.example/?fcm.googleapis.com',
        ],
        ...['https://fcm.googleapis.com%2eevil.example/', 'https://fcm.googleapis.com%252eevil.example/'],
      ],
    ],
    [
      'with a name and a password',
      ['https://kim@fcm.googleapis.com/', 'https://:secret@fcm.googleapis.com/'],
    ],
    ['at another port', ['https://fcm.googleapis.com:8443/', 'http://127.0.0.1:4445/', 'http://127.0.0.1/']],
    [
      'of another scheme',
      ['http://fcm.googleapis.com/', 'ftp://fcm.googleapis.com/', 'javascript:alert(1)', 'file:///'],
    ],
    ['that is no URL', ['', 'fcm.googleapis.com', '//fcm.googleapis.com/', 'https://', 'not this']],
    [
      'that is too long',
      [`https://fcm.googleapis.com/${'x'.repeat(2_000)}`, `https://fcm.googleapis.com/${'é'.repeat(700)}`],
    ],
  ])('is none %s', (_, texts) => {
    for (const text of texts) expect(pushEndpoint(text, SERVICES), text).toBeNull()
  })

  it('has no empty label in its host', () => {
    expect(pushEndpoint('https://.fcm.googleapis.com/a', SERVICES)).toBeNull()
    expect(pushEndpoint('https://a..fcm.googleapis.com/a', SERVICES)).toBeNull()
  })

  it('leads to one of the services, whatever it is', () => {
    const parts = fc.constantFrom(
      'https://',
      'http://',
      'fcm.googleapis.com',
      '127.0.0.1:4444',
      '@',
      '.',
      '/',
      '\\',
      ':',
      '#',
      '?',
      'evil.example',
      '%2e',
      '\t',
    )
    const texts = fc.oneof(
      fc.webUrl(),
      fc.array(parts, { maxLength: 8 }).map((some) => some.join('')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const endpoint = pushEndpoint(text, SERVICES)
        if (endpoint === null) return
        const { origin } = new URL(endpoint)
        expect(origin).toMatch(
          /^(https:\/\/(.+\.)?(fcm\.googleapis\.com|notify\.windows\.com)|http:\/\/127\.0\.0\.1:4444)$/,
        )
        expect(endpoint).toMatch(/^[!-~]+$/)
      }),
      { numRuns: 2_000 },
    )
  })
})
