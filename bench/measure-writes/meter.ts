import pg from 'pg'
import { connect } from '../../src/db/client.ts'
import type { Deps } from '../../src/services/deps.ts'
import { depsOn } from '../../test/node/harness/deps.ts'
import { startNeonEndpoint } from '../../tools/stack/neon-endpoint.ts'
import { until } from '../../tools/stack/until.ts'

/** What one step of the measurement cost, in all its units together. */
export interface Cost {
  roundTrips: number
  statements: number
  inserted: number
  updated: number
  deleted: number
  walBytes: number
  /** By which the tables grew that keep what they are given: not the outbox, the ledger, and quotas. */
  storedBytes: number
  queueMessages: number
  messageBytes: number
  objectCalls: number
}

/** Rows that come and go; their space is used again. */
const PASSING = ['outbox', 'counter_deltas', 'quota_windows', 'cron_state', 'timelines']

const SNAPSHOT = `
  select sum(n_tup_ins)::float8 as inserted, sum(n_tup_upd)::float8 as updated, sum(n_tup_del)::float8 as deleted,
         (pg_current_wal_insert_lsn() - '0/0')::float8 as wal,
         (sum(pg_total_relation_size(relid)) filter (where relname <> all($1)))::float8 as stored
  from pg_stat_user_tables`

interface Snapshot {
  inserted: number
  updated: number
  deleted: number
  wal: number
  stored: number
}

/**
 * Postgres counts a backend's rows for certain when the backend has ended, so each step has an endpoint, and with it
 * connections, of its own.
 */
export async function metered(databaseUrl: string, work: (deps: Deps) => Promise<void>): Promise<Cost> {
  const before = await snapshot(databaseUrl)
  const endpoint = await startNeonEndpoint({ databaseUrl })
  const spent = { queueMessages: 0, messageBytes: 0, objectCalls: 0 }
  const send = (body: unknown) => {
    spent.queueMessages += 1
    spent.messageBytes += JSON.stringify(body).length
  }
  const db = connect({ url: databaseUrl, endpoint: endpoint.url })
  const own = depsOn(db).deps
  const deps: Deps = {
    ...own,
    timeline(user) {
      spent.objectCalls += 1
      return own.timeline(user)
    },
    queues: {
      async sendOutbox(rows) {
        for (const { id, message } of rows) send({ outbox_id: id, event: message })
      },
      async sendFold(subjects) {
        send({ type: 'fold', v: 1, subjects })
      },
    },
  }
  await work(deps)
  const { requests, statements } = endpoint.stats
  await endpoint.stop()
  const after = await snapshot(databaseUrl)
  return {
    roundTrips: requests,
    statements,
    inserted: after.inserted - before.inserted,
    updated: after.updated - before.updated,
    deleted: after.deleted - before.deleted,
    walBytes: after.wal - before.wal,
    storedBytes: after.stored - before.stored,
    ...spent,
  }
}

async function snapshot(databaseUrl: string): Promise<Snapshot> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    const alone = async () => {
      const { rowCount } = await client.query(
        `select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
      )
      return rowCount === 0
    }
    if (!(await until(alone, { withinMs: 10_000 }))) throw new Error('Connections of the last step are left')
    const { rows } = await client.query<Snapshot>(SNAPSHOT, [PASSING])
    const [found] = rows
    if (found === undefined) throw new Error('No snapshot')
    return found
  } finally {
    await client.end()
  }
}
