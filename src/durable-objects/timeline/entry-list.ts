import type { UserCard } from '../../contracts/http/users.ts'
import type { PackedEntry } from '../../contracts/packed-page.ts'
import { type Entry, KEPT_CARDS } from '../../contracts/timeline.ts'
import type { Card } from '../../contracts/tweet-json.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'

/** An entry in memory. `seq` is that of its frame, 0 when it was never one. */
export interface KeptEntry extends Entry {
  retweeter: UserCard | null
  seq: number
  card: Card | null
  /** Once its card was looked into. */
  isSensitive?: boolean
  /** As it was packed last, with which card. */
  packed?: { card: Card | null; entry: PackedEntry }
}

/**
 * The mirror of an object's entries, newest first. Reads cost no storage access. Cards are mirrored for the
 * newest `KEPT_CARDS` only; the others' stay in storage until somebody scrolls that far.
 *
 * A tweet may have several entries, its own and those of retweets. It is shown once, where its newest entry stands.
 */
export class EntryList {
  #entries: KeptEntry[] = []
  /** Newest first, as the list. */
  readonly #byTweet = new Map<TweetId, readonly KeptEntry[]>()

  constructor(newestFirst: KeptEntry[] = []) {
    this.#entries = newestFirst
    for (const entry of newestFirst) this.#byTweet.set(entry.tweetId, [...this.ofTweet(entry.tweetId), entry])
  }

  get size(): number {
    return this.#entries.length
  }

  get newestFirst(): readonly KeptEntry[] {
    return this.#entries
  }

  has(id: EntryId): boolean {
    return this.byId(id) !== null
  }

  byId(id: EntryId): KeptEntry | null {
    const entry = this.#entries[this.#indexOf(id)]
    return entry?.id === id ? entry : null
  }

  /** All that show a tweet, newest first. */
  ofTweet(tweetId: TweetId): readonly KeptEntry[] {
    return this.#byTweet.get(tweetId) ?? []
  }

  /** Those of what a user wrote or retweeted. */
  ofUser(user: UserId): KeptEntry[] {
    return this.#entries.filter((entry) => (entry.retweeterId ?? entry.authorId) === user)
  }

  /** Puts a copy of an entry in its place. The caller knows that it is not there yet. */
  insert(entry: KeptEntry): void {
    const index = this.#indexOf(entry.id)
    const kept = index < KEPT_CARDS ? { ...entry } : { ...entry, card: null }
    this.#entries.splice(index, 0, kept)
    const others = this.ofTweet(kept.tweetId)
    this.#byTweet.set(
      kept.tweetId,
      [...others, kept].sort((a, b) => b.id - a.id),
    )
    const beyond = this.#entries[KEPT_CARDS]
    if (beyond !== undefined) beyond.card = null
  }

  /** Whether the entry is among those whose cards are mirrored. */
  ranksAmongCards(entry: KeptEntry): boolean {
    const last = this.#entries[KEPT_CARDS - 1]
    return last === undefined || entry.id >= last.id
  }

  remove(entry: KeptEntry): void {
    const index = this.#indexOf(entry.id)
    if (this.#entries[index]?.id !== entry.id) return
    this.#entries.splice(index, 1)
    this.#forget(entry)
  }

  /** Takes away all beyond the newest `keep` and answers them. */
  trim(keep: number): KeptEntry[] {
    const trimmed = this.#entries.splice(keep)
    for (const entry of trimmed) this.#forget(entry)
    return trimmed
  }

  /** Entries older than `before`, newest first. */
  *below(before: number): Generator<KeptEntry> {
    for (let at = this.#indexOf(before - 1); at < this.#entries.length; at++) {
      const entry = this.#entries[at]
      if (entry !== undefined) yield entry
    }
  }

  /** Entries newer than `after`, oldest first. */
  *above(after: number): Generator<KeptEntry> {
    for (let at = this.#indexOf(after) - 1; at >= 0; at--) {
      const entry = this.#entries[at]
      if (entry !== undefined) yield entry
    }
  }

  #forget({ id, tweetId }: KeptEntry): void {
    const others = this.ofTweet(tweetId).filter((entry) => entry.id !== id)
    if (others.length > 0) this.#byTweet.set(tweetId, others)
    else this.#byTweet.delete(tweetId)
  }

  /** Where an id stands or would stand: the first place whose entry is not newer. */
  #indexOf(id: number): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#entries[middle]?.id ?? 0) > id) low = middle + 1
      else high = middle
    }
    return low
  }
}
