import { type AuthorClass, sum } from './graph.ts'

/** How many pulled authors home timelines meet, found by drawing readers. */
export interface PulledPerRead {
  /** Shares of reads. */
  none: number
  one: number
  /** 2 to 10. */
  some: number
  many: number
  mean: number
  p99: number
}

const READERS = 20_000
/** Followees of whom a reader has half have fewer; published for active accounts. */
const MEDIAN_FOLLOWEES = 117
/** The product's own limit is a few thousand. */
const FOLLOWEES_MAX = 5_000

/**
 * Draws readers, each with followees that are drawn by how many followers they have, and counts for every limit how many
 * of them are pulled. The same seed draws the same readers for every limit.
 */
export function drawReaders(
  graph: readonly AuthorClass[],
  limits: readonly number[],
  { seed, meanFollowees }: { seed: number; meanFollowees: number },
): Map<number, PulledPerRead> {
  const random = mulberry32(seed)
  const edges = sum(graph, edgesOf)
  const pulledShare = limits.map(
    (limit) => sum(graph, (one) => (one.followers >= limit ? edgesOf(one) : 0)) / edges,
  )
  const counts = limits.map((): number[] => [])
  // Log-normal: its median is given, and its mean by the graph.
  const spread = Math.sqrt(Math.max(0.01, 2 * Math.log(meanFollowees / MEDIAN_FOLLOWEES)))
  for (let reader = 0; reader < READERS; reader++) {
    const followees = Math.min(
      FOLLOWEES_MAX,
      Math.round(MEDIAN_FOLLOWEES * Math.exp(spread * normal(random))),
    )
    const pulled = limits.map(() => 0)
    for (let followee = 0; followee < followees; followee++) {
      const drawn = random()
      pulledShare.forEach((share, at) => {
        if (drawn < share) pulled[at] = (pulled[at] ?? 0) + 1
      })
    }
    pulled.forEach((n, at) => {
      counts[at]?.push(n)
    })
  }
  return new Map(limits.map((limit, at) => [limit, summary(counts[at] ?? [])]))
}

function summary(counts: readonly number[]): PulledPerRead {
  const share = (is: (n: number) => boolean) => counts.filter(is).length / counts.length
  const sorted = [...counts].sort((a, b) => a - b)
  return {
    none: share((n) => n === 0),
    one: share((n) => n === 1),
    some: share((n) => n > 1 && n <= 10),
    many: share((n) => n > 10),
    mean: sum(counts, (n) => n) / counts.length,
    p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
  }
}

function edgesOf({ authors, followers }: AuthorClass): number {
  return authors * followers
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** A small generator of good quality: the same numbers for the same seed everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
