import { performance } from 'node:perf_hooks'
import autocannon from 'autocannon'
import { cpuMsOf } from './process-figures.ts'
import type { Figures } from './report.ts'
import { percentile } from './statistics.ts'

export interface Request {
  method?: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: string
}

export interface Load {
  origin: string
  /** Whose CPU time is told for each request: the runtime's. */
  pid: number
  connections: number
  seconds: number
  /** What the connection of this number (0 is the first) asks for, in turn and again and again. */
  requestsOf(connection: number): Request[]
}

/** Asks for `seconds` on so many connections, each waiting for its answer. Throws when an answer is not a success. */
export async function runLoad({ origin, pid, connections, seconds, requestsOf }: Load): Promise<Figures> {
  const durationsMs: number[] = []
  let opened = 0
  const cpuBeforeMs = await cpuMsOf(pid)
  let startMs = performance.now()
  let endMs = startMs
  const failed = new Map<string, number>()
  const countFailure = (what: string) => failed.set(what, (failed.get(what) ?? 0) + 1)

  await new Promise<void>((resolve, reject) => {
    const run = autocannon(
      {
        url: origin,
        connections,
        duration: seconds,
        sampleInt: SAMPLE_MS,
        setupClient: (client) => client.setRequests(requestsOf(opened++)),
      },
      (error: Error | null) => (error === null ? resolve() : reject(error)),
    )
    run.on('start', () => {
      startMs = performance.now()
    })
    run.on('response', (_client, status, _bytes, durationMs) => {
      if (status < 200 || status > 299) return countFailure(`status ${status}`)
      durationsMs.push(durationMs)
      endMs = performance.now()
    })
    run.on('reqError', (error) => countFailure(String(error)))
  })
  if (failed.size > 0) {
    const what = [...failed].map(([reason, count]) => `${count} times ${reason}`)
    throw new Error(`${origin}${requestsOf(0)[0]?.path} failed: ${what.join(', ')}`)
  }
  const cpuMs = (await cpuMsOf(pid)) - cpuBeforeMs
  return {
    per_second: durationsMs.length / ((endMs - startMs) / 1000),
    p50_ms: percentile(durationsMs, 0.5),
    p99_ms: percentile(durationsMs, 0.99),
    ...(Number.isNaN(cpuMs) ? {} : { cpu_us: (cpuMs / durationsMs.length) * 1000 }),
  }
}

/** How often the generator looks whether its time is over. */
const SAMPLE_MS = 50
