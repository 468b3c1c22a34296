import { env, exports } from 'cloudflare:workers'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { signedInUser } from '../../src/contracts/http/auth.ts'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import { connect, type Db, query } from '../../src/db/client.ts'
import { createLogger } from '../../src/domain/log.ts'
import type { Deps } from '../../src/services/deps.ts'
import { createDeps, untimed } from '../../src/worker/deps.ts'
import { configurationOf } from '../../src/worker/env.ts'

export const ORIGIN = 'https://warbler.test'
export const PASSWORD = 'seven purple herons'

export interface ApiOptions {
  token?: string
  body?: unknown
  headers?: Record<string, string>
}

export interface ApiAnswer {
  status: number
  /** Parsed JSON, text where it is none; null when the answer has no body. */
  body: unknown
  headers: Headers
}

/** Asks the Worker under test, as a client would. `path` begins with `/`, e.g. `/api/tweets`. */
export async function api(method: string, path: string, options: ApiOptions = {}): Promise<ApiAnswer> {
  return answerOf(await exports.default.fetch(requestOf(method, path, options)))
}

export function requestOf(method: string, path: string, options: ApiOptions): Request {
  const headers = new Headers(options.headers)
  if (options.token !== undefined) headers.set('authorization', `Bearer ${options.token}`)
  const init: RequestInit = { method, headers }
  if (options.body !== undefined) {
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    init.body = typeof options.body === 'string' ? options.body : JSON.stringify(options.body)
  }
  return new Request(`${ORIGIN}${path}`, init)
}

export async function answerOf(response: Response): Promise<ApiAnswer> {
  // A socket that nobody here reads from.
  response.webSocket?.accept()
  response.webSocket?.close()
  const text = new TextDecoder().decode(await response.arrayBuffer())
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  const body = text === '' ? null : isJson ? JSON.parse(text) : text
  return { status: response.status, body, headers: response.headers }
}

const registered = signedInUser.required()
export type Registered = z.infer<typeof registered>

/** A user whose name nobody else has, signed in; the password is `PASSWORD`. */
export async function registerUser(name = uniqueName()): Promise<Registered> {
  const body = { username: name, email: `${name}@example.com`, password: PASSWORD, display_name: name }
  const answer = await api('POST', '/api/auth/register', { body })
  if (answer.status !== 201) throw new Error(`${name} was not registered: ${JSON.stringify(answer.body)}`)
  return registered.parse(answer.body)
}

let names = 0

export function uniqueName(prefix = 'user'): string {
  names += 1
  return `${prefix}_${crypto.randomUUID().slice(0, 8)}_${names}`
}

function database(): Db {
  return connect(configurationOf(env).database)
}

/** Looks into the database behind the Worker, or changes what no route changes. */
export function rows<Row extends object>(statement: SQL): Promise<Row[]> {
  return query<Row>(database(), statement)
}

export interface TestDeps extends Deps {
  /** What was to be sent to the queues; nothing is. */
  readonly sent: OutboxRow[]
  /** Waits for the deferred work so far. */
  settled(): Promise<void>
}

/** The Worker's own dependencies with some of them replaced: for what cannot be seen from outside. */
export function testDeps(replaced: Partial<Deps> = {}): TestDeps {
  const sent: OutboxRow[] = []
  const deferred: Promise<unknown>[] = []
  const log = createLogger()
  const world = createDeps(env, { log, timing: untimed, defer: (work) => deferred.push(work) })
  return {
    ...world,
    replica: replaced.db ?? world.replica,
    queues: {
      sendOutbox: async (rows) => {
        sent.push(...rows)
      },
      sendFold: async () => {},
    },
    ...replaced,
    sent,
    settled: async () => {
      await Promise.all(deferred.splice(0))
    },
  }
}
