import type pg from 'pg'
import type { UserId } from '../../../src/domain/ids.ts'

type PairTable = 'follows' | 'follow_requests' | 'blocks' | 'mutes'

/** Puts rows of people straight into the database: also what no route of the API would make. */
export interface Community {
  pool: pg.Pool
  /** A user whose name nobody else has; `columns` replace what `users` has by default. */
  addUser(columns?: Record<string, unknown>): Promise<UserId>
  addUsers(count: number): Promise<UserId[]>
  /** A row of one of the tables of pairs: who follows, asks, blocks or mutes whom. */
  add(table: PairTable, from: UserId, to: UserId, columns?: Record<string, unknown>): Promise<void>
}

const COLUMNS_OF_PAIR: Record<PairTable, [from: string, to: string]> = {
  follows: ['follower_id', 'following_id'],
  follow_requests: ['requester_id', 'target_id'],
  blocks: ['blocker_id', 'blocked_id'],
  mutes: ['muter_id', 'muted_id'],
}

export function communityIn(pool: pg.Pool): Community {
  let made = 0

  async function insert(table: string, row: Record<string, unknown>): Promise<void> {
    const columns = Object.keys(row)
    const places = columns.map((_, index) => `$${index + 1}`)
    await pool.query(`insert into ${table} (${columns}) values (${places})`, Object.values(row))
  }

  async function addUser(columns: Record<string, unknown> = {}): Promise<UserId> {
    made += 1
    const username = `user_${made}`
    const email = `${username}@example.com`
    const id = (1_000_000 + made) as UserId
    await insert('users', { id, username, email, password_hash: '', display_name: username, ...columns })
    return id
  }

  return {
    pool,
    addUser,
    addUsers: (count) => Promise.all(Array.from({ length: count }, () => addUser())),
    add(table, from, to, columns = {}) {
      const [fromColumn, toColumn] = COLUMNS_OF_PAIR[table]
      return insert(table, { [fromColumn]: from, [toColumn]: to, ...columns })
    },
  }
}

/** Runs the statements in a transaction and, before it is committed, whatever `meanwhile` does. */
export async function inTransaction(
  pool: pg.Pool,
  statements: readonly pg.QueryConfig[],
  meanwhile: () => Promise<void> = async () => {},
): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    for (const statement of statements) await client.query(statement)
    await meanwhile()
    await client.query('commit')
  } finally {
    await client.query('rollback')
    client.release()
  }
}

/** How many wait for a lock that another holds. */
export async function waitingIn(pool: pg.Pool): Promise<number> {
  const { rowCount } = await pool.query('select distinct pid from pg_locks where not granted')
  return rowCount ?? 0
}

/** Whether somebody does. */
export async function somebodyWaits(pool: pg.Pool): Promise<boolean> {
  return (await waitingIn(pool)) > 0
}
