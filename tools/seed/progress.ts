const BAR_WIDTH = 30
const REDRAW_EVERY_MS = 100

export interface Progress {
  /** Takes note of finished units of work; `label` says what is being done. */
  advance(units: number, label: string): void
  /** Ends the line. */
  end(): void
}

export const NO_PROGRESS: Progress = { advance() {}, end() {} }

/** Where progress is shown: stderr, in life. */
export interface ProgressOutput {
  isTTY?: boolean
  write(text: string): unknown
}

/** One line that redraws itself on a terminal; anywhere else a line for each 10 %. */
export function showProgress(totalUnits: number, output: ProgressOutput, now = Date.now): Progress {
  return output.isTTY === true ? bar(totalUnits, output, now) : lines(totalUnits, output)
}

function bar(totalUnits: number, output: ProgressOutput, now: () => number): Progress {
  let done = 0
  let drawnAtMs = Number.NEGATIVE_INFINITY
  return {
    advance(units, label) {
      done += units
      const finished = done >= totalUnits
      if (!finished && now() - drawnAtMs < REDRAW_EVERY_MS) return
      drawnAtMs = now()
      const share = Math.min(done / totalUnits, 1)
      const filled = Math.round(share * BAR_WIDTH)
      const picture = '#'.repeat(filled) + '-'.repeat(BAR_WIDTH - filled)
      output.write(`\r[${picture}] ${percent(share)} ${label}\x1b[K`)
    },
    end: () => void output.write('\n'),
  }
}

function lines(totalUnits: number, output: ProgressOutput): Progress {
  let done = 0
  let tenths = 0
  return {
    advance(units, label) {
      done += units
      const reached = Math.min(Math.floor((done / totalUnits) * 10), 10)
      if (reached > tenths) output.write(`${percent(reached / 10)} ${label}\n`)
      tenths = Math.max(tenths, reached)
    },
    end() {},
  }
}

function percent(share: number): string {
  return `${String(Math.floor(share * 100)).padStart(3)} %`
}
