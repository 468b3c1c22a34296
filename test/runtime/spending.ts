import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { AsyncLocalStorage } from 'node:async_hooks'
import worker from '../../src/worker/index.ts'
import { gateDatabase } from './database-gate.ts'
import { type ApiAnswer, type ApiOptions, answerOf, requestOf } from './harness.ts'

/** What an answer waited for. */
export interface Spending {
  /** Round trips to the database by the Worker. */
  sql: number
  /** Round trips to the database by timeline objects. */
  objectSql: number
  objectCalls: number
  passwordCalls: number
  /** Calls of the search Worker. */
  searchCalls: number
}

const NOTHING: Spending = { sql: 0, objectSql: 0, objectCalls: 0, passwordCalls: 0, searchCalls: 0 }

/** A call as it is named to be held back: `sql`, or a method of an object such as `keepCards`. */
type CallName = string

interface SpendOptions extends ApiOptions {
  /** Calls that only begin once the answer is there: one that the answer waits for makes it fail. */
  heldBack?: CallName[]
}

export interface Spent extends ApiAnswer {
  spending: Spending
}

export interface Isolate {
  /** Asks as a client would, and counts; then waits for the work that the answer left behind. One at a time. */
  spend(method: string, path: string, options?: SpendOptions): Promise<Spent>
}

const ANSWER_WITHIN_MS = 10_000

/** Is there in whatever the Worker does for a request, and not in what an object does. */
const inWorker = new AsyncLocalStorage<true>()

/**
 * A Worker with caches of its own and the real database, objects and passwords behind counters. Its queues lead
 * nowhere, so that nothing but the request is counted.
 */
export function openIsolate(): Isolate {
  let spending = NOTHING
  let heldBack: CallName[] = []
  let answered = Promise.withResolvers<void>()

  async function count<Result>(
    what: keyof Spending,
    name: CallName,
    call: () => Result,
  ): Promise<Awaited<Result>> {
    if (heldBack.includes(name)) await answered.promise
    else spending = { ...spending, [what]: spending[what] + 1 }
    return await call()
  }

  const bindings: Env = {
    ...env,
    FAN_OUT_0: NOWHERE,
    ENGAGEMENT: NOWHERE,
    NOTIFICATIONS_0: NOWHERE,
    PUSHES: NOWHERE,
    EXPORTS: NOWHERE,
    SEARCH_INDEX: NOWHERE,
    PASSWORDS: watched(env.PASSWORDS, (name, call) => count('passwordCalls', name, call)),
    SEARCH: watched(env.SEARCH, (name, call) => count('searchCalls', name, call)),
    TIMELINES: watched(env.TIMELINES, (_name, open) =>
      watchedStub(open(), (name, call) => count('objectCalls', name, call)),
    ),
  }

  return {
    async spend(method, path, { heldBack: held = [], ...options } = {}) {
      spending = NOTHING
      heldBack = held
      answered = Promise.withResolvers()
      using _gate = gateDatabase((_trip, carry) =>
        count(inWorker.getStore() ? 'sql' : 'objectSql', 'sql', carry),
      )
      const context = createExecutionContext()
      const ask = async () =>
        answerOf(await worker.fetch(requestOf(method, path, options), bindings, context))
      const answer = await Promise.race([inWorker.run(true, ask), waitsFor(held)])
      const spent = { ...answer, spending }
      answered.resolve()
      await waitOnExecutionContext(context)
      return spent
    },
  }
}

async function waitsFor(held: CallName[]): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, ANSWER_WITHIN_MS))
  throw new Error(`There is no answer within ${ANSWER_WITHIN_MS} ms without ${held.join(', ') || 'anything'}`)
}

type OnCall = (name: string, call: () => unknown) => unknown

/** The same, but each call of a method goes through `onCall`. */
function watched<Target extends object>(target: Target, onCall: OnCall): Target {
  return new Proxy(target, {
    get(_target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => onCall(String(name), () => Reflect.apply(member, target, args))
    },
  })
}

function watchedStub(stub: unknown, onCall: OnCall): unknown {
  return stub instanceof Object ? watched(stub, onCall) : stub
}

const NO_METRICS = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } }
/** A queue that nothing comes out of. */
export const NOWHERE: Queue = {
  metrics: async () => NO_METRICS.metadata.metrics,
  send: async () => NO_METRICS,
  sendBatch: async () => NO_METRICS,
}
