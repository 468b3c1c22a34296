import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor } from './cursor.ts'

const part = fc.oneof(
  fc.maxSafeInteger(),
  fc
    .string({ unit: 'grapheme', maxLength: 20 })
    .filter((text) => text.isWellFormed() && !text.includes('\0')),
)
const base64Url = (text: string) => Buffer.from(text).toString('base64url')

describe('a cursor', () => {
  it('comes back as it was given', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.array(part, { maxLength: 5 }), (kind, parts) => {
        const text = encodeCursor(kind, parts)
        expect(text).toMatch(/^[A-Za-z0-9_-]+$/)
        expect(decodeCursor(kind, text)).toEqual(parts)
      }),
    )
  })

  it('does not fit another kind of list', () => {
    const text = encodeCursor('followers', [7_312_000_000_000, 'é日😀'])
    expect(decodeCursor('followers', text)).toEqual([7_312_000_000_000, 'é日😀'])
    expect(decodeCursor('following', text)).toBe(null)
  })

  it('is not made of what could not be read back', () => {
    for (const bad of [
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2 ** 53,
      'a\0b',
      '\ud800',
      'x'.repeat(1_000),
    ]) {
      expect(() => encodeCursor('home', [bad])).toThrow(RangeError)
    }
  })
})

describe('decodeCursor', () => {
  it('answers null for any string whatever', () => {
    const anyUtf16 = fc
      .array(fc.nat(0xffff), { maxLength: 100 })
      .map((units) => String.fromCharCode(...units))
    fc.assert(
      fc.property(fc.oneof(anyUtf16, fc.base64String(), fc.string()), (text) => {
        expect(decodeCursor('home', text)).toBe(null)
      }),
    )
  })

  it('answers null for any JSON that is not a cursor', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(decodeCursor('home', base64Url(json))).toBe(null)
      }),
    )
  })

  it.each([
    ['an empty text', ''],
    ['another version', base64Url('[2,"home",5]')],
    ['no version', base64Url('["home",5]')],
    ['a fraction', base64Url('[1,"home",1.5]')],
    ['a number beyond 2^53', base64Url('[1,"home",9007199254740993]')],
    ['an object', base64Url('[1,"home",{}]')],
    ['null', base64Url('[1,"home",null]')],
    ['a text with NUL', base64Url(String.raw`[1,"home","a\u0000"]`)],
    ['half a surrogate pair', base64Url(String.raw`[1,"home","\ud800"]`)],
    ['broken UTF-8', Buffer.from('[1,"home","\xff"]', 'latin1').toString('base64url')],
    ['padding', `${encodeCursor('home', [5])}=`],
    ['white space', ` ${encodeCursor('home', [5])}`],
    ['deep nesting', base64Url(`${'['.repeat(500)}${']'.repeat(500)}`).slice(0, 1_024)],
    ['a text longer than any of ours', base64Url(JSON.stringify([1, 'home', 'x'.repeat(1_000)]))],
    ['a megabyte', 'A'.repeat(1_000_000)],
  ])('answers null for %s', (_, text) => {
    expect(decodeCursor('home', text)).toBe(null)
  })
})
