import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../tools/stack/embedded-postgres.ts'
import { prepareDatabase } from '../../../tools/stack/migrate.ts'
import { type NeonEndpoint, startNeonEndpoint } from '../../../tools/stack/neon-endpoint.ts'
import { freePort } from '../../../tools/stack/ports.ts'
import { temporaryFolder } from '../../node/harness/temporary-folder.ts'

const run = promisify(execFile)

/** A Postgres that goes away and comes back at the same address, with its endpoint, which stays. */
export interface FaultyDatabase {
  url: string
  endpoint: NeonEndpoint
  start(): Promise<void>
  /** A fast shutdown: what was committed is on disk. */
  stop(): Promise<void>
  /** Kills the server as a machine without power does, but for the disk's own cache. */
  crash(): Promise<void>
  /** Of a stopped server: remembers all it holds, in place of what was remembered before. */
  takeCopy(): Promise<void>
  /** Of a stopped server: puts back what was remembered. */
  putCopyBack(): Promise<void>
  clear(): Promise<void>
}

/** Starts one of the caller's own, migrated. Commits wait for the disk: that is what a crash is to find. */
export async function startFaultyDatabase(): Promise<FaultyDatabase> {
  const folder = await temporaryFolder()
  const data = join(folder.path, 'postgres')
  const copy = join(folder.path, 'copy')
  const port = await freePort()
  let server: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir: folder.path, port })
  const url = server.urlOf()
  await prepareDatabase(url)
  const endpoint = await startNeonEndpoint({ databaseUrl: url, faults: true })
  return {
    url,
    endpoint,
    async start() {
      server = await startEmbeddedPostgres({ dataDir: folder.path, port })
    },
    stop: () => server.stop(),
    async crash() {
      process.kill(server.pid, 'SIGKILL')
      await server.exited
    },
    takeCopy: () => replace(copy, data),
    putCopyBack: () => replace(data, copy),
    async clear() {
      await endpoint.stop()
      await server.stop()
      await folder.remove()
    },
  }
}

/** With owners and modes, about which Postgres is particular. */
async function replace(target: string, source: string): Promise<void> {
  await rm(target, { recursive: true, force: true })
  await run('cp', ['-Rp', source, target])
}
