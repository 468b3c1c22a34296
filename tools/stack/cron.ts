import { messageOf } from './stack-error.ts'

const EVERY_MS = 60_000

export interface CronOptions {
  /** Of the Worker, as `http://127.0.0.1:8787`. */
  origin: string
  /** The schedules of its triggers. All fire every minute here, also those that would be hourly. */
  crons: string[]
  print: (line: string) => void
  /** Whether it is fine that nobody listens at the origin. */
  optional?: boolean
}

/** Fires the Worker's cron handlers now and every minute, which `wrangler dev` does not do by itself. */
export function startCron({ origin, crons, print, optional = false }: CronOptions): { stop(): void } {
  const stopping = new AbortController()
  let firing = false

  async function fireAll() {
    if (firing) return
    firing = true
    await Promise.all(crons.map(fire))
    firing = false
  }

  async function fire(cron: string) {
    const url = `${origin}/cdn-cgi/handler/scheduled?cron=${encodeURIComponent(cron)}`
    try {
      const response = await fetch(url, {
        signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(EVERY_MS)]),
      })
      await response.body?.cancel()
      if (!response.ok) print(`Cron ${cron} ended with status ${response.status}`)
    } catch (error) {
      if (!optional && !stopping.signal.aborted) print(`Cron ${cron} could not be fired: ${messageOf(error)}`)
    }
  }

  void fireAll()
  const timer = setInterval(fireAll, EVERY_MS)
  return {
    stop() {
      clearInterval(timer)
      stopping.abort()
    },
  }
}
