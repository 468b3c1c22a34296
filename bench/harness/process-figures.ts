import { readdir, readFile } from 'node:fs/promises'

/** Linux counts CPU time in hundredths of a second and memory in pages (proc(5)). */
const TICK_MS = 10
const PAGE_BYTES = 4096

/**
 * CPU time that a process has used, in milliseconds. Other work on the machine lengthens a request and leaves this as
 * it is. NaN where the system does not tell (it is read from /proc).
 */
export async function cpuMsOf(pid: number): Promise<number> {
  const fields = await statOf(pid)
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** Resident memory of a process in megabytes; NaN where the system does not tell. */
export async function residentMbOf(pid: number): Promise<number> {
  return (Number((await statOf(pid))[21]) * PAGE_BYTES) / 1e6
}

/** The fields of /proc/<pid>/stat from the state on: what stands before it may hold spaces. */
async function statOf(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** How many descriptors a process has open; NaN where the system does not tell. */
export async function openFilesOf(pid: number): Promise<number> {
  const files = await readdir(`/proc/${pid}/fd`).catch(() => null)
  return files === null ? Number.NaN : files.length
}
