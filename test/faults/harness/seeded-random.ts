/** What the choices of a test are drawn from: print it, and a failure can be tried again with `FAULTS_SEED=...`. */
export interface SeededRandom {
  seed: number
  /** At least 0, below 1. */
  next(): number
  /** A whole number, both ends inclusive. */
  between(min: number, max: number): number
}

/** Another seed each time, unless `FAULTS_SEED` names one. */
export function seededRandom(seed = Number(process.env.FAULTS_SEED ?? Date.now() % 1_000_000)): SeededRandom {
  let state = seed
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { seed, next, between: (min, max) => min + Math.floor(next() * (max - min + 1)) }
}
