import type { ChildProcess } from 'node:child_process'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { exitOf, spawnChild } from './children.ts'
import { createDatabase } from './databases.ts'
import { freePort, LOOPBACK } from './ports.ts'
import { launchAs, postgresAccount } from './postgres-account.ts'
import { findPostgresBinaries, hasExtension } from './postgres-binaries.ts'
import { lastWords, mayPass, sentenceFor } from './postgres-failure.ts'
import {
  clearEarlierRun,
  ensureCluster,
  POSTGRES_PASSWORD,
  POSTGRES_USER,
  withoutPostgresSettings,
} from './postgres-folder.ts'
import { endProcess } from './processes.ts'
import { until } from './until.ts'

const DATABASE = 'warbler'
/** Crash recovery replays at most a few WAL segments here; a slow disk is given this long. */
const START_TIMEOUT_MS = 30_000
const RETRY_AFTER_MS = 250
/** With the pause of a quarter second this is longer than the endpoint lets a statement run. */
const START_TRIES = 80

export interface EmbeddedPostgresOptions {
  /** The server's data are under `<dataDir>/postgres`, its log beside them. The caller holds this folder's lock. */
  dataDir: string
  /** A free one by default. */
  port?: number
  /** False for tests: commits are not flushed, a crash of the machine may lose everything. */
  durable?: boolean
}

export interface EmbeddedPostgres {
  port: number
  pid: number
  /** The server's URL with a database of this name (`warbler`, which exists, by default). */
  urlOf(database?: string): string
  /** Resolves, with the last words of its log, when the server has ended for whatever reason. */
  exited: Promise<string>
  /** A fast shutdown: transactions are rolled back, what was committed is on disk. */
  stop(): Promise<void>
}

/**
 * Starts a real Postgres on loopback, creating its data on the first run and recovering after a run that was killed:
 * a stale pid file, a server that is still alive, crash recovery. Throws a StackError that says what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { durable = true } = options
  const dataDir = resolve(options.dataDir)
  const folder = join(dataDir, 'postgres')
  await mkdir(dataDir, { recursive: true })
  const binaries = await findPostgresBinaries()
  const account = await postgresAccount(folder)
  const launch = await launchAs(account, [binaries.postgres, folder])
  await ensureCluster({ folder, initdb: binaries.initdb, launch, account, durable })
  await clearEarlierRun(folder)
  const settings = settingsFor(durable, await hasExtension(binaries, 'pg_stat_statements'))

  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort())
    const [command = binaries.postgres, ...args] = [
      ...launch.prefix,
      binaries.postgres,
      ...['-D', folder, '-p', String(port)],
      ...settings,
    ]
    const log = await open(join(dataDir, 'postgres.log'), 'w')
    const child = spawnChild(command, args, {
      ...launch.options,
      env: withoutPostgresSettings(),
      stdio: ['ignore', log.fd, log.fd],
      lastSignal: 'SIGQUIT',
    })
    await log.close()
    const server = handleOf(child, port, dataDir)
    const failure = await startFailure(server, folder)
    if (failure === undefined) {
      await createDatabase(server.urlOf('postgres'), DATABASE)
      return server
    }
    await server.stop()
    if (attempt === START_TRIES || !mayPass(failure, options.port)) {
      throw sentenceFor(failure, { dataDir, port })
    }
    await sleep(RETRY_AFTER_MS)
  }
}

function settingsFor(durable: boolean, withStatistics: boolean): string[] {
  const settings = {
    listen_addresses: LOOPBACK,
    unix_socket_directories: '',
    max_connections: 100,
    timezone: 'UTC',
    log_timezone: 'UTC',
    // A backend whose client died notices it even while it computes: a killed stack does not occupy its data folder.
    ...(process.platform === 'win32' ? {} : { client_connection_check_interval: '500ms' }),
    ...(withStatistics ? { shared_preload_libraries: 'pg_stat_statements' } : {}),
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

function handleOf(child: ChildProcess, port: number, dataDir: string): EmbeddedPostgres {
  const pid = child.pid ?? 0
  const ended = exitOf(child).then(
    () => true,
    () => true,
  )
  return {
    port,
    pid,
    urlOf: (database = DATABASE) =>
      `postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@${LOOPBACK}:${port}/${database}`,
    exited: ended.then(() => lastWords(dataDir)),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null || pid === 0) return
      await endProcess(pid, { signal: 'SIGINT', waitMs: 5_000 }, { signal: 'SIGQUIT', waitMs: 2_000 })
      await ended
    },
  }
}

/** Waits until the server accepts connections; answers why it does not, from its log. */
async function startFailure({ pid, exited }: EmbeddedPostgres, folder: string): Promise<string | undefined> {
  let failure: string | undefined
  void exited.then((words) => {
    failure = words || 'it ended without a word'
  })
  const started = await until(async () => failure !== undefined || (await isReady(folder, pid)), {
    withinMs: START_TIMEOUT_MS,
  })
  return started ? failure : `it was not ready after ${START_TIMEOUT_MS / 1000} s`
}

/** The last line of `postmaster.pid` tells the server's state; the first whose it is. */
async function isReady(folder: string, pid: number): Promise<boolean> {
  const lines = (await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const STATE_LINE = 7
  return Number(lines[0]) === pid && lines[STATE_LINE]?.trim() === 'ready'
}
