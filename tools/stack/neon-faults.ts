import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Work } from './neon-protocol.ts'
import { Refusal } from './neon-protocol.ts'

const count = z.int().min(0)

export const faultsSchema = z.strictObject({
  /** Each request waits so long before it is executed. */
  delayMs: count.optional(),
  /** Answer 503 as if the database were down, and execute nothing. */
  refuse: z.boolean().optional(),
  /** The next so many requests are executed, then their connection is cut without an answer. */
  dropAfterCommit: count.optional(),
  /** The next so many requests have their connection cut and are not executed. */
  dropBefore: count.optional(),
  /** Only requests with this text in one of their statements. */
  match: z.string().optional(),
})

/** What tests have the endpoint do wrong; the counts go down as they are used up. */
export type Faults = z.infer<typeof faultsSchema>

/** Thrown when the client's connection is to be cut instead of answered. */
export class Dropped extends Error {}

/** Runs `execute` with the faults that are set and match this work. */
export async function withFaults<Result>(
  faults: Faults,
  work: Work,
  execute: () => Promise<Result>,
): Promise<Result> {
  if (!matches(faults, work)) return execute()
  if (faults.delayMs !== undefined) await sleep(faults.delayMs)
  if (faults.refuse) throw new Refusal(503, 'The database cannot be reached: refused by a fault')
  if (take(faults, 'dropBefore')) throw new Dropped()
  const dropAfterwards = take(faults, 'dropAfterCommit')
  const result = await execute()
  if (dropAfterwards) throw new Dropped()
  return result
}

function matches({ match }: Faults, work: Work): boolean {
  if (match === undefined) return true
  const statements = work.kind === 'single' ? [work.statement] : work.statements
  return statements.some(({ query }) => query.includes(match))
}

function take(faults: Faults, name: 'dropBefore' | 'dropAfterCommit'): boolean {
  const left = faults[name] ?? 0
  if (left === 0) return false
  faults[name] = left - 1
  return true
}
