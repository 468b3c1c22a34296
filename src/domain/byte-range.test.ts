import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseByteRange } from './byte-range.ts'

describe('a range of bytes', () => {
  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=0-99', 0, 100],
    ['bytes=10-', 10, 90],
    ['bytes=10-19', 10, 10],
    ['bytes=90-1000', 90, 10],
    ['bytes=-1', 99, 1],
    ['bytes=-1000', 0, 100],
    ['Bytes=5-5', 5, 1],
  ])('is what %s says of 100 bytes', (header, offset, length) => {
    expect(parseByteRange(header, 100)).toEqual({ offset, length })
  })

  it.each([
    undefined,
    '',
    'bytes=',
    'bytes=-',
    'bytes=-0',
    'bytes=100-',
    'bytes=20-10',
    'bytes=0-1,5-6',
    'bytes=a-b',
    'bytes=1.5-2',
    'bytes=99999999999999999999-',
    'items=0-1',
    'bytes=0-1 ',
  ])('is the whole file where it is none: %s', (header) => {
    expect(parseByteRange(header, 100)).toBeNull()
  })

  it('is always within the file, and not empty', () => {
    const bound = fc.oneof(fc.constant(''), fc.nat().map(String))
    fc.assert(
      fc.property(bound, bound, fc.nat(), (first, last, size) => {
        const range = parseByteRange(`bytes=${first}-${last}`, size)
        if (range === null) return
        expect(range.offset).toBeGreaterThanOrEqual(0)
        expect(range.length).toBeGreaterThan(0)
        expect(range.offset + range.length).toBeLessThanOrEqual(size)
      }),
    )
  })
})
