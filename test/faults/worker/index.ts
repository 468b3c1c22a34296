/**
 * The API Worker with faults around its consumers and its timeline objects, for tests alone: `POST /faults` sets them, and
 * `POST /fan-out` puts messages into the queue, as one that has survived what sent them.
 */
import { z } from 'zod'
import type { SearchRpc } from '../../../src/contracts/search.ts'
import type { ApplyResult, TimelineOp } from '../../../src/contracts/timeline.ts'
import worker, { TimelineObject as SoundTimeline } from '../../../src/worker/index.ts'
import { faultSwitch } from './fault-switch.ts'

const EVERY = 3
/** A message that has failed twice is let through: what is tried is a fault that passes, not one that stays. */
const FAILURES_OF_ONE = 2

let faults = faultSwitch.parse({})
const counts = new Map<string, number>()

/** How a call fails: before it does anything, or after it has done all. Null when it is not its turn. */
function turnOf(name: string, every: number): 'before' | 'after' | null {
  const count = (counts.get(name) ?? 0) + 1
  counts.set(name, count)
  if (every === 0 || count % every !== 0) return null
  return (count / every) % 2 === 1 ? 'before' : 'after'
}

export class TimelineObject extends SoundTimeline {
  override async apply(ops: TimelineOp[]): Promise<ApplyResult> {
    const owner = this.ctx.id.name ?? ''
    if (faults.broken.includes(owner)) throw new Error('A broken object')
    const turn = faults.flaky.includes(owner) ? turnOf(`object ${owner}`, EVERY) : null
    if (turn === 'before') throw new Error('A fault before anything was stored')
    const result = await super.apply(ops)
    if (turn === 'after') throw new Error('A fault after all was stored')
    return result
  }
}

const flakySearches = new WeakMap<Env, Env>()

/** The same world with a search Worker that fails. */
function withFlakySearch(env: Env): Env {
  const known = flakySearches.get(env)
  if (known !== undefined) return known
  const fail = async (write: () => Promise<void>) => {
    const turn = turnOf('search', faults.searchEvery)
    if (turn === 'before') throw new Error('A fault before the index was written')
    await write()
    if (turn === 'after') throw new Error('A fault after the index was written')
  }
  const told: Pick<SearchRpc, 'index' | 'remove'> = {
    index: (changes) => fail(() => env.SEARCH.index(changes)),
    remove: (changes) => fail(() => env.SEARCH.remove(changes)),
  }
  const flaky = {
    ...env,
    SEARCH: new Proxy(env.SEARCH, {
      get: (search, name) => Reflect.get(told, name) ?? Reflect.get(search, name),
    }),
  }
  flakySearches.set(env, flaky)
  return flaky
}

/** The same batch, whose acknowledgements are not heard: all of it comes again. */
function unheard(batch: MessageBatch): MessageBatch {
  return withMessages(batch, (message) => {
    const { id, timestamp, body, attempts } = message
    const again = () => message.retry({ delaySeconds: 1 })
    return { id, timestamp, body, attempts, ack: again, retry: again }
  })
}

/** The same messages as another delivery of them, of which nobody hears anything. */
function repeated(batch: MessageBatch): MessageBatch {
  const nothing = () => {}
  const { messages, ...rest } = withMessages(batch, ({ id, timestamp, body, attempts }) => {
    return { id, timestamp, body, attempts: attempts + 1, ack: nothing, retry: nothing }
  })
  return { ...rest, messages: messages.toReversed() }
}

function withMessages(batch: MessageBatch, change: (message: Message) => Message): MessageBatch {
  const { queue, metadata, messages } = batch
  return { messages: messages.map(change), queue, metadata, ackAll: () => {}, retryAll: () => {} }
}

export default {
  ...worker,

  async fetch(request, env, context) {
    switch (new URL(request.url).pathname) {
      case '/faults':
        faults = faultSwitch.parse(await request.json())
        return Response.json(faults)
      case '/fan-out': {
        const bodies = z.array(z.unknown()).parse(await request.json())
        for (const body of bodies) await env.FAN_OUT_0.send(body, { contentType: 'json' })
        return Response.json(bodies.length)
      }
      default:
        return worker.fetch(request, env, context)
    }
  },

  async queue(batch, bindings, context) {
    const env = faults.searchEvery === 0 ? bindings : withFlakySearch(bindings)
    const failedOften = batch.messages.some(({ attempts }) => attempts > FAILURES_OF_ONE)
    const turn = failedOften ? null : turnOf(batch.queue, faults.batchesEvery)
    if (turn === 'before') throw new Error('A fault before anything was done')
    await Promise.all([
      worker.queue(turn === 'after' ? unheard(batch) : batch, env, context),
      ...(faults.twice ? [worker.queue(repeated(batch), env, context)] : []),
    ])
  },
} satisfies ExportedHandler<Env>
