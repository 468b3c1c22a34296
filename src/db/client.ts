import { neon, neonConfig } from '@neondatabase/serverless'
import type { SQL } from 'drizzle-orm'
import { sql } from 'drizzle-orm'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { drizzle } from 'drizzle-orm/neon-http'

/** No statement of ours should take this long: past it the request is given up, and the server stops it too. */
const STATEMENT_TIMEOUT_MS = 15_000

export type Db = ReturnType<typeof open>

export interface Database {
  /** `postgres://` URL of Neon, or of any Postgres when an endpoint stands in front of it. */
  url: string
  /** Neon-compatible HTTP endpoint; empty for Neon's own. */
  endpoint: string
  /** When a statement is given up; after 15 s if this does not say. */
  timeoutMs?: number
}

const connected = new WeakMap<Database, Db>()

/**
 * The same for all who ask for a database: a connection holds nothing, each statement is an HTTP request of its own. The
 * driver has one function for the requests of all connections; where they go is said with each, so that there can be
 * several databases.
 */
export function connect(database: Database): Db {
  const known = connected.get(database) ?? open(database)
  connected.set(database, known)
  return known
}

function open({ url, endpoint, timeoutMs = STATEMENT_TIMEOUT_MS }: Database) {
  const route: Route = { endpoint, timeoutMs }
  neonConfig.fetchFunction = fetchWithTimeout
  return drizzle({ client: neon(url, { fetchOptions: { route } }) })
}

interface Route {
  endpoint: string
  timeoutMs: number
}

/**
 * With the answer's body: a connection that breaks within it is then, for the driver, a connection that broke. The timer
 * ends with the answer, because a pending one (as `AbortSignal.timeout` leaves behind) keeps a timeline object from
 * hibernating.
 */
async function fetchWithTimeout(
  neonEndpoint: string,
  { route, ...init }: RequestInit & { route: Route },
): Promise<Response> {
  const late = new AbortController()
  const giveUp = () => late.abort(new DOMException('The statement took too long', 'TimeoutError'))
  const timer = setTimeout(giveUp, route.timeoutMs)
  try {
    const response = await fetch(route.endpoint || neonEndpoint, { ...init, signal: late.signal })
    return new Response(await response.arrayBuffer(), response)
  } finally {
    clearTimeout(timer)
  }
}

/** One statement, one round trip. The row type is the caller's word: each statement has a test that reads it. */
export async function query<Row extends object>(db: Db, statement: SQL): Promise<Row[]> {
  const result = await retryConflicts(() => db.execute<Row & Record<string, unknown>>(statement))
  return result.rows
}

/**
 * Several statements in one transaction (read committed: each sees what was committed before it began) and one
 * round trip. Answers the rows of `main`; null entries are left out, and `main` alone needs no transaction around it.
 */
export async function transaction<Row extends object>(
  db: Db,
  { before = [], main, after = [] }: { before?: (SQL | null)[]; main: SQL; after?: (SQL | null)[] },
): Promise<Row[]> {
  const leading = before.filter((statement) => statement !== null)
  const trailing = after.filter((statement) => statement !== null)
  if (leading.length + trailing.length === 0) return query<Row>(db, main)
  const [first, ...others] = [...leading, main, ...trailing].map((statement) => db.execute(statement))
  if (first === undefined) return []
  const results = await retryConflicts(() => db.batch([first, ...others]))
  return (results[leading.length]?.rows ?? []) as Row[]
}

/** An array as one parameter, cast to the Postgres type: drizzle would spread it into a list. */
export function array(values: readonly (number | string | null)[], type: 'bigint' | 'text' | 'uuid'): SQL {
  return sql`${sql.param(values)}::${sql.raw(type)}[]`
}

/** The five-character SQLSTATE of a failed statement, or null when the database did not answer with an error. */
export function sqlState(error: unknown): string | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string' && /^[0-9A-Z]{5}$/.test(at.code)) return at.code
  }
  return null
}

/** The constraint that a failed statement broke, or null. */
export function brokenConstraint(error: unknown): string | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('constraint' in at && typeof at.constraint === 'string') return at.constraint
  }
  return null
}

/** Whether the database could not be asked, or could not do it now: what the statement's fate is may be unknown. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error)
  if (state !== null) return UNAVAILABLE_STATES.test(state)
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.name === 'NeonDbError' || at.name === 'TimeoutError') return true
  }
  return false
}

/**
 * Connection exceptions, insufficient resources, operator intervention (with query_canceled), lock not available,
 * and conflicts that went on through all tries.
 */
const UNAVAILABLE_STATES = /^(08|53|57|55P03|40001|40P01)/

/** Serialization failure and deadlock: Postgres rolled everything back and asks to be tried again. */
const CONFLICT_STATES = new Set(['40001', '40P01'])
const CONFLICT_TRIES = 3

/** A statement that failed. Its text and not its parameters: those are people's, and errors are logged. */
class StatementError extends Error {
  override readonly name = 'StatementError'
}

function withoutParameters(error: unknown): unknown {
  if (!(error instanceof DrizzleQueryError)) return error
  return new StatementError(`A statement failed: ${error.query.trim()}`, { cause: error.cause })
}

async function retryConflicts<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (attempt < CONFLICT_TRIES && CONFLICT_STATES.has(sqlState(error) ?? '')) continue
      throw withoutParameters(error)
    }
  }
}
