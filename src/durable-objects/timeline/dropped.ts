import { z } from 'zod'
import type { DropReason } from '../../contracts/timeline.ts'
import type { UserId } from '../../domain/ids.ts'

/**
 * A mute ends here so long after it has ended for the database, whose clock may be behind: who reads then what was missed
 * is not refused it.
 */
const ENDS_LATER_MS = 1_000

const reason = z.enum(['block', 'blocked_by', 'mute'])

interface Drop {
  /** The graph version that said so. */
  version: number
  /** False is kept, too: it outranks what arrives late. */
  holds: boolean
  /** Unix ms; null for one that does not end. */
  untilMs: number | null
}

/** Who is not to be seen, and for which reasons: each of them alone is enough, and none undoes another. */
export class Dropped {
  readonly #sql: SqlStorage
  readonly #known = new Map<UserId, Map<DropReason, Drop>>()
  /** Asked for by each line of a page. */
  readonly #users = new Set<UserId>()
  /** When the first of the mutes ends. */
  #nextEndMs = Number.POSITIVE_INFINITY

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  load(): void {
    for (const row of this.#sql.exec('select user_id, reason, version, holds, until from dropped')) {
      const { version, holds, until } = row
      const untilMs = until === null ? null : Number(until)
      const drop = { version: Number(version), holds: holds === 1, untilMs }
      this.#keep(Number(row.user_id) as UserId, reason.parse(row.reason), drop)
    }
  }

  has(user: UserId): boolean {
    return this.#users.has(user)
  }

  /** The graph version that spoke last of the user for this reason. */
  versionOf(user: UserId, why: DropReason): number {
    return this.#known.get(user)?.get(why)?.version ?? 0
  }

  put(user: UserId, why: DropReason, drop: Drop): void {
    this.#sql.exec(
      `insert into dropped (user_id, reason, version, holds, until) values (?, ?, ?, ?, ?)
       on conflict (user_id, reason) do update
       set version = excluded.version, holds = excluded.holds, until = excluded.until`,
      user,
      why,
      drop.version,
      Number(drop.holds),
      drop.untilMs,
    )
    this.#keep(user, why, drop)
  }

  /** Ends what is over. Answers who may be seen again. */
  expire(nowMs: number): UserId[] {
    if (nowMs < this.#nextEndMs) return []
    this.#nextEndMs = Number.POSITIVE_INFINITY
    const seen: UserId[] = []
    for (const [userId, reasons] of this.#known) {
      for (const [why, drop] of reasons) {
        if (!drop.holds || drop.untilMs === null) continue
        if (drop.untilMs + ENDS_LATER_MS > nowMs) {
          this.#noteEnd(drop)
          continue
        }
        this.put(userId, why, { ...drop, holds: false })
        if (!this.has(userId)) seen.push(userId)
      }
    }
    return seen
  }

  clear(): void {
    this.#sql.exec('delete from dropped')
    this.#known.clear()
    this.#users.clear()
    this.#nextEndMs = Number.POSITIVE_INFINITY
  }

  #keep(user: UserId, why: DropReason, drop: Drop): void {
    const reasons = this.#known.get(user) ?? new Map<DropReason, Drop>()
    reasons.set(why, drop)
    this.#known.set(user, reasons)
    if ([...reasons.values()].some(({ holds }) => holds)) this.#users.add(user)
    else this.#users.delete(user)
    this.#noteEnd(drop)
  }

  #noteEnd({ holds, untilMs }: Drop): void {
    if (holds && untilMs !== null) this.#nextEndMs = Math.min(this.#nextEndMs, untilMs + ENDS_LATER_MS)
  }
}
