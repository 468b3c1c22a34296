import pg from 'pg'
import { z } from 'zod'
import { messageOf } from './stack-error.ts'

const statement = z.object({ query: z.string(), params: z.array(z.unknown()).default([]) })
const body = z.union([z.object({ queries: z.array(statement) }), statement])

export type Statement = z.infer<typeof statement>

/** What one HTTP request asks for: a statement alone, or several as one transaction. */
export type Work =
  | { kind: 'single'; statement: Statement }
  | { kind: 'transaction'; statements: Statement[]; begin: string }

export interface Result {
  command: string | null
  rowCount: number | null
  fields: pg.FieldDef[]
  /** Every value as Postgres' text; the driver parses by `dataTypeID`. */
  rows: (string | null)[][]
  rowAsArray: true
}

/** An answer that is no result: a status and a body with a message. */
export class Refusal extends Error {
  readonly status: number
  readonly body: object

  constructor(status: number, message: string, more: object = {}) {
    super(message)
    this.status = status
    this.body = { message, ...more }
  }
}

export type HeaderOf = (name: string) => string | undefined

/** The work of a request's body and headers; throws a Refusal (400) if it is not of the protocol. */
export function parseWork(text: string, headerOf: HeaderOf): Work {
  const parsed = body.safeParse(parseJson(text))
  if (!parsed.success) {
    throw new Refusal(400, 'The body must be { query, params } or { queries: [{ query, params }] }')
  }
  if ('queries' in parsed.data) {
    return { kind: 'transaction', statements: parsed.data.queries, begin: beginFor(headerOf) }
  }
  return { kind: 'single', statement: parsed.data }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal(400, 'The body is not valid JSON')
  }
}

const ISOLATION_LEVELS = new Map([
  ['ReadUncommitted', 'read uncommitted'],
  ['ReadCommitted', 'read committed'],
  ['RepeatableRead', 'repeatable read'],
  ['Serializable', 'serializable'],
])

function beginFor(headerOf: HeaderOf): string {
  const words = ['begin']
  const level = headerOf('neon-batch-isolation-level')
  if (level !== undefined) {
    const name = ISOLATION_LEVELS.get(level)
    if (name === undefined) throw new Refusal(400, `Unknown isolation level ${level}`)
    words.push(`isolation level ${name}`)
  }
  if (headerOf('neon-batch-read-only') === 'true') words.push('read only')
  if (headerOf('neon-batch-deferrable') === 'true') words.push('deferrable')
  return words.join(' ')
}

/** The database that the client's connection string names, or undefined when it sent none. */
export function databaseNameOf(headerOf: HeaderOf): string | undefined {
  const connectionString = headerOf('neon-connection-string')
  if (connectionString === undefined) return undefined
  const name = URL.canParse(connectionString) ? new URL(connectionString).pathname.slice(1) : ''
  if (name === '') throw new Refusal(400, 'Neon-Connection-String is no postgres:// URL with a database')
  return decodeURIComponent(name)
}

/** What the driver copies from a 400 into its NeonDbError. */
const ERROR_FIELDS = [
  ...([
    'severity',
    'code',
    'detail',
    'hint',
    'position',
    'internalPosition',
    'internalQuery',
    'where',
  ] as const),
  ...(['schema', 'table', 'column', 'dataType', 'constraint', 'file', 'line', 'routine'] as const),
]

/** Connection failures, too many connections, shutdown and start-up: the statement is not what is wrong. */
const UNAVAILABLE = /^(08000|08001|08003|08004|08006|53300|57P0[1-3])$/

/**
 * Postgres' complaint about a statement as a 400 with Postgres' own fields, as Neon answers it. Everything else is a
 * 503: the database could not be asked, or went away before it answered.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof pg.DatabaseError) {
    const fields = Object.fromEntries(ERROR_FIELDS.map((field) => [field, error[field] ?? null]))
    return new Refusal(UNAVAILABLE.test(error.code ?? '') ? 503 : 400, error.message, fields)
  }
  return new Refusal(503, `The database cannot be reached: ${messageOf(error)}`)
}
