import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { codeOf } from './stack-error.ts'
import { until } from './until.ts'

const run = promisify(execFile)

/** Whether a process with this id exists (one of another user's counts too). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/**
 * When the process started, as the system tells it: together with the pid this tells a process from a later one that
 * was given the same pid. Undefined when there is no such process (a zombie is none).
 */
export async function startMarkOf(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') return askPs(pid, 'lstart=')
  const { state, startedAtTicks } = await readStat(pid)
  return state === 'Z' ? undefined : startedAtTicks
}

/** The process that started this one, or that adopted it; undefined when there is no such process. */
export async function parentOf(pid: number): Promise<number | undefined> {
  const parent = process.platform === 'linux' ? (await readStat(pid)).parent : await askPs(pid, 'ppid=')
  return parent === undefined ? undefined : Number(parent)
}

/** Linux: the fields of `/proc/<pid>/stat` that we use; all undefined when there is no such process. */
async function readStat(pid: number) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The second field is the name in parentheses and may itself hold spaces: count from behind it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return { state: fields[0], parent: fields[1], startedAtTicks: fields[19] }
}

/** The command line of a process, its words joined by spaces; undefined when there is no such process. */
export async function commandLineOf(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') return askPs(pid, 'command=')
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return words === '' ? undefined : words.replaceAll('\0', ' ').trim()
}

/** The processes of ours whose environment has this entry (those that may be asked: none on Windows). */
export async function pidsWithEnvironment(name: string, value: string): Promise<number[]> {
  const entry = `${name}=${value}`
  if (process.platform !== 'linux') {
    const answer = await run('ps', ['-axeww', '-o', 'pid=,command=']).catch(() => undefined)
    const lines = answer?.stdout.split('\n').filter((line) => `${line} `.includes(` ${entry} `)) ?? []
    return lines.map((line) => Number.parseInt(line, 10))
  }
  const pids = (await readdir('/proc')).filter((folder) => /^\d+$/.test(folder)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
      return environment.split('\0').includes(entry) ? [pid] : []
    }),
  )
  return found.flat()
}

async function askPs(pid: number, column: string): Promise<string | undefined> {
  const answer = await run('ps', ['-o', column, '-p', String(pid)]).catch(() => undefined)
  return answer?.stdout.trim() || undefined
}

/**
 * Ends a process by the first signal that it obeys: each is given its milliseconds, and at last it is killed.
 * Promises that the process is gone, or throws.
 */
export async function endProcess(pid: number, ...steps: { signal: NodeJS.Signals; waitMs: number }[]) {
  for (const { signal, waitMs } of [...steps, { signal: 'SIGKILL' as const, waitMs: 2_000 }]) {
    send(pid, signal)
    if (await until(async () => (await startMarkOf(pid)) === undefined, { withinMs: waitMs })) return
  }
  throw new Error(`Process ${pid} cannot be ended`)
}

function send(pid: number, signal: NodeJS.Signals) {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error
  }
}
