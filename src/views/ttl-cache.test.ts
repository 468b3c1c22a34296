import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TtlCache } from './ttl-cache.ts'

const TTL_MS = 900
/** From here on one of those who ask reads anew. */
const REREAD_MS = 600

function cacheOf(value: string, atMs = 0, max = 10): TtlCache<string, string> {
  const cache = new TtlCache<string, string>(TTL_MS, max)
  cache.set('key', value, atMs)
  return cache
}

describe('who only gets', () => {
  it('is answered until the time is over, and never what is older', () => {
    const cache = cacheOf('known', 1000)
    expect(cache.get('key', 1000)).toBe('known')
    expect(cache.get('key', 1000 + TTL_MS - 1)).toBe('known')
    expect(cache.get('key', 1000 + TTL_MS)).toBeNull()
    expect(cache.get('other', 1000)).toBeNull()
  })

  it('claims nothing', () => {
    const cache = cacheOf('known')
    expect(cache.get('key', REREAD_MS)).toBe('known')
    expect(cache.getOrClaim('key', REREAD_MS)).toBeNull()
    expect(cache.get('key', REREAD_MS)).toBe('known')
  })
})

describe('who reads anew what is not there', () => {
  it('is told so before two thirds of the time for nothing that is known', () => {
    const cache = cacheOf('known')
    for (const atMs of [0, 1, REREAD_MS - 1]) expect(cache.getOrClaim('key', atMs)).toBe('known')
  })

  it('is one of all who ask from then on, until somebody has read it', () => {
    const cache = cacheOf('known')
    const asks = Array.from({ length: 5 }, (_, nth) => cache.getOrClaim('key', REREAD_MS + nth))
    expect(asks).toEqual([null, 'known', 'known', 'known', 'known'])
    cache.set('key', 'newer', REREAD_MS + 10)
    expect(cache.getOrClaim('key', REREAD_MS + 11)).toBe('newer')
    const again = Array.from({ length: 2 }, () => cache.getOrClaim('key', 2 * REREAD_MS + 10))
    expect(again).toEqual([null, 'newer'])
  })

  it('are all of them where that one has not come back in time', () => {
    const cache = cacheOf('known')
    expect(cache.getOrClaim('key', REREAD_MS)).toBeNull()
    expect(cache.getOrClaim('key', TTL_MS - 1)).toBe('known')
    for (let nth = 1; nth <= 3; nth++) expect(cache.getOrClaim('key', TTL_MS)).toBeNull()
  })

  it('is not answered what was known before the moment they name, and leaves the claim to others', () => {
    const cache = cacheOf('known', 1000)
    expect(cache.getOrClaim('key', 1010, 1001)).toBeNull()
    expect(cache.getOrClaim('key', 1010, 1000)).toBe('known')
    const atMs = 1000 + REREAD_MS
    expect(cache.getOrClaim('key', atMs, 1001)).toBeNull()
    expect([cache.getOrClaim('key', atMs), cache.getOrClaim('key', atMs)]).toEqual([null, 'known'])
  })

  it('gets, whatever is set and asked when, the newest that was set, within its time', () => {
    const step = fc.record({
      afterMs: fc.nat(REREAD_MS),
      sets: fc.boolean(),
      key: fc.constantFrom('a', 'b'),
      sinceAgoMs: fc.nat(2 * TTL_MS),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new TtlCache<string, number>(TTL_MS, 10)
        const setAt = new Map<string, number>()
        const claimed = new Map<string, number>()
        let nowMs = 10_000
        for (const { afterMs, sets, key, sinceAgoMs } of steps) {
          nowMs += afterMs
          if (sets) {
            cache.set(key, nowMs, nowMs)
            setAt.set(key, nowMs)
            continue
          }
          const atMs = setAt.get(key) ?? Number.NEGATIVE_INFINITY
          const sinceMs = nowMs - sinceAgoMs
          const answered = cache.getOrClaim(key, nowMs, sinceMs)
          const isKnown = nowMs - atMs < TTL_MS && atMs >= sinceMs
          const isClaimed = isKnown && nowMs - atMs >= REREAD_MS && claimed.get(key) !== atMs
          if (isClaimed) claimed.set(key, atMs)
          expect(answered).toBe(isKnown && !isClaimed ? atMs : null)
        }
      }),
    )
  })
})

describe('of more than it holds', () => {
  it('the longest known go', () => {
    const cache = new TtlCache<number, string>(TTL_MS, 3)
    for (const key of [1, 2, 3]) cache.set(key, `${key}`, 0)
    cache.set(1, 'anew', 0)
    cache.set(4, '4', 0)
    expect([1, 2, 3, 4].map((key) => cache.get(key, 1))).toEqual(['anew', null, '3', '4'])
  })

  it('a thousand leave as many as it may hold', () => {
    const cache = new TtlCache<number, number>(TTL_MS, 7)
    for (let key = 0; key < 1000; key++) cache.set(key, key, 0)
    const kept = Array.from({ length: 1000 }, (_, key) => cache.get(key, 0)).filter((value) => value !== null)
    expect(kept).toEqual([993, 994, 995, 996, 997, 998, 999])
  })

  it('what is forgotten is not known', () => {
    const cache = cacheOf('known')
    cache.forget('key')
    expect([cache.get('key', 0), cache.getOrClaim('key', 0)]).toEqual([null, null])
  })
})
