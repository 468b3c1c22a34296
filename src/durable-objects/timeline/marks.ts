const KEPT_MS = 7 * 86_400_000
const MARKS_MAX = 1000
/** Looking for old ones at every mark would read them all each time. */
const EXPIRED_EVERY = 50

/** `deleted`: a tweet; `undone`: a retweet, by its entry's id; `edited`: a tweet, whose card is the newer one. */
export type MarkKind = 'deleted' | 'undone' | 'edited'

export interface Mark {
  kind: MarkKind
  /** Of its frame. */
  seq: number
}

/**
 * What became of tweets and retweets. A deletion outlives any message that could still deliver what was deleted, and
 * all of them are the log from which sockets resume.
 */
export class Marks {
  readonly #sql: SqlStorage
  readonly #known = new Map<number, Mark>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  load(): void {
    for (const row of this.#sql.exec<{ id: number; kind: MarkKind; seq: number }>(
      'select id, kind, seq from marks',
    )) {
      this.#known.set(row.id, { kind: row.kind, seq: row.seq })
    }
  }

  /** Whether the tweet was deleted, or the retweet undone. */
  isGone(id: number): boolean {
    const kind = this.#known.get(id)?.kind
    return kind === 'deleted' || kind === 'undone'
  }

  get newestSeq(): number {
    return Math.max(0, ...[...this.#known.values()].map(({ seq }) => seq))
  }

  since(seq: number): (Mark & { id: number })[] {
    return [...this.#known].flatMap(([id, mark]) => (mark.seq > seq ? [{ ...mark, id }] : []))
  }

  put(id: number, mark: Mark, nowMs: number): void {
    this.#sql.exec(
      `insert into marks (id, kind, seq, at) values (?, ?, ?, ?)
       on conflict (id) do update set kind = excluded.kind, seq = excluded.seq, at = excluded.at`,
      id,
      mark.kind,
      mark.seq,
      nowMs,
    )
    this.#known.set(id, mark)
  }

  /** Forgets what is older than a week, once there is much of it. Answers the newest seq that is forgotten. */
  expire(nowMs: number): number {
    if (this.#known.size <= MARKS_MAX || this.#known.size % EXPIRED_EVERY !== 0) return 0
    const old = this.#sql
      .exec<{ id: number; seq: number }>('delete from marks where at < ? returning id, seq', nowMs - KEPT_MS)
      .toArray()
    for (const { id } of old) this.#known.delete(id)
    return Math.max(0, ...old.map(({ seq }) => seq))
  }

  clear(): void {
    this.#sql.exec('delete from marks')
    this.#known.clear()
  }
}
