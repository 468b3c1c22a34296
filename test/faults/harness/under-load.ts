import { expect } from 'vitest'
import { until } from '../../../tools/stack/until.ts'
import type { Load } from './load.ts'

const STEP_WITHIN_MS = 120_000

/** Posts while `meanwhile` goes on, and some twenty tweets before and after it. */
export async function underLoad(load: Load, meanwhile: () => Promise<unknown>): Promise<void> {
  let over = false
  const posting = load.postUntil(() => over)
  const more = () => untilPosted(load, load.settled + 20)
  try {
    await Promise.race([posting, more().then(meanwhile).then(more)])
  } catch (error) {
    load.abandon()
    throw error
  } finally {
    over = true
    await posting
  }
}

export async function untilPosted(load: Load, count: number): Promise<void> {
  expect(await until(() => load.settled >= count, { withinMs: STEP_WITHIN_MS })).toBe(true)
}
