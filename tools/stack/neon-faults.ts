import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Work } from './neon-protocol.ts'
import { Refusal } from './neon-protocol.ts'

const count = z.int().min(0)

export const faultsSchema = z.strictObject({
  /** Each request waits so long before it is executed. */
  delayMs: count.optional(),
  /** Each answer waits so long after its request was executed. */
  delayAnswerMs: count.optional(),
  /** Answer 503 as if the database were down, and execute nothing. */
  refuse: z.boolean().optional(),
  /** The next so many requests are executed, then their connection is cut without an answer. */
  dropAfterCommit: count.optional(),
  /** The next so many requests are executed, then their connection is cut in the middle of the answer. */
  cutAnswer: count.optional(),
  /** The next so many requests have their connection cut and are not executed. */
  dropBefore: count.optional(),
  /** Only requests with this text in one of their statements. */
  match: z.string().optional(),
  /** Only each so-many-th of those. */
  every: z.int().min(1).optional(),
})

/** What tests have the endpoint do wrong; the counts go down as they are used up. */
export type Faults = z.infer<typeof faultsSchema>

/** Thrown when the client's connection is to be cut instead of answered, or within this answer. */
export class Dropped extends Error {
  readonly answer: unknown

  constructor(answer?: unknown) {
    super('The connection is cut')
    this.answer = answer
  }
}

/** Runs `execute` with the faults that are set and match this work. */
export async function withFaults<Result>(
  faults: Faults,
  work: Work,
  execute: () => Promise<Result>,
): Promise<Result> {
  if (!matches(faults, work) || !isItsTurn(faults)) return execute()
  if (faults.delayMs !== undefined) await sleep(faults.delayMs)
  if (faults.refuse) throw new Refusal(503, 'The database cannot be reached: refused by a fault')
  if (take(faults, 'dropBefore')) throw new Dropped()
  const dropAfterwards = take(faults, 'dropAfterCommit')
  const cutWithin = take(faults, 'cutAnswer')
  const result = await execute()
  if (faults.delayAnswerMs !== undefined) await sleep(faults.delayAnswerMs)
  if (dropAfterwards) throw new Dropped()
  if (cutWithin) throw new Dropped(result)
  return result
}

const matched = new WeakMap<Faults, number>()

/** Counts the requests that match since these faults were set. */
function isItsTurn(faults: Faults): boolean {
  const place = (matched.get(faults) ?? 0) + 1
  matched.set(faults, place)
  return place % (faults.every ?? 1) === 0
}

function matches({ match }: Faults, work: Work): boolean {
  if (match === undefined) return true
  const statements = work.kind === 'single' ? [work.statement] : work.statements
  return statements.some(({ query }) => query.includes(match))
}

function take(faults: Faults, name: 'dropBefore' | 'dropAfterCommit' | 'cutAnswer'): boolean {
  const left = faults[name] ?? 0
  if (left === 0) return false
  faults[name] = left - 1
  return true
}
