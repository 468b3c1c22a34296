import { table } from '../../tools/stack/table.ts'
import { median } from './statistics.ts'

/** What is measured, in the units that stand in the names. */
export type Figure = 'per_second' | 'p50_ms' | 'p99_ms' | 'cpu_us' | 'last_ms' | 'grown_mb'

export type Figures = Partial<Record<Figure, number>>

/** A run of ours and the run of the baseline next to it. */
export interface Round {
  measured: Figures
  bare: Figures
}

/** What the ratio of a line must keep to. */
export interface Target {
  atLeast?: number
  atMost?: number
}

/** One line of a part: something measured beside something bare. */
export interface Line {
  name: string
  bareName: string
  rounds: Round[]
  /** Of which figure the ratio is told. */
  ratioOf: Figure
  /** The bounds of that ratio; null for a line that only informs. */
  target: Target | null
}

export interface PartReport {
  part: string
  title: string
  lines: Line[]
  notes: string[]
}

const LABELS: Record<Figure, string> = {
  per_second: '/s',
  p50_ms: 'p50 ms',
  p99_ms: 'p99 ms',
  cpu_us: 'CPU µs',
  last_ms: 'last ms',
  grown_mb: 'MB more',
}

/** The medians of some runs, figure by figure. */
export function mediansOf(runs: readonly Figures[]): Figures {
  const names = figuresIn(runs)
  return Object.fromEntries(names.map((name) => [name, median(runs.flatMap((run) => run[name] ?? []))]))
}

/**
 * How the measured stands to the bare: the median of each round's own ratio, because the two of a round share the
 * machine's mood and two medians do not.
 */
export function ratioOf(rounds: readonly Round[], figure: Figure): number {
  return median(rounds.map(({ measured, bare }) => (measured[figure] ?? NaN) / (bare[figure] ?? NaN)))
}

/** Whether a line keeps its target; null when it has none. What could not be measured does not keep it. */
export function isMet(line: Line): boolean | null {
  if (line.target === null) return null
  const { atLeast = -Infinity, atMost = Infinity } = line.target
  const ratio = ratioOf(line.rounds, line.ratioOf)
  return ratio >= atLeast && ratio <= atMost
}

export function missedIn(report: PartReport): Line[] {
  return report.lines.filter((line) => isMet(line) === false)
}

/** The part as a table, with what the reader must know below it. */
export function printable({ part, title, lines, notes }: PartReport): string {
  const figures = figuresIn(
    lines.flatMap(({ rounds }) => rounds.flatMap(({ measured, bare }) => [measured, bare])),
  )
  const headings = [
    `${part}: ${title}`,
    ...figures.map((figure) => LABELS[figure]),
    'beside',
    ...figures.map((figure) => LABELS[figure]),
    'ratio',
    'target',
    '',
  ]
  const rows = lines.map((line) => {
    const measured = mediansOf(line.rounds.map((round) => round.measured))
    const bare = mediansOf(line.rounds.map((round) => round.bare))
    return [
      line.name,
      ...figures.map((figure) => number(measured[figure])),
      line.bareName,
      ...figures.map((figure) => number(bare[figure])),
      ...ratioCells(line, isMet(line)),
    ]
  })
  return [table(headings, rows), ...notes.map((note) => `  ${note}`)].join('\n')
}

function ratioCells({ rounds, ratioOf: figure, target }: Line, met: boolean | null): string[] {
  const ratio = `${ratioOf(rounds, figure).toFixed(2)} of ${LABELS[figure]}`
  if (target === null) return [ratio, '', '']
  const bound = target.atLeast === undefined ? `<= ${target.atMost}` : `>= ${target.atLeast}`
  return [ratio, bound, met ? 'met' : 'MISSED']
}

function figuresIn(runs: readonly Figures[]): Figure[] {
  const present = new Set(runs.flatMap((run) => Object.keys(run)))
  return (Object.keys(LABELS) as Figure[]).filter((figure) => present.has(figure))
}

function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return ''
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
