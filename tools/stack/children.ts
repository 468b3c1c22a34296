import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { spawn } from 'node:child_process'

const living = new Map<ChildProcess, NodeJS.Signals>()

/**
 * Spawns a process that must not outlive this one: should this process end without having ended it, it gets
 * `lastSignal` on the way out. It stays in the process group, so that a signal to the group reaches it too.
 */
export function spawnChild(
  command: string,
  args: readonly string[],
  options: SpawnOptions & { lastSignal?: NodeJS.Signals },
): ChildProcess {
  const { lastSignal = 'SIGKILL', ...spawnOptions } = options
  const child = spawn(command, args, spawnOptions)
  if (living.size === 0) process.once('exit', endTheLiving)
  living.set(child, lastSignal)
  const forget = () => {
    living.delete(child)
    if (living.size === 0) process.off('exit', endTheLiving)
  }
  child.once('exit', forget)
  child.once('error', forget)
  return child
}

function endTheLiving() {
  for (const [child, signal] of living) child.kill(signal)
}

/** Resolves when the process has ended, with its exit code (null after a signal); rejects if it could not start. */
export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    child.once('exit', resolve)
    child.once('error', reject)
  })
}
