import { basename } from 'node:path'
import { isAlive, parentOf } from './processes.ts'
import { messageOf, StackError } from './stack-error.ts'

const STOP_TIMEOUT_MS = 10_000
/** One Ctrl-C may arrive several times: from the terminal, and passed on by what started this. */
const SAME_SIGNAL_MS = 1_000

/** What a stack is given to run with. */
export interface Run {
  /** Aborted when the stop begins; what waits should give up then. */
  signal: AbortSignal
  /** Starts a part; at the end parts are stopped in the reverse order. */
  own<Part>(start: () => Promise<Part>, stop: (part: Part) => void | Promise<void>): Promise<Part>
  /** Ends the stack with this error: a part that it cannot do without has failed. */
  fail(error: unknown): void
}

/**
 * Starts a stack and ends the process when it is stopped (Ctrl-C, SIGTERM, the terminal or npm going away: code 0) or
 * fails (code 1, with one sentence). All parts are stopped first, within ten seconds, else killed; a second signal
 * kills them at once.
 */
export function runStack(start: (run: Run) => Promise<void>): void {
  const stopping = new AbortController()
  const stops: (() => void | Promise<void>)[] = []
  let askedAtMs = 0

  const run: Run = {
    signal: stopping.signal,
    async own(startPart, stopPart) {
      stopping.signal.throwIfAborted()
      const part = await startPart()
      stops.push(() => stopPart(part))
      stopping.signal.throwIfAborted()
      return part
    },
    fail(error) {
      if (stopping.signal.aborted) return
      console.error(`\n${error instanceof StackError ? error.message : describe(error)}`)
      void end(1)
    },
  }

  async function end(code: number) {
    stopping.abort()
    setTimeout(() => process.exit(code || 1), STOP_TIMEOUT_MS)
    await started
    for (const stop of stops.reverse()) {
      try {
        await stop()
      } catch (error) {
        console.error(`Stopping: ${messageOf(error)}`)
      }
    }
    process.exit(code)
  }

  function stop() {
    if (stopping.signal.aborted) return
    askedAtMs = Date.now()
    console.log('\nStopping...')
    void end(0)
  }

  function stopOnSignal() {
    if (stopping.signal.aborted && Date.now() - askedAtMs > SAME_SIGNAL_MS) process.exit(1)
    stop()
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stopOnSignal)
  void whenNpmDies(stop)
  const started = start(run).catch((error: unknown) => run.fail(error))
}

/** A StackError is for the user; anything else is a fault of the stack and shows where it comes from. */
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

const PARENT_CHECK_MS = 100

/**
 * npm runs a script in a shell. It ends that shell on SIGTERM, which does not tell the script, and a killed npm tells
 * nobody: so look whether both are still there.
 */
async function whenNpmDies(stop: () => void) {
  const script = basename(process.argv[1] ?? '')
  if (script === '' || !process.env.npm_lifecycle_script?.includes(script)) return
  const shell = process.ppid
  const npm = await parentOf(shell)
  const timer = setInterval(() => {
    if (process.ppid === shell && (npm === undefined || isAlive(npm))) return
    clearInterval(timer)
    stop()
  }, PARENT_CHECK_MS)
  timer.unref()
}
