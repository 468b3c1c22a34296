import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanText, isBirthDate, isPlausibleEmail, isUsername, isWebsite } from './profile.ts'

const anyUtf16 = fc.array(fc.nat(0xffff), { maxLength: 300 }).map((units) => String.fromCharCode(...units))

describe('isUsername', () => {
  it.each(['kim', 'Jane_Doe', '_x_', '7of9', '___', 'x'.repeat(50), 'searcher', 'administrator2'])(
    'takes %s',
    (text) => {
      expect(isUsername(text)).toBe(true)
    },
  )

  it.each([
    ['too short or long', ['', 'ab', 'x'.repeat(51)]],
    [
      'other characters',
      ['jane doe', 'jane-doe', 'jané', 'кім', '@kim', 'kim\n', '１２３a', 'ſam', '\u212aim'],
    ],
    ['digits only', ['123', '20261122', '0'.repeat(50)]],
    ['reserved words', ['me', 'search', 'Search', 'ADMIN', 'api', 'warbler']],
  ])('refuses %s', (_, texts) => {
    for (const text of texts) expect(isUsername(text), text).toBe(false)
  })
})

describe('isWebsite', () => {
  it.each([
    'https://example.com',
    'http://example.com:8080/a?b#c',
    'HTTPS://EXAMPLE.COM',
    'https://пример.рф/путь',
    'http://localhost:3000',
    'http://[2001:db8::1]/',
    `https://example.com/${'x'.repeat(235)}`,
  ])('takes %s', (text) => {
    expect(isWebsite(text)).toBe(true)
  })

  it.each([
    '',
    'example.com',
    'https:example.com',
    'https://',
    'https:///path',
    'https://?q',
    'ftp://example.com',
    'javascript:alert(1)',
    ' https://example.com',
    'https://exa mple.com',
    'https://example.com/\n',
    'java\nscript:x',
    'https://kim:secret@example.com',
    'https://:secret@example.com',
    'https://bank.example@evil.example',
    'https:\\\\example.com',
    'https://example.com/"><script>',
    'https://example.com/\u202e',
    'https://example.com/\ud800',
    'http://300.1.1.1/',
    'https://example.com:99999',
    `https://example.com/${'x'.repeat(236)}`,
  ])('refuses %j', (text) => {
    expect(isWebsite(text)).toBe(false)
  })

  it('never throws', () => {
    fc.assert(
      fc.property(anyUtf16, (text) => {
        expect(typeof isWebsite(`http://${text}`)).toBe('boolean')
      }),
    )
  })
})

describe('isBirthDate', () => {
  const today = '2026-11-22'

  it.each(['1900-01-01', '2000-02-29', '2024-02-29', '2026-11-22', '1999-12-31'])('takes %s', (text) => {
    expect(isBirthDate(text, today)).toBe(true)
  })

  it.each([
    ...['1899-12-31', '2026-11-23', '2100-01-01'],
    ...['2023-02-29', '1900-02-29', '2001-04-31', '2001-13-01', '2001-00-10', '2001-01-00', '2001-01-32'],
    ...[
      '',
      '2001-1-1',
      '20010101',
      '01-01-2001',
      '2001-01-01T00:00:00Z',
      ' 2001-01-01',
      '2001-01-01\n',
      '٢٠٠١-٠١-٠١',
    ],
  ])('refuses %j', (text) => {
    expect(isBirthDate(text, today)).toBe(false)
  })

  it('takes every day from 1900 to today', () => {
    const days = fc.date({ min: new Date('1900-01-01'), max: new Date(today), noInvalidDate: true })
    fc.assert(
      fc.property(days, (date) => {
        expect(isBirthDate(date.toISOString().slice(0, 10), today)).toBe(true)
      }),
    )
  })
})

describe('isPlausibleEmail', () => {
  it.each([
    'kim@example.com',
    'kim.lee+news@mail.example.co.uk',
    "o'brien_x@example.org",
    '用户@例子.广告',
    'иван@пример.рф',
    'kim@xn--bcher-kva.example',
    `${'x'.repeat(64)}@example.com`,
  ])('takes %s', (text) => {
    expect(isPlausibleEmail(text)).toBe(true)
  })

  it.each([
    ...['', 'kim', '@', 'kim@', '@example.com', 'kim@example', 'kim@lee@example.com'],
    ...[
      'kim @example.com',
      ' kim@example.com',
      'kim@example.com\n',
      'kim\0@example.com',
      'ki\ud800m@example.com',
    ],
    ...[
      '.kim@example.com',
      'kim.@example.com',
      'k..m@example.com',
      '"kim lee"@example.com',
      '<kim@example.com>',
    ],
    ...[
      'kim@.com',
      'kim@example..com',
      'kim@-example.com',
      'kim@example-.com',
      'kim@exa_mple.com',
      'kim@example.c',
    ],
    ...[
      'kim@example.com.',
      'kim@127.0.0.1',
      'kim@[127.0.0.1]',
      'kim,lee@example.com',
      'kim@example.com;lee@example.com',
    ],
    `${'x'.repeat(65)}@example.com`,
    `kim@${'x'.repeat(64)}.com`,
    `kim@${'x.'.repeat(130)}com`,
  ])('refuses %j', (text) => {
    expect(isPlausibleEmail(text)).toBe(false)
  })

  it('answers in linear time', () => {
    for (const part of ['a.', 'a-', '.', '-', '@', 'a']) {
      const start = performance.now()
      for (const text of [part.repeat(200_000), `a@${part.repeat(126)}!`, `${part.repeat(30)}!@a.cd`])
        isPlausibleEmail(text)
      expect(performance.now() - start, part).toBeLessThan(1_000)
    }
  })
})

describe('cleanText', () => {
  it('makes one trimmed line of it', () => {
    expect(cleanText('  Jane\r\nDoe\tof\u2028Bath\0\u0007 ')).toBe('Jane Doe of Bath')
  })

  it('composes accents and mends unpaired surrogates', () => {
    expect(cleanText('Jose\u0301 \ud83d')).toBe('José \ufffd')
  })

  it('takes out what would turn the page around it, and keeps the marks a script needs', () => {
    expect(cleanText('Jane\u202eeoD\u202c \u2067x\u2069')).toBe('JaneeoD x')
    expect(cleanText('שלום\u200f, می‌خواهم 👨‍👩‍👧')).toBe('שלום\u200f, می‌خواهم 👨‍👩‍👧')
  })

  it('can be stored by Postgres and is stable, for any string', () => {
    fc.assert(
      fc.property(anyUtf16, (raw) => {
        const text = cleanText(raw)
        expect(text).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
        expect(text.isWellFormed()).toBe(true)
        expect(cleanText(text)).toBe(text)
      }),
    )
  })
})
