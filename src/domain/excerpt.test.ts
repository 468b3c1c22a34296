import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { excerptOf } from './excerpt.ts'

const AMPLE = 1_000_000
const FAMILY = '👩‍👩‍👧‍👦'

const bytesOf = (text: string) => new TextEncoder().encode(JSON.stringify(text)).length - 2
const graphemesIn = (text: string) => [...new Intl.Segmenter('en').segment(text)].length

describe('an excerpt', () => {
  it('is the whole text where there is room', () => {
    expect(excerptOf('hello', { graphemes: 5, bytes: 5 })).toBe('hello')
    expect(excerptOf('', { graphemes: 5, bytes: 5 })).toBe('')
  })

  it('ends with an ellipsis within the limits where there is not', () => {
    expect(excerptOf('hello', { graphemes: 4, bytes: AMPLE })).toBe('hel…')
    expect(excerptOf('hello hello', { graphemes: AMPLE, bytes: 10 })).toBe('hello h…')
    expect(excerptOf('hello hello', { graphemes: 7, bytes: AMPLE })).toBe('hello…')
  })

  it('is never cut within what is read as one character', () => {
    expect(excerptOf(`a${FAMILY}b`, { graphemes: 3, bytes: AMPLE })).toBe(`a${FAMILY}b`)
    expect(excerptOf(`a${FAMILY}bc`, { graphemes: 3, bytes: AMPLE })).toBe(`a${FAMILY}…`)
    expect(excerptOf(`a${FAMILY}bc`, { graphemes: AMPLE, bytes: 20 })).toBe('a…')
    expect(excerptOf(`e\u0301`.repeat(9), { graphemes: 3, bytes: AMPLE })).toBe(`e\u0301e\u0301…`)
    expect(excerptOf('👩\u200d'.repeat(5_000), { graphemes: 10, bytes: 100 })).toBe('…')
  })

  it('counts what JSON makes of it', () => {
    expect(excerptOf('"'.repeat(10), { graphemes: AMPLE, bytes: 20 })).toBe('"'.repeat(10))
    expect(excerptOf('"'.repeat(10), { graphemes: AMPLE, bytes: 19 })).toBe(`${'"'.repeat(8)}…`)
  })

  it('keeps to its limits, and is the beginning of the text, whatever that is', () => {
    const limits = fc.record({
      graphemes: fc.integer({ min: 1, max: 40 }),
      bytes: fc.integer({ min: 3, max: 200 }),
    })
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), limits, (text, limit) => {
        const cut = excerptOf(text, limit)
        expect(bytesOf(cut)).toBeLessThanOrEqual(limit.bytes)
        expect(graphemesIn(cut)).toBeLessThanOrEqual(limit.graphemes)
        if (cut !== text) expect(text.startsWith(cut.slice(0, -1))).toBe(true)
      }),
    )
  })
})
