import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ID_EPOCH_MS,
  idFloor,
  isId,
  MAX_ID,
  newTweetId,
  newUserId,
  SHARD_COUNT,
  shardOf,
  timeOf,
  type UserId,
} from './ids.ts'

/** 2^41 - 1 milliseconds after the epoch. */
const LAST_MS = Date.UTC(2093, 8, 6, 15, 47, 35, 551)

const moment = fc.oneof(
  fc.integer({ min: ID_EPOCH_MS, max: LAST_MS }),
  fc.constantFrom(ID_EPOCH_MS, ID_EPOCH_MS + 1, LAST_MS - 1, LAST_MS),
)
/** As `Math.random`: 0 is possible, 1 is not. */
const random = fc.oneof(
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  fc.constantFrom(0, 0.25, 0.5, 0.75, 1 - 2 ** -53),
)
const user = fc.tuple(moment, random).map(([timeMs, number]) => newUserId(timeMs, () => number))
/** A user's or a tweet's id, with the moment it was made at. */
const anyId = fc.tuple(moment, random, fc.option(user)).map(([timeMs, number, author]) => ({
  timeMs,
  id: author === null ? newUserId(timeMs, () => number) : newTweetId(timeMs, author, () => number),
}))

const always = (number: number) => () => number

describe('an id', () => {
  it('is a safe integer, not negative, that JSON and a JavaScript number carry', () => {
    fc.assert(
      fc.property(anyId, ({ id }) => {
        expect(Number.isSafeInteger(id)).toBe(true)
        expect(id).toBeGreaterThanOrEqual(0)
        expect(id).toBeLessThanOrEqual(MAX_ID)
        expect(JSON.parse(JSON.stringify(id))).toBe(id)
        expect(BigInt(id).toString()).toBe(String(id))
      }),
    )
  })

  it('gives back the moment at which it was made', () => {
    fc.assert(
      fc.property(anyId, ({ id, timeMs }) => {
        expect(timeOf(id)).toBe(timeMs)
      }),
    )
  })

  it('is less than every id of a later millisecond, whoever made them', () => {
    fc.assert(
      fc.property(anyId, anyId, (one, other) => {
        if (one.timeMs < other.timeMs) expect(one.id).toBeLessThan(other.id)
        if (one.id < other.id) expect(one.timeMs).toBeLessThanOrEqual(other.timeMs)
      }),
    )
  })

  it('is ordered by time from one millisecond to the next', () => {
    fc.assert(
      fc.property(fc.integer({ min: ID_EPOCH_MS, max: LAST_MS - 1 }), user, (timeMs, author) => {
        const last = newTweetId(timeMs, author, always(1 - 2 ** -53))
        expect(newTweetId(timeMs + 1, author, always(0))).toBeGreaterThan(last)
        expect(newUserId(timeMs + 1, always(0))).toBeGreaterThan(newUserId(timeMs, always(1 - 2 ** -53)))
      }),
    )
  })

  it('reaches from 0 to 2^53 - 1', () => {
    expect(newUserId(ID_EPOCH_MS, always(0))).toBe(0)
    expect(newUserId(LAST_MS, always(1 - 2 ** -53))).toBe(MAX_ID)
  })

  it('ignores fractions of a millisecond', () => {
    expect(newUserId(ID_EPOCH_MS + 1.9, always(0))).toBe(newUserId(ID_EPOCH_MS + 1, always(0)))
  })

  it.each([ID_EPOCH_MS - 1, LAST_MS + 1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'cannot be made at %d',
    (timeMs) => {
      expect(() => newUserId(timeMs, always(0))).toThrow(RangeError)
      expect(() => newTweetId(timeMs, 1 as UserId, always(0))).toThrow(RangeError)
    },
  )
})

describe('a shard', () => {
  it("is one of 1024, and the same in a user's id and those of all their tweets", () => {
    fc.assert(
      fc.property(user, moment, random, (author, timeMs, number) => {
        const tweet = newTweetId(timeMs, author, always(number))
        expect(shardOf(tweet)).toBe(shardOf(author))
        expect(shardOf(author)).toBeGreaterThanOrEqual(0)
        expect(shardOf(author)).toBeLessThan(SHARD_COUNT)
      }),
    )
  })

  it('is any of the 1024, in equal parts, for new users', () => {
    const shards = Array.from({ length: 4096 }, (_, low) =>
      shardOf(newUserId(ID_EPOCH_MS, always(low / 4096))),
    )
    expect(new Set(shards).size).toBe(SHARD_COUNT)
    expect(
      new Set(
        Map.groupBy(shards, (shard) => shard)
          .values()
          .map((ids) => ids.length),
      ),
    ).toEqual(new Set([4]))
  })
})

describe('two tweets of one shard in one millisecond', () => {
  it('have the same id when chance says the same', () => {
    fc.assert(
      fc.property(user, moment, random, (author, timeMs, number) => {
        const neighbour = (author - (author % 4) + ((author + 1) % 4)) as UserId
        expect(shardOf(neighbour)).toBe(shardOf(author))
        expect(newTweetId(timeMs, neighbour, always(number))).toBe(newTweetId(timeMs, author, always(number)))
      }),
    )
  })

  it('have one of four ids, which are no other shard’s', () => {
    fc.assert(
      fc.property(user, moment, (author, timeMs) => {
        const ids = Array.from({ length: 100 }, (_, index) => newTweetId(timeMs, author, always(index / 100)))
        expect(new Set(ids).size).toBe(4)
        expect(new Set(ids.map(shardOf))).toEqual(new Set([shardOf(author)]))
      }),
    )
  })
})

describe('a window of time as a range of ids', () => {
  it('has the ids of its first millisecond and not those of its end', () => {
    fc.assert(
      fc.property(anyId, ({ id, timeMs }) => {
        expect(id).toBeGreaterThanOrEqual(idFloor(timeMs))
        if (timeMs < LAST_MS) expect(id).toBeLessThan(idFloor(timeMs + 1))
      }),
    )
  })

  it('has exactly the ids that were made in it', () => {
    const nearby = fc.integer({ min: -3, max: 3 })
    fc.assert(
      fc.property(anyId, nearby, nearby, ({ id, timeMs }, before, after) => {
        const [from, to] = [timeMs + before, timeMs + after]
        fc.pre(to <= LAST_MS)
        expect(idFloor(from) <= id && id < idFloor(to)).toBe(from <= timeMs && timeMs < to)
      }),
    )
  })

  it('begins with the smallest id there is, and is cut where ids end', () => {
    expect(idFloor(ID_EPOCH_MS)).toBe(0)
    expect(idFloor(Number.NEGATIVE_INFINITY)).toBe(0)
    expect(idFloor(LAST_MS)).toBe(newUserId(LAST_MS, always(0)))
    expect(idFloor(LAST_MS + 86_400_000)).toBe(idFloor(LAST_MS))
  })
})

describe('what a stranger sends as an id', () => {
  it.each([1, 4096, MAX_ID])('may be %d', (value) => {
    expect(isId(value)).toBe(true)
  })

  it.each([
    0,
    -1,
    1.5,
    MAX_ID + 1,
    2 ** 63,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    -0,
  ])('cannot be %d', (value) => {
    expect(isId(value)).toBe(false)
  })

  it('may be every id that was made after the first millisecond', () => {
    fc.assert(
      fc.property(anyId, ({ id, timeMs }) => {
        expect(isId(id) || timeMs === ID_EPOCH_MS).toBe(true)
      }),
    )
  })
})
