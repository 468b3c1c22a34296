import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import type pg from 'pg'
import { z } from 'zod'
import { ensureTweetPartitionsSql, partitionsUntil } from '../../src/db/partitions.ts'
import { withClient } from './databases.ts'
import { POSTGRES_MIGRATIONS } from './paths.ts'
import { messageOf, StackError } from './stack-error.ts'

const MONTH_MS = 31 * 86_400_000

const journal = z.object({ entries: z.array(z.object({ tag: z.string() })) })

/**
 * Makes the database ready for the Worker: applies the pending migrations, all or none. Two that start at once take
 * turns. Throws a StackError that names the migration that fails.
 */
export async function prepareDatabase(
  databaseUrl: string,
  migrationsFolder = POSTGRES_MIGRATIONS,
): Promise<void> {
  await withClient(directUrl(databaseUrl), async (client) => {
    await client.query("select pg_advisory_lock(hashtext('warbler.migrations'))")
    await applyMigrations(client, migrationsFolder)
    if (migrationsFolder === POSTGRES_MIGRATIONS) await attachPartitions(client)
  })
}

/** This month's partition of `tweets`, last month's, and those ahead; the hourly cron goes on from there. */
async function attachPartitions(client: pg.Client): Promise<void> {
  const nowMs = Date.now()
  await client.query(ensureTweetPartitionsSql(nowMs - MONTH_MS, partitionsUntil(nowMs)))
}

/**
 * Neon's pooled host hands out a server connection per transaction, which a lock held across transactions does not
 * survive; the direct host is the same without the suffix.
 */
function directUrl(databaseUrl: string): string {
  return databaseUrl.replace(/(@ep-[\w-]+)-pooler\./, '$1.')
}

async function applyMigrations(client: pg.Client, migrationsFolder: string) {
  try {
    await migrate(drizzle(client), { migrationsFolder })
  } catch (error) {
    const name = await nameOfFailed(error, migrationsFolder)
    const reason = messageOf(error instanceof DrizzleQueryError ? error.cause : error)
    throw new StackError(
      `${name} failed: ${reason}. Nothing was applied: correct the migration or the database, then start again.`,
    )
  }
}

/** The newest migration that holds the failed statement. */
async function nameOfFailed(error: unknown, migrationsFolder: string): Promise<string> {
  if (!(error instanceof DrizzleQueryError)) return 'Reading the migrations'
  const { entries } = journal.parse(
    JSON.parse(await readFile(join(migrationsFolder, 'meta', '_journal.json'), 'utf8')),
  )
  const index = readMigrationFiles({ migrationsFolder }).findLastIndex(({ sql }) => sql.includes(error.query))
  const tag = entries[index]?.tag
  return tag === undefined ? 'Migrating the database' : `Migration ${join(migrationsFolder, tag)}.sql`
}
