import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { isAlive, startMarkOf } from './processes.ts'
import { codeOf, messageOf, StackError } from './stack-error.ts'

const EVICTION_CHECK_MS = 5

const stackFile = z.object({
  pid: z.int(),
  /** When that process started: a later one may be given the same pid. */
  started: z.string().nullable(),
  /** Null while it starts, and for what runs no API. */
  apiPort: z.int().nullable(),
  databaseUrl: z.string().nullable(),
  /** Empty for Neon, which has its own. */
  endpointUrl: z.string().nullable(),
})

/** `stack.json`: lets other tools find the stack of a data folder. */
export type StackFile = z.infer<typeof stackFile>

async function runs({ pid, started }: StackFile): Promise<boolean> {
  return isAlive(pid) && (started === null || (await startMarkOf(pid)) === started)
}

const pathIn = (dataDir: string) => join(dataDir, 'stack.json')

/** The stack that runs on this data folder now, if one does. */
export async function runningStack(dataDir: string): Promise<StackFile | undefined> {
  const found = await read(pathIn(dataDir))
  return found !== undefined && (await runs(found)) ? found : undefined
}

/** The hold on a data folder: while it lasts nobody else starts a stack there. */
export interface FolderLock {
  /** Tells other programs where things are. */
  publish(entries: Partial<Omit<StackFile, 'pid' | 'started'>>): Promise<void>
  release(): Promise<void>
}

/** Takes the data folder, making it if need be. Throws a StackError when it is in use or closed to us. */
export async function lockFolder(dataDir: string): Promise<FolderLock> {
  const started = (await startMarkOf(process.pid)) ?? null
  let content: StackFile = { pid: process.pid, started, apiPort: null, databaseUrl: null, endpointUrl: null }
  const path = pathIn(dataDir)
  const mine = `${path}.${process.pid}`
  try {
    await mkdir(dataDir, { recursive: true })
    await writeFile(mine, JSON.stringify(content), { mode: 0o600 })
    while (!(await claim(mine, path))) await evictStale(path, { mine, dataDir })
  } catch (error) {
    if (error instanceof StackError) throw error
    throw new StackError(
      `The data folder ${dataDir} cannot be used (${messageOf(error)}): make it readable and writable, or set DATA_DIR to another.`,
    )
  } finally {
    await rm(mine, { force: true }).catch(() => {})
  }
  return {
    async publish(entries) {
      content = { ...content, ...entries }
      await writeFile(mine, JSON.stringify(content, null, 2), { mode: 0o600 })
      await rename(mine, path)
    },
    release: () => rm(path, { force: true }),
  }
}

/** Puts the file in place unless there is one: of two at once only one succeeds. */
async function claim(mine: string, path: string): Promise<boolean> {
  try {
    await link(mine, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/**
 * Removes the file of a run that was killed; throws when its run still lives. One at a time, for what was looked at is
 * what must be removed, and not the file that somebody else has put there since.
 */
async function evictStale(path: string, { mine, dataDir }: { mine: string; dataDir: string }) {
  const right = `${path}.evicting`
  if (!(await claim(mine, right))) {
    const evictor = await read(right)
    if (evictor !== undefined && !(await runs(evictor))) await rm(right, { force: true })
    await sleep(EVICTION_CHECK_MS)
    return
  }
  try {
    const text = await readFile(path, 'utf8').catch(ignoreMissing)
    // Removed meanwhile: what stands there next is somebody's who may have it.
    if (text === undefined) return
    const found = parse(text)
    if (found !== undefined && (await runs(found))) throw inUse(dataDir, found)
    await rm(path, { force: true })
  } finally {
    await rm(right, { force: true })
  }
}

function inUse(dataDir: string, { pid, apiPort }: StackFile): StackError {
  const where = apiPort === null ? '' : ` on port ${apiPort}`
  return new StackError(
    `Another stack (process ${pid}${where}) uses ${dataDir}: end it, or set DATA_DIR and PORT to run a second one.`,
  )
}

async function read(path: string): Promise<StackFile | undefined> {
  const text = await readFile(path, 'utf8').catch(ignoreMissing)
  return text === undefined ? undefined : parse(text)
}

function parse(text: string): StackFile | undefined {
  try {
    return stackFile.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}
