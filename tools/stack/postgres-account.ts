import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { StackError } from './stack-error.ts'

const run = promisify(execFile)
const ACCOUNT = 'postgres'

/** The system account that Postgres runs as. */
export interface PostgresAccount {
  uid: number
  gid: number
}

/** How to start a program as the account: what to put before its command, and the options for spawn. */
export interface Launch {
  prefix: string[]
  options: { uid?: number; gid?: number }
}

/**
 * Postgres refuses to run as root, so root starts it as who owns its data, or for new data as the account `postgres`,
 * which is created when there is none. Undefined for everybody else: then it runs as who started the stack.
 */
export async function postgresAccount(folder: string): Promise<PostgresAccount | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = await stat(folder).catch(() => undefined)
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  try {
    return await lookUp()
  } catch {
    await createAccount()
    return await lookUp()
  }
}

async function lookUp(): Promise<PostgresAccount> {
  const [uid, gid] = await Promise.all([run('id', ['-u', ACCOUNT]), run('id', ['-g', ACCOUNT])])
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}

async function createAccount() {
  try {
    await run('groupadd', ['--system', ACCOUNT])
    await run('useradd', ['--system', '--gid', ACCOUNT, '--no-create-home', ACCOUNT])
  } catch {
    throw new StackError(
      'Postgres does not run as root, and the account "postgres" could not be created: run the stack as an ordinary user, or set DATABASE_URL to a Postgres of yours.',
    )
  }
}

/**
 * How to start programs as the account so that they reach `paths`. Where a folder above one is closed to the account
 * (a clone in /root, a private temporary folder), the program keeps root's right to pass closed folders and no other
 * right of root's (Linux only).
 */
export async function launchAs(account: PostgresAccount | undefined, paths: string[]): Promise<Launch> {
  if (account === undefined) return { prefix: [], options: {} }
  const closed = (await Promise.all(paths.map((path) => closedFolderAbove(path, account)))).find(Boolean)
  if (closed === undefined) return { prefix: [], options: account }
  if (!(await hasSetpriv())) {
    throw new StackError(
      `Postgres does not run as root but as the account "postgres", which cannot enter ${closed}: move the project and DATA_DIR to where it can, or run the stack as an ordinary user.`,
    )
  }
  return { prefix: passingClosedFolders(account), options: {} }
}

/** The first folder on the way to `path` that the account may not enter. */
async function closedFolderAbove(path: string, account: PostgresAccount): Promise<string | undefined> {
  const folder = dirname(path)
  if (folder === path) return undefined
  const { mode, uid, gid } = await stat(folder)
  const ENTER = 0o1
  const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0
  return (await closedFolderAbove(folder, account)) ?? ((mode >> shift) & ENTER ? undefined : folder)
}

async function hasSetpriv(): Promise<boolean> {
  if (process.platform !== 'linux') return false
  return run('setpriv', ['--version']).then(
    () => true,
    () => false,
  )
}

function passingClosedFolders({ uid, gid }: PostgresAccount): string[] {
  const only = '-all,+dac_override'
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    // Without this the system would disregard the right in access(2), which initdb uses to find postgres.
    '--securebits=+no_setuid_fixup',
    `--inh-caps=${only}`,
    `--ambient-caps=${only}`,
    `--bounding-set=${only}`,
  ]
}
