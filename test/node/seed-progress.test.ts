import { describe, expect, it } from 'vitest'
import { showProgress } from '../../tools/seed/progress.ts'

function recorder(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, written, write: (text: string) => written.push(text) }
}

describe('the progress', () => {
  it('is one line that redraws itself on a terminal, not more often than anybody can see', () => {
    const output = recorder(true)
    let nowMs = 0
    const progress = showProgress(1_000, output, () => nowMs)
    for (let step = 0; step < 1_000; step++) {
      nowMs += 1
      progress.advance(1, 'tweets')
    }
    progress.end()
    expect(output.written.length).toBeLessThan(15)
    expect(output.written.join('').split('\n')).toHaveLength(2)
    expect(output.written.at(-2)).toContain(`[${'#'.repeat(30)}] 100 % tweets`)
  })

  it('is a line for each tenth anywhere else', () => {
    const output = recorder(false)
    const progress = showProgress(1_000, output)
    for (let step = 0; step < 1_000; step++) progress.advance(1, 'tweets')
    progress.end()
    expect(output.written).toHaveLength(10)
    expect(output.written[0]).toBe(' 10 % tweets\n')
    expect(output.written[9]).toBe('100 % tweets\n')
  })
})
