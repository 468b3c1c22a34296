import { setTimeout as sleep } from 'node:timers/promises'

/** Asks `condition` every `everyMs` until it holds; false when `withinMs` passed first. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { withinMs, everyMs = 20 }: { withinMs: number; everyMs?: number },
): Promise<boolean> {
  const deadline = Date.now() + withinMs
  while (!(await condition())) {
    if (Date.now() >= deadline) return false
    await sleep(everyMs)
  }
  return true
}
