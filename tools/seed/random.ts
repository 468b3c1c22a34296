import { createHash } from 'node:crypto'

/** A repeatable stream of random numbers: the same name gives the same numbers on every machine. */
export interface Random {
  /** Uniform in [0, 1), in steps of 2^-32. */
  unit: () => number
  /** Uniform among the integers from 0 to `count` - 1. */
  below: (count: number) => number
  chance: (probability: number) => boolean
  pick: <T>(items: readonly T[]) => T
}

/** Streams of different names are independent, so one part of a community can change without the others. */
export function randomStream(name: string): Random {
  const unit = sfc32(name)
  const below = (count: number) => Math.floor(unit() * count)
  return {
    unit,
    below,
    chance: (probability) => unit() < probability,
    pick: (items) => at(items, below(items.length)),
  }
}

/**
 * sfc32, Chris Doty-Humphrey's "Small Fast Counting" generator as published with PractRand 0.94
 * (pracrand.sourceforge.net/RNG_engines.txt): 128 bits of state, a period of 2^127 on average. Seeded by SHA-256,
 * so it needs no rounds of warming up.
 */
function sfc32(seed: string): () => number {
  const digest = createHash('sha256').update(seed).digest()
  let a = digest.readInt32LE(0)
  let b = digest.readInt32LE(4)
  let c = digest.readInt32LE(8)
  let counter = 1
  return () => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
}

/** The item at an index that is known to exist. */
export function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new RangeError(`There is no item ${index} among ${items.length}`)
  return item
}
