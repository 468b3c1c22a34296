import type { Reporter, TestModule } from 'vitest/node'

/** Ends a run with one plain line that any machine can read: `Tests: 12 passed, 0 failed, 1 skipped`. */
export default class PlainSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: string) => tests.filter((test) => test.result().state === state).length
    const broken = modules.filter(
      (module) => module.state() === 'failed' && module.errors().length > 0,
    ).length
    const line = `Tests: ${count('passed')} passed, ${count('failed') + broken} failed, ${count('skipped')} skipped`
    process.stdout.write(`\n${line}\n`)
  }
}
