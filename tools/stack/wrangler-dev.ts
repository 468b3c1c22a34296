import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { exitOf, spawnChild } from './children.ts'
import { endLeftovers, leftoverMark } from './leftovers.ts'
import { PROJECT_ROOT } from './paths.ts'
import { freePort, LOOPBACK } from './ports.ts'
import { endProcess } from './processes.ts'
import { StackError } from './stack-error.ts'
import type { WorkerConfig } from './worker-configs.ts'

const WRANGLER = join(PROJECT_ROOT, 'node_modules', 'wrangler', 'wrangler-dist', 'cli.js')
/** A first start bundles and compiles; this is far more than it takes. */
const READY_TIMEOUT_MS = 60_000
const LINES_KEPT = 15

/** Lines that tell a user of this stack nothing: bindings, hints, our own health checks, cron jobs that went well. */
const NOISE = [
  /^\s*$/,
  /^Using secrets defined in/,
  // Of the password Worker, which has no types of its own: `npm run check` looks after them.
  /Your types might be out of date/,
  /has access to the following bindings:$/,
  /^Binding +Resource +Mode$/,
  /^env\.\w+ /,
  /^Service bindings, Durable Object bindings, and Tail consumers connect/,
  /^⎔ (Starting local server|Connection status updated)/,
  /Ready on http/,
  /Logs were written to/,
  /^\[custom build\] Running/,
  /GET \/api\/health 200/,
  /"level":"info".*"path":"\/api\/health"/,
  /"level":"info","event":"job_done"/,
  /Scheduled Workers are not automatically triggered/,
  /^ +To manually trigger a scheduled event, run:/,
  /^ +curl "http.*\/scheduled"/,
  /^ +For more details, see .*cron-triggers/,
]

/** What wrangler puts before the log lines of a Worker whose name it does not know. */
const NAMELESS_WORKER = /^\[undefined\] /

export interface WranglerOptions {
  /** The first one's Worker is the one that answers on the port. */
  configs: WorkerConfig[]
  /** Instead of the entry that the first one's configuration names. */
  main?: string | undefined
  port: number
  dataDir: string
  /** Instead of `.dev.vars`, and above `[vars]`, for the first Worker. */
  envFile?: string
  /** Whether the Workers are to be seen from another `wrangler dev`; if not, none of this stack's sees others'. */
  shared: boolean
  print: (line: string) => void
}

export interface WranglerDev {
  /** Resolves, with what it said last, when it has ended for whatever reason. */
  exited: Promise<string>
  /** Resolves when `path` answers 200; throws a StackError if wrangler ends before, or after a minute. */
  ready(path: string, signal: AbortSignal): Promise<void>
  stop(): Promise<void>
}

/** Starts `wrangler dev` for the Workers on loopback, quietly and without asking or telling anybody anything. */
export async function startWranglerDev(options: WranglerOptions): Promise<WranglerDev> {
  const { configs, main, port, dataDir, envFile, print } = options
  const child = spawnChild(
    process.execPath,
    [
      '--no-warnings',
      WRANGLER,
      'dev',
      ...(main === undefined ? [] : [main]),
      ...configs.flatMap(({ path }) => ['-c', path]),
      ...['--ip', LOOPBACK, '--port', String(port)],
      ...['--inspector-ip', LOOPBACK, '--inspector-port', String(await freePort())],
      ...['--persist-to', join(dataDir, 'wrangler')],
      ...(envFile === undefined ? [] : ['--env-file', envFile]),
      '--show-interactive-dev-session=false',
    ],
    {
      cwd: PROJECT_ROOT,
      env: { ...wranglerEnvironment(dataDir), ...(options.shared ? {} : ownRegistry(dataDir)) },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )

  const lastLines: string[] = []
  for (const output of [child.stdout, child.stderr]) {
    if (output === null) continue
    createInterface({ input: output }).on('line', (line) => {
      const plain = stripVTControlCharacters(line)
      if (NOISE.some((pattern) => pattern.test(plain))) return
      const shown = line.replace(NAMELESS_WORKER, '')
      lastLines.push(shown)
      if (lastLines.length > LINES_KEPT) lastLines.shift()
      print(shown)
    })
  }

  let ended = false
  const exited = exitOf(child).then(
    () => lastLines.join('\n'),
    (error: Error) => error.message,
  )
  void exited.then(() => {
    ended = true
  })

  return {
    exited,
    async ready(path, signal) {
      const deadline = Date.now() + READY_TIMEOUT_MS
      while (!(await answers(`http://${LOOPBACK}:${port}${path}`))) {
        signal.throwIfAborted()
        if (ended) throw wranglerEnded(await exited)
        if (Date.now() > deadline) {
          throw new StackError(`The Worker did not answer ${path} within a minute: see its messages above.`)
        }
        await sleep(100)
      }
    },
    async stop() {
      if (!ended && child.pid !== undefined) await endProcess(child.pid, { signal: 'SIGTERM', waitMs: 5_000 })
      // It does not wait for its runtimes and build commands, and a killed one leaves them running.
      await endLeftovers(dataDir)
    },
  }
}

export function wranglerEnded(lastWords: string): StackError {
  return new StackError(
    `wrangler ended by itself, correct what it complains of and start again:\n${lastWords}`,
  )
}

/** The environment for any wrangler command of the stack. */
export function wranglerEnvironment(dataDir: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...leftoverMark(dataDir),
    // Build commands say plain `node` and mean this one.
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
    WRANGLER_LOG_PATH: join(dataDir, 'wrangler-logs'),
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: 'true',
    CLOUDFLARE_INCLUDE_PROCESS_ENV: 'false',
    X_LOCAL_EXPLORER: 'false',
    X_LOCAL_OBSERVABILITY: 'false',
    CI: 'true',
  }
}

/** Two stacks side by side have Workers of the same names: each keeps its own register of them. */
function ownRegistry(dataDir: string): NodeJS.ProcessEnv {
  return { WRANGLER_REGISTRY_PATH: join(dataDir, 'wrangler-registry') }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
    async (response) => {
      await response.body?.cancel()
      return response.status === 200
    },
    () => false,
  )
}
