import { beforeEach, onTestFailed } from 'vitest'
import type { Stack } from './stack.ts'

const LINES_MAX = 40

/** Shows what the stack warned of, after each test that fails. */
export function showWarningsOnFailure(running: () => Stack): void {
  beforeEach(() =>
    onTestFailed(() => {
      const lines = running().output().split('\n')
      const warnings = lines.filter((line) => /"level":"(warn|error)"|Uncaught/.test(line))
      process.stdout.write(`${warnings.slice(-LINES_MAX).join('\n')}\n`)
    }),
  )
}
