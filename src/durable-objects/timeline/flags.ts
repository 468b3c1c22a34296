import type { TweetFlags } from '../../contracts/timeline.ts'
import type { TweetId } from '../../domain/ids.ts'

/** Acts that are remembered; those on the oldest tweets go first. */
const FLAGS_MAX = 5_000

/**
 * What the owner did to tweets: a row for each tweet they did something to, the newest version of it. Tweets that
 * somebody quotes or retweets later are found here, too.
 */
export class FlagsTable {
  readonly #sql: SqlStorage
  readonly #known = new Map<TweetId, { flags: number; version: number }>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  load(): void {
    for (const row of this.#sql.exec('select tweet_id, flags, version from flags')) {
      this.#known.set(Number(row.tweet_id) as TweetId, {
        flags: Number(row.flags),
        version: Number(row.version),
      })
    }
  }

  get(tweetId: TweetId): number {
    return this.#known.get(tweetId)?.flags ?? 0
  }

  /** Takes over what holds as of `version`, unless something newer is known. */
  put({ tweetId, flags, version }: TweetFlags): void {
    const known = this.#known.get(tweetId)
    if (known !== undefined && known.version >= version) return
    this.#sql.exec(
      `insert into flags (tweet_id, flags, version) values (?, ?, ?)
       on conflict (tweet_id) do update set flags = excluded.flags, version = excluded.version`,
      tweetId,
      flags,
      version,
    )
    this.#known.set(tweetId, { flags, version })
    if (this.#known.size > FLAGS_MAX) this.#expire()
  }

  clear(): void {
    this.#sql.exec('delete from flags')
    this.#known.clear()
  }

  #expire(): void {
    const kept = [...this.#known.keys()].sort((a, b) => b - a).slice(0, FLAGS_MAX / 2)
    const oldest = kept.at(-1) ?? 0
    this.#sql.exec('delete from flags where tweet_id < ?', oldest)
    for (const tweetId of [...this.#known.keys()]) if (tweetId < oldest) this.#known.delete(tweetId)
  }
}
