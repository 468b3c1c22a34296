/// <reference types="vite/types/importMeta.d.ts" />
import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { connect, type Database, type Db, query } from '../../src/db/client.ts'
import { configurationOf } from '../../src/worker/env.ts'
import { rows } from './harness.ts'

const migrations = import.meta.glob<string>('../../migrations/postgres/*.sql', {
  query: '?raw',
  import: 'default',
  eager: true,
})

/**
 * A migrated database of its own beside the one that all test files share: for statements that look at all rows there
 * are. It goes with the server.
 */
export async function createOwnDatabase(): Promise<Db> {
  return connect(await addDatabase())
}

/** The same, and where it is. */
export async function addDatabase(): Promise<Database> {
  const name = `own_${crypto.randomUUID().slice(0, 8)}`
  await rows(sql.raw(`create database ${name}`))
  const { url, endpoint } = configurationOf(env).database
  const own = new URL(url)
  own.pathname = `/${name}`
  const added = { url: own.href, endpoint }
  const db = connect(added)
  for (const [, text] of Object.entries(migrations).toSorted(([a], [b]) => a.localeCompare(b))) {
    for (const statement of text.split('--> statement-breakpoint')) await query(db, sql.raw(statement))
  }
  return added
}
