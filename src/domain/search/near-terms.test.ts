import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editDistance, gramsOf } from './near-terms.ts'

describe('editDistance', () => {
  it.each([
    ['cats', 'cats', 0],
    ['recieve', 'receive', 1],
    ['photgraphy', 'photography', 1],
    ['definately', 'definitely', 1],
    ['mispeled', 'misspelled', 2],
    ['чемпионт', 'чемпионат', 1],
    ['abc', 'xyz', 3],
    ['cat', 'elephant', 3],
  ])('of %s and %s is %i', (from, to, expected) => {
    expect(editDistance(from, to, 2)).toBe(expected)
  })

  it('is the same both ways, and 0 of a word and itself', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abcé'), maxLength: 8 })
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b, 3)).toBe(editDistance(b, a, 3))
        expect(editDistance(a, b, 3) === 0).toBe(a === b)
      }),
    )
  })
})

describe('gramsOf', () => {
  it('marks the ends of a word and its kind', () => {
    expect(gramsOf('#', 'cats')).toEqual(['#^ca', '#cat', '#ats', '#ts$'])
  })
})
