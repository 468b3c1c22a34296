import { z } from 'zod'
import type { UserId } from '../../domain/ids.ts'

const phase = z.enum(['cold', 'building', 'warm'])
export type Phase = z.infer<typeof phase>

export interface State {
  phase: Phase
  userId: UserId
  /** Of this build; part of every frame's seq. */
  epoch: number
  /** The global epoch it was built under. */
  databaseEpoch: number
  /** The state of the graph that the build saw. */
  graphVersion: number
  /** Every entry from this id on is kept; 0 when all are. */
  floor: number
  /** The newest frame's, when this was written; entries and marks may hold newer ones. */
  seq: number
  /** Frames up to this seq are no longer known. */
  resumableAfter: number
  /** Of the last read, to the day. */
  readAtMs: number
}

/** The one row that says what an object's other rows are. */
export class StateRow {
  readonly #sql: SqlStorage
  #state: State

  constructor(sql: SqlStorage, userId: UserId) {
    this.#sql = sql
    this.#state = this.#read() ?? coldState(userId)
  }

  get current(): Readonly<State> {
    return this.#state
  }

  save(changes: Partial<State>): void {
    const next = { ...this.#state, ...changes }
    this.#sql.exec(
      'insert or replace into state values (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      next.phase,
      next.userId,
      next.epoch,
      next.databaseEpoch,
      next.graphVersion,
      next.floor,
      next.seq,
      next.resumableAfter,
      next.readAtMs,
    )
    this.#state = next
  }

  #read(): State | null {
    const [row] = this.#sql.exec('select * from state')
    if (row === undefined) return null
    return {
      phase: phase.parse(row.phase),
      userId: Number(row.user_id) as UserId,
      epoch: Number(row.epoch),
      databaseEpoch: Number(row.database_epoch),
      graphVersion: Number(row.graph_version),
      floor: Number(row.floor),
      seq: Number(row.seq),
      resumableAfter: Number(row.resumable_after),
      readAtMs: Number(row.read_at),
    }
  }
}

function coldState(userId: UserId): State {
  return {
    phase: 'cold',
    userId,
    epoch: 0,
    databaseEpoch: 0,
    graphVersion: 0,
    floor: 0,
    seq: 0,
    resumableAfter: 0,
    readAtMs: 0,
  }
}
