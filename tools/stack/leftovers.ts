import { endProcess, pidsWithEnvironment } from './processes.ts'

const NAME = 'WARBLER_STACK'

/** For the environment of every child of wrangler's: it tells whose they are should the stack be killed. */
export function leftoverMark(dataDir: string): Record<string, string> {
  return { [NAME]: dataDir }
}

/**
 * Ends the wrangler and the runtimes that a stack left behind: they hold its port and write to its data. The caller
 * holds the lock of the data folder, so nobody else's stack runs there.
 */
export async function endLeftovers(dataDir: string): Promise<void> {
  const pids = await pidsWithEnvironment(NAME, dataDir)
  const others = pids.filter((pid) => pid !== process.pid)
  await Promise.all(others.map((pid) => endProcess(pid, { signal: 'SIGTERM', waitMs: 3_000 })))
}
