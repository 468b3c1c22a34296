import type { UserId } from '../../domain/ids.ts'

/** That an author's newest tweets are to be read, as of one change of theirs. */
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
  /** Rises with each reason to read them: what was read for an older one does not count. */
  fillVersion: number
  /** Whether their retweets are shown, and the graph version that said so. */
  showsRetweets: boolean
  retweetsVersion: number
}

const UNKNOWN: Followee = {
  version: 0,
  following: false,
  backfilled: true,
  fillVersion: 0,
  showsRetweets: true,
  retweetsVersion: 0,
}

/** Whom the owner follows, and whom no longer. */
export class Followees {
  readonly #sql: SqlStorage
  readonly #known = new Map<UserId, Followee>()
  /** Asked for by each read, of thousands. */
  readonly #unfilled = new Set<UserId>()
  /** Those whose retweets are not shown. */
  readonly #silent = new Set<UserId>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  load(): void {
    for (const row of this.#sql.exec('select * from followees')) {
      this.#keep(Number(row.user_id) as UserId, {
        version: Number(row.version),
        following: row.following === 1,
        backfilled: row.backfilled === 1,
        fillVersion: Number(row.fill_version),
        showsRetweets: row.shows_retweets === 1,
        retweetsVersion: Number(row.retweets_version),
      })
    }
  }

  get(userId: UserId): Followee | null {
    return this.#known.get(userId) ?? null
  }

  isFollowing(userId: UserId): boolean {
    return this.#known.get(userId)?.following === true
  }

  isSilent(userId: UserId): boolean {
    return this.#silent.has(userId)
  }

  /**
   * Followed from this version on, or no longer. With a follow begins anew whether their retweets are shown, unless that
   * was said later.
   */
  putFollowing(userId: UserId, following: boolean, version: number): void {
    const known = this.get(userId) ?? UNKNOWN
    const restarts = following && known.retweetsVersion < version
    this.put(userId, {
      version,
      following,
      backfilled: !following,
      fillVersion: Math.max(known.fillVersion + 1, version),
      showsRetweets: restarts || known.showsRetweets,
      retweetsVersion: restarts ? version : known.retweetsVersion,
    })
  }

  putRetweets(userId: UserId, shown: boolean, version: number): void {
    const known = this.get(userId) ?? UNKNOWN
    this.put(userId, { ...known, showsRetweets: shown, retweetsVersion: version })
  }

  /** Their newest tweets are to be read, anew where they are being read already. */
  unfill(userId: UserId): Backfill | null {
    const known = this.get(userId)
    if (known === null || !known.following) return null
    const fillVersion = known.fillVersion + 1
    this.put(userId, { ...known, backfilled: false, fillVersion })
    return { type: 'backfill', userId, version: fillVersion }
  }

  /** What is still to be read of one of them. */
  owed(userId: UserId): Backfill | null {
    if (!this.#unfilled.has(userId)) return null
    return { type: 'backfill', userId, version: this.get(userId)?.fillVersion ?? 0 }
  }

  /** Storage first, here and in all tables: a mirror ahead of a write that failed would take its repetition for done. */
  put(userId: UserId, followee: Followee): void {
    this.#sql.exec(
      `insert or replace into followees
         (user_id, version, following, backfilled, fill_version, shows_retweets, retweets_version)
       values (?, ?, ?, ?, ?, ?, ?)`,
      userId,
      followee.version,
      Number(followee.following),
      Number(followee.backfilled),
      followee.fillVersion,
      Number(followee.showsRetweets),
      followee.retweetsVersion,
    )
    this.#keep(userId, followee)
  }

  #keep(userId: UserId, followee: Followee): void {
    this.#known.set(userId, followee)
    if (followee.following && !followee.backfilled) this.#unfilled.add(userId)
    else this.#unfilled.delete(userId)
    if (followee.showsRetweets) this.#silent.delete(userId)
    else this.#silent.add(userId)
  }

  /** Those whose newest tweets are still to be read. */
  unfilled(): Backfill[] {
    return [...this.#unfilled].flatMap((userId) => this.owed(userId) ?? [])
  }

  clear(): void {
    this.#sql.exec('delete from followees')
    this.#known.clear()
    this.#unfilled.clear()
    this.#silent.clear()
  }
}
