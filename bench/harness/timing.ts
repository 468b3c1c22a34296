import { performance } from 'node:perf_hooks'
import type { Figures } from './report.ts'
import { percentile } from './statistics.ts'

/** Does `work` for one item after the other, and answers how long each took. */
export async function timeEach<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<Figures> {
  const durationsMs: number[] = []
  for (const item of items) {
    const startMs = performance.now()
    await work(item)
    durationsMs.push(performance.now() - startMs)
  }
  return spreadOf(durationsMs)
}

export function spreadOf(durationsMs: readonly number[]): Figures {
  return { p50_ms: percentile(durationsMs, 0.5), p99_ms: percentile(durationsMs, 0.99) }
}

/** Does `work` for every item, so many at the same time. */
export async function forEachAtOnce<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
