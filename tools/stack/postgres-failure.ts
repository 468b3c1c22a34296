import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StackError } from './stack-error.ts'

const PORT_TAKEN = /could not create any TCP\/IP sockets/
/** Backends of a killed server need a moment to notice that it is gone; until then its folder is not free. */
const FOLDER_BUSY = /shared memory block|lock file/
const OTHER_VERSION = /incompatible with server/

/** Why the server ended, from its log: the last fatal line, or else the last one. */
export async function lastWords(dataDir: string): Promise<string> {
  const log = await readFile(join(dataDir, 'postgres.log'), 'utf8').catch(() => '')
  const lines = log.trim().split('\n')
  const fatal = lines.filter((line) => /\b(FATAL|PANIC):/.test(line)).at(-1)
  return (fatal ?? lines.at(-1) ?? '').replace(/^.*?(FATAL|PANIC|LOG): +/, '')
}

/** Whether another try may do; a port that was asked for stays taken, a free one that was lost can be another. */
export function mayPass(failure: string, askedPort: number | undefined): boolean {
  return FOLDER_BUSY.test(failure) || (askedPort === undefined && PORT_TAKEN.test(failure))
}

export function sentenceFor(
  failure: string,
  { dataDir, port }: { dataDir: string; port: number },
): StackError {
  if (PORT_TAKEN.test(failure)) {
    return new StackError(`Port ${port}, which Postgres is to use, is taken: end what listens there.`)
  }
  const advice = OTHER_VERSION.test(failure)
    ? `its data were made by another version, move ${dataDir} away to start anew`
    : `see ${join(dataDir, 'postgres.log')}`
  return new StackError(`Postgres did not start (${failure}): ${advice}.`)
}
