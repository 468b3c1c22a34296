import type { UserId } from '../../domain/ids.ts'

/** That an author's newest tweets are to be read, as of one follow of theirs. */
export interface Backfill {
  type: 'backfill'
  userId: UserId
  version: number
}

interface Followee {
  /** The graph version that said so. */
  version: number
  /** False is kept, too: it outranks what arrives late. */
  following: boolean
  /** False while their newest tweets are still to be read. */
  backfilled: boolean
}

/** Whom the owner follows, and whom no longer. */
export class Followees {
  readonly #sql: SqlStorage
  readonly #known = new Map<UserId, Followee>()
  /** Asked for by each read, of thousands. */
  readonly #unfilled = new Set<UserId>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  load(): void {
    for (const row of this.#sql.exec('select user_id, version, following, backfilled from followees')) {
      this.#keep(Number(row.user_id) as UserId, {
        version: Number(row.version),
        following: row.following === 1,
        backfilled: row.backfilled === 1,
      })
    }
  }

  get(userId: UserId): Followee | null {
    return this.#known.get(userId) ?? null
  }

  isFollowing(userId: UserId): boolean {
    return this.#known.get(userId)?.following === true
  }

  /** Storage first, here and in all tables: a mirror ahead of a write that failed would take its repetition for done. */
  put(userId: UserId, followee: Followee): void {
    this.#sql.exec(
      `insert into followees (user_id, version, following, backfilled) values (?, ?, ?, ?)
       on conflict (user_id) do update
       set version = excluded.version, following = excluded.following, backfilled = excluded.backfilled`,
      userId,
      followee.version,
      Number(followee.following),
      Number(followee.backfilled),
    )
    this.#keep(userId, followee)
  }

  #keep(userId: UserId, followee: Followee): void {
    this.#known.set(userId, followee)
    if (followee.following && !followee.backfilled) this.#unfilled.add(userId)
    else this.#unfilled.delete(userId)
  }

  /** Those whose newest tweets are still to be read. */
  unfilled(): Backfill[] {
    return [...this.#unfilled].map((userId) => ({
      type: 'backfill',
      userId,
      version: this.#known.get(userId)?.version ?? 0,
    }))
  }

  clear(): void {
    this.#sql.exec('delete from followees')
    this.#known.clear()
    this.#unfilled.clear()
  }
}
