import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Plan } from './plan.ts'

/** Begins so many a second, each at its time, waits for their answers and gives their keys. */
export async function paced(
  { seconds }: Pick<Plan, 'seconds'>,
  rate: number,
  begin: () => { key: string; sent: Promise<unknown> },
): Promise<string[]> {
  const startMs = performance.now()
  const begun: { key: string; sent: Promise<unknown> }[] = []
  for (let n = 0; n < seconds * rate; n++) {
    await sleep(Math.max(0, startMs + (n * 1000) / rate - performance.now()))
    begun.push(begin())
  }
  await Promise.all(begun.map(({ sent }) => sent))
  return begun.map(({ key }) => key)
}
