import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../../tools/stack/ports.ts'
import { pidsWithEnvironment } from '../../../tools/stack/processes.ts'
import { until } from '../../../tools/stack/until.ts'
import { temporaryFolder } from './temporary-folder.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const READY = 'Warbler is running'
const READY_TIMEOUT_MS = 60_000
const GONE_WITHIN_MS = 20_000

/** Where a stack runs: kept when it is started again. */
export interface Place {
  port: number
  dataDir: string
  /** Kills what is left of its processes and removes its data. */
  clear(): Promise<void>
}

export interface Stack {
  place: Place
  process: ChildProcess
  /** Everything it has printed. */
  output(): string
  /** Resolves with its exit code, or the signal that ended it. */
  ended: Promise<number | string | null>
  url(path: string): string
}

export async function newPlace(): Promise<Place> {
  const folder = await temporaryFolder()
  return {
    port: await freePort(),
    dataDir: folder.path,
    async clear() {
      for (const pid of await processesOf(folder.path)) killIfThere(pid)
      await until(async () => (await processesOf(folder.path)).length === 0, { withinMs: 10_000 })
      await folder.remove()
    },
  }
}

/** Starts `npm run dev` without npm (or what `command` says), as the leader of a process group of its own. */
export function spawnStack(
  place: Place,
  env: NodeJS.ProcessEnv = {},
  command: string[] = [process.execPath, join(ROOT, 'tools', 'dev.ts')],
): Stack {
  const [program = '', ...args] = command
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|VITEST|NODE_|DATABASE_)/.test(name),
  )
  const child = spawn(program, args, {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(inherited), PORT: String(place.port), DATA_DIR: place.dataDir, ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  return {
    place,
    process: child,
    output: () => output,
    ended: new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code))),
    url: (path) => `http://127.0.0.1:${place.port}${path}`,
  }
}

/** Resolves when the stack has said that it runs; throws with its output if it ends or takes longer than a minute. */
export async function untilReady(stack: Stack): Promise<Stack> {
  const isOver = () => stack.process.exitCode !== null || stack.process.signalCode !== null
  await until(() => stack.output().includes(READY) || isOver(), { withinMs: READY_TIMEOUT_MS })
  if (!stack.output().includes(READY)) throw new Error(`The stack did not start:\n${stack.output()}`)
  return stack
}

/** Sends a signal to every process of the stack's group, as a terminal does. */
export function signalGroup({ process: { pid } }: Stack, signal: NodeJS.Signals) {
  if (pid !== undefined) process.kill(-pid, signal)
}

/** Kills every process of the stack at once, with -9, and resolves when none is left. */
export async function killStack(stack: Stack): Promise<void> {
  signalGroup(stack, 'SIGKILL')
  await stack.ended
  const isGone = async () => (await processesOf(stack.place.dataDir)).length === 0
  if (!(await until(isGone, { withinMs: GONE_WITHIN_MS }))) throw new Error('A process outlives kill -9')
}

/** The processes that the stack of this data folder started: by their environment, and backends by where they work. */
export async function processesOf(dataDir: string): Promise<number[]> {
  const started = await pidsWithEnvironment('DATA_DIR', dataDir)
  if (process.platform !== 'linux') return started
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const working = await Promise.all(
    pids.map(async (pid) => {
      const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '')
      const isZombie = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) === ''
      return folder.startsWith(dataDir) && !isZombie ? [Number(pid)] : []
    }),
  )
  return [...new Set([...started, ...working.flat()])]
}

function killIfThere(pid: number) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}
