import { at, type Random } from './random.ts'

/** Standard normal, by Box and Muller (1958). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit())
}

/** Log-normal with this mean; `sigma` is the standard deviation of its logarithm. */
export function logNormal(random: Random, mean: number, sigma: number): number {
  return mean * Math.exp(sigma * normal(random) - sigma ** 2 / 2)
}

/** Exponential with this mean. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random.unit())
}

/** Pareto from 1 upwards: the probability to exceed x is x ** -shape. */
export function pareto(random: Random, shape: number): number {
  return (1 - random.unit()) ** (-1 / shape)
}

/** An integer that is `expected` on average: its floor or the next one. */
export function roundAtRandom(random: Random, expected: number): number {
  return Math.floor(expected + random.unit())
}

/** Picks items with probabilities proportional to their weights, in logarithmic time. */
export function weightedPicker<T>(
  items: readonly T[],
  weightOf: (item: T, rank: number) => number,
): (random: Random) => T {
  let total = 0
  const cumulative = items.map((item, rank) => {
    total += weightOf(item, rank)
    return total
  })
  return (random) => {
    const target = random.unit() * total
    let low = 0
    let high = items.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (at(cumulative, middle) > target) high = middle
      else low = middle + 1
    }
    return at(items, low)
  }
}

/** Weights that fall with the rank (from 0) by the law of Zipf and Mandelbrot; `shift` flattens the top. */
export function zipfWeight(exponent: number, shift: number): (item: unknown, rank: number) => number {
  return (_item, rank) => (rank + 1 + shift) ** -exponent
}

/** `count` different items (all of them if there are fewer), each set of that size being as likely as any other. */
export function sample<T>(random: Random, items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items]
  // R. W. Floyd's algorithm (Bentley, "Programming Pearls: A sample of brilliance", CACM 30(9), 1987).
  const chosen = new Set<number>()
  for (let last = items.length - count; last < items.length; last++) {
    const index = random.below(last + 1)
    chosen.add(chosen.has(index) ? last : index)
  }
  return Array.from(chosen, (index) => at(items, index))
}
