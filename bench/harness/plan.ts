import type { Figures, Round } from './report.ts'

/** How much is measured. */
export interface Plan {
  rounds: number
  /** Of each run under load. */
  seconds: number
  /** By how much populations are smaller than the targets mean, for a try that everything works. */
  isQuick: boolean
  /** Does what a profile is to be taken of: what is measured, without what prepares it. */
  profiling<Result>(measure: () => Promise<Result>): Promise<Result>
}

const unprofiled = <Result>(measure: () => Promise<Result>) => measure()

export const FULL: Plan = { rounds: 5, seconds: 3, isQuick: false, profiling: unprofiled }
export const QUICK: Plan = { rounds: 1, seconds: 0.2, isQuick: true, profiling: unprofiled }

/** Rounds of ours and the bare next to each other, in turns of who comes first. */
export async function sideBySide(
  { rounds }: Pick<Plan, 'rounds'>,
  measure: () => Promise<Figures>,
  measureBare: () => Promise<Figures>,
): Promise<Round[]> {
  const done: Round[] = []
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const measured = await measure()
      done.push({ measured, bare: await measureBare() })
    } else {
      const bare = await measureBare()
      done.push({ measured: await measure(), bare })
    }
  }
  return done
}
