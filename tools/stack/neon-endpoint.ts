import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerJson, cutWithin, readBody, refuseFurtherBody } from './http.ts'
import type { Faults } from './neon-faults.ts'
import { Dropped, faultsSchema, withFaults } from './neon-faults.ts'
import { createPools } from './neon-pools.ts'
import type { HeaderOf } from './neon-protocol.ts'
import { databaseNameOf, parseWork, Refusal, refusalOf } from './neon-protocol.ts'
import { LOOPBACK } from './ports.ts'
import { codeOf, StackError } from './stack-error.ts'

const BODY_BYTES_MAX = 10 * 1024 * 1024
const STATEMENT_TIMEOUT_MS = 15_000
/** Longer than clients keep an idle connection, so that it is never closed under a request on its way. */
const KEEP_ALIVE_MS = 120_000
/** Statements under way at the stop are waited for this long; they end with the database. */
const STOP_MS = 1_000

export interface NeonEndpointOptions {
  /** The Postgres behind it: which server and as whom. The database is the one that a request names, or else this. */
  databaseUrl: string
  /** A free one by default. */
  port?: number
  statementTimeoutMs?: number
  /** Offers `POST` and `DELETE /faults`: for tests only. */
  faults?: boolean
  log?: (line: string) => void
}

interface EndpointStats {
  /** Requests to /sql, that is round trips. */
  requests: number
  /** Statements in them. */
  statements: number
}

export interface NeonEndpoint {
  /** For `neonConfig.fetchEndpoint`. */
  url: string
  port: number
  /** Counts since the start; also `GET /stats`. */
  readonly stats: Readonly<EndpointStats>
  /** Replaces the faults; also `POST /faults`, and `DELETE /faults` for none. */
  setFaults(faults: Faults): void
  stop(): Promise<void>
}

/**
 * Serves Neon's SQL over HTTP in front of any Postgres, for the Neon driver: `POST /sql` with a statement, or with
 * `queries`, which run as one transaction. Loopback only, and not for browsers: a page of another site that knows the
 * port must not reach the database.
 */
export async function startNeonEndpoint(options: NeonEndpointOptions): Promise<NeonEndpoint> {
  const { databaseUrl, port: askedPort = 0, log = () => {} } = options
  const { statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options
  const pools = createPools(databaseUrl, { statementTimeoutMs, log })
  const stats: EndpointStats = { requests: 0, statements: 0 }
  let faults: Faults = {}

  async function runSql(request: IncomingMessage): Promise<unknown> {
    stats.requests++
    const headerOf: HeaderOf = (name) => request.headers[name]?.toString()
    const database = databaseNameOf(headerOf)
    const work = parseWork(await bodyOf(request), headerOf)
    stats.statements += work.kind === 'single' ? 1 : work.statements.length
    return withFaults(faults, work, () => pools.run(work, database))
  }

  async function setFaultsByRequest(request: IncomingMessage): Promise<unknown> {
    const parsed = faultsSchema.safeParse(JSON.parse(await bodyOf(request)))
    if (!parsed.success) throw new Refusal(400, `No such fault: ${parsed.error.issues[0]?.message}`)
    faults = parsed.data
    return faults
  }

  async function route(request: IncomingMessage): Promise<unknown> {
    if (request.headers.origin !== undefined) throw new Refusal(403, 'Not for browsers')
    const faultsOffered = options.faults === true
    switch (`${request.method} ${request.url}`) {
      case 'POST /sql':
        return runSql(request)
      case 'GET /stats':
        return stats
      case 'POST /faults':
        if (faultsOffered) return setFaultsByRequest(request)
        break
      case 'DELETE /faults':
        if (faultsOffered) {
          faults = {}
          return faults
        }
    }
    throw new Refusal(404, 'Only POST /sql and GET /stats are here')
  }

  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      route(request).then(
        (answer) => answerJson(response, 200, answer),
        (error: unknown) => answerError(request, response, error),
      )
    },
  )
  try {
    server.listen(askedPort, LOOPBACK)
    await once(server, 'listening')
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error
    throw new StackError(
      `Port ${askedPort}, which the database endpoint is to use, is taken: end what listens there.`,
    )
  }
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : askedPort

  return {
    url: `http://${LOOPBACK}:${port}/sql`,
    port,
    stats,
    setFaults(next) {
      faults = { ...next }
    },
    async stop() {
      server.close()
      server.closeAllConnections()
      await Promise.race([pools.stop(), sleep(STOP_MS, undefined, { ref: false })])
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const text = await readBody(request, BODY_BYTES_MAX)
  if (text === undefined) throw new Refusal(413, `The body has more than ${BODY_BYTES_MAX} bytes`)
  return text
}

function answerError(request: IncomingMessage, response: ServerResponse, error: unknown) {
  if (error instanceof Dropped) {
    if (error.answer === undefined) response.socket?.destroy()
    else cutWithin(response, error.answer)
    return
  }
  const refusal = refusalOf(error)
  if (refusal.status === 413) refuseFurtherBody(request, '413 Content Too Large', refusal.body)
  else answerJson(response, refusal.status, refusal.body)
}
