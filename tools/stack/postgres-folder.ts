import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exitOf, spawnChild } from './children.ts'
import type { Launch, PostgresAccount } from './postgres-account.ts'
import { commandLineOf, endProcess, startMarkOf } from './processes.ts'
import { codeOf, messageOf, StackError } from './stack-error.ts'

export const POSTGRES_USER = 'postgres'
export const POSTGRES_PASSWORD = 'postgres'

export interface Initialisation {
  /** The folder to become the server's. */
  folder: string
  initdb: string
  launch: Launch
  account: PostgresAccount | undefined
  durable: boolean
}

/**
 * Makes the folder a database cluster unless it is one: UTF-8, compared by code point as on Neon. It is made beside
 * and moved into place, so that a start that was killed half-way leaves no half-made cluster.
 */
export async function ensureCluster({ folder, initdb, launch, account, durable }: Initialisation) {
  if (await exists(join(folder, 'PG_VERSION'))) return
  const fresh = `${folder}.new`
  const passwordFile = `${folder}.password`
  try {
    await rm(fresh, { recursive: true, force: true })
    await mkdir(fresh, { mode: 0o700 })
    await writeFile(passwordFile, `${POSTGRES_PASSWORD}\n`, { mode: 0o600 })
    if (account !== undefined) {
      for (const path of [fresh, passwordFile]) await chown(path, account.uid, account.gid)
    }
    await runInitdb(launch, initdb, [
      `--pgdata=${fresh}`,
      `--username=${POSTGRES_USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      ...(durable ? [] : ['--no-sync']),
    ])
    await rename(fresh, folder)
  } finally {
    await rm(passwordFile, { force: true })
  }
}

async function runInitdb({ prefix, options }: Launch, initdb: string, args: string[]) {
  const [command = initdb, ...rest] = [...prefix, initdb, ...args]
  const child = spawnChild(command, rest, {
    ...options,
    env: withoutPostgresSettings(),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  const code = await exitOf(child)
  if (code !== 0) {
    throw new StackError(
      `The database could not be created (initdb: ${complaint.trim() || `exit ${code}`}): see that DATA_DIR is on a local disk with space left.`,
    )
  }
}

/** This process's environment without PGPORT and the like, which are meant for other servers. */
export function withoutPostgresSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')))
}

/**
 * Clears what an earlier run that was killed may have left: ends its server if that is still alive, and makes a
 * `postmaster.pid` whose pid by now belongs to another program recognizable as stale. The caller holds the lock of
 * the data folder, so a server found here is nobody's.
 */
export async function clearEarlierRun(folder: string) {
  const path = join(folder, 'postmaster.pid')
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new StackError(`${path} cannot be read (${messageOf(error)}): see who owns DATA_DIR.`)
  })
  const [firstLine = '', ...others] = text?.split('\n') ?? []
  const pid = Number.parseInt(firstLine, 10)
  if (!(pid > 1) || (await startMarkOf(pid)) === undefined) return
  if (await isServerOf(pid, folder)) {
    await endProcess(pid, { signal: 'SIGINT', waitMs: 5_000 }, { signal: 'SIGQUIT', waitMs: 2_000 })
  } else {
    // Postgres takes a pid file with its parent's pid for stale; deleting the file would also lose the shared memory
    // key in it, by which Postgres notices backends that outlived their server.
    await writeFile(path, [process.pid, ...others].join('\n'))
  }
}

async function isServerOf(pid: number, folder: string): Promise<boolean> {
  const command = await commandLineOf(pid)
  return command !== undefined && /\bpostgres(\.exe)? /.test(command) && command.includes(` -D ${folder} `)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return false
      throw new StackError(`${path} cannot be read (${messageOf(error)}): see who owns DATA_DIR.`)
    },
  )
}
