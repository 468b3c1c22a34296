import type { Card, Entry } from '../../contracts/timeline.ts'
import { KEPT_CARDS } from '../../contracts/timeline.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'

/** An entry in memory. `seq` is that of its frame, 0 when it was never one. */
export interface KeptEntry extends Entry {
  flags: number
  seq: number
  card: Card | null
}

/**
 * The mirror of an object's entries, newest first. Reads cost no storage access. Cards are mirrored for the
 * newest `KEPT_CARDS` only; the others' stay in storage until somebody scrolls that far.
 */
export class EntryList {
  #entries: KeptEntry[] = []
  readonly #byTweet = new Map<TweetId, KeptEntry>()

  constructor(newestFirst: KeptEntry[] = []) {
    this.#entries = newestFirst
    for (const entry of newestFirst) this.#byTweet.set(entry.tweetId, entry)
  }

  get size(): number {
    return this.#entries.length
  }

  get newestFirst(): readonly KeptEntry[] {
    return this.#entries
  }

  has(id: EntryId): boolean {
    return this.#entries[this.#indexOf(id)]?.id === id
  }

  byTweet(tweetId: TweetId): KeptEntry | null {
    return this.#byTweet.get(tweetId) ?? null
  }

  /** Puts a copy of an entry in its place. The caller knows that it is not there yet. */
  insert(entry: KeptEntry): void {
    const index = this.#indexOf(entry.id)
    const kept = index < KEPT_CARDS ? { ...entry } : { ...entry, card: null }
    this.#entries.splice(index, 0, kept)
    this.#byTweet.set(kept.tweetId, kept)
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
    this.#byTweet.delete(entry.tweetId)
  }

  /** Takes away all beyond the newest `keep` and answers them. */
  trim(keep: number): KeptEntry[] {
    const trimmed = this.#entries.splice(keep)
    for (const entry of trimmed) this.#byTweet.delete(entry.tweetId)
    return trimmed
  }

  /** Entries that show this user's tweets or retweets. */
  of(user: UserId): KeptEntry[] {
    return this.#entries.filter((entry) => (entry.retweeterId ?? entry.authorId) === user)
  }

  /** Up to `limit` entries older than `before` (or from the newest), after skipping `offset`. */
  slice(before: EntryId | null, offset: number, limit: number): KeptEntry[] {
    const start = (before === null ? 0 : this.#indexOf(before - 1)) + offset
    return this.#entries.slice(start, start + limit)
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
