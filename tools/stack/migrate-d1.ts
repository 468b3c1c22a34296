import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { exitOf, spawnChild } from './children.ts'
import { PROJECT_ROOT } from './paths.ts'
import { StackError } from './stack-error.ts'
import type { WorkerConfig } from './worker-configs.ts'
import { wranglerEnvironment } from './wrangler-dev.ts'

/** Applies the pending migrations of every D1 database of these Workers to its local copy. Throws a StackError. */
export async function migrateD1(configs: WorkerConfig[], dataDir: string): Promise<void> {
  for (const { path, d1Databases } of configs) {
    for (const database of d1Databases) await migrateOne({ path, database, dataDir })
  }
}

async function migrateOne({ path, database, dataDir }: { path: string; database: string; dataDir: string }) {
  const wrangler = join(PROJECT_ROOT, 'node_modules', 'wrangler', 'wrangler-dist', 'cli.js')
  const child = spawnChild(
    process.execPath,
    [
      ...['--no-warnings', wrangler, 'd1', 'migrations', 'apply', database, '--local'],
      ...['-c', path, '--persist-to', join(dataDir, 'wrangler')],
    ],
    { cwd: PROJECT_ROOT, env: wranglerEnvironment(dataDir), stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const said = Promise.all(
    [child.stdout, child.stderr].map((output) => (output === null ? '' : text(output))),
  )
  if ((await exitOf(child)) === 0) return
  throw failureOf(database, stripVTControlCharacters((await said).join('\n')))
}

/** One sentence from what wrangler said: a table of the pending migrations, then the error in the first bad one. */
function failureOf(database: string, words: string): StackError {
  const error = /\[ERROR\] (.+)/.exec(words)?.[1] ?? words.trim()
  const pending = [...words.matchAll(/│ (\S+\.sql) /g)].map(([, name]) => name)
  return new StackError(
    `Migrating the D1 database ${database} failed (${error}): correct ${pending.join(' or ') || 'its migrations'}.`,
  )
}
