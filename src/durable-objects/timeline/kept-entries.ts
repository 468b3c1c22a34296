import { type Card, isOlderCard } from '../../contracts/tweet-json.ts'
import type { TweetId } from '../../domain/ids.ts'
import { EntriesTable } from './entries-table.ts'
import { EntryList, type KeptEntry } from './entry-list.ts'

/** The entries in storage, their mirror in memory, and the cards of the newest. */
export class KeptEntries {
  readonly #table: EntriesTable
  #list = new EntryList()

  constructor(sql: SqlStorage) {
    this.#table = new EntriesTable(sql)
  }

  /** To be read; what changes it is below. */
  get list(): EntryList {
    return this.#list
  }

  load(): void {
    this.#list = new EntryList(this.#table.readAll())
  }

  clear(): void {
    this.#table.clear()
    this.#list = new EntryList()
  }

  /** Takes the place of nothing: newest first. */
  fill(newestFirst: KeptEntry[]): void {
    for (const entry of newestFirst) this.#table.insert(entry)
    this.#list = new EntryList(newestFirst)
  }

  insert(entry: KeptEntry): void {
    this.#table.insert(entry)
    this.#list.insert(entry)
  }

  remove(entry: KeptEntry): void {
    this.#table.delete(entry.id)
    this.#list.remove(entry)
  }

  /** Removes all below an id, in one statement, and answers what it still knew of them. */
  removeBelow(floor: number): KeptEntry[] {
    const below = this.#list.newestFirst.filter((entry) => entry.id < floor)
    for (const entry of below) this.#list.remove(entry)
    this.#table.deleteBelow(floor)
    return below
  }

  writeCards(card: Card): void {
    for (const entry of this.#list.ofTweet(card.tweetId as TweetId)) {
      this.#table.writeCard(entry.id, card)
      if (this.#list.ranksAmongCards(entry)) entry.card = card
    }
  }

  /** The card, or the one that is kept of the tweet where that is newer: what was read before an edit may come after it. */
  newestOf(card: Card): Card {
    const [entry] = this.#list.ofTweet(card.tweetId as TweetId)
    const kept = entry === undefined ? null : this.cardOf(entry)
    return kept !== null && isOlderCard(card, kept) ? kept : card
  }

  /** An entry that has moved up among the newest, because others were taken back, finds its card in storage. */
  cardOf(entry: KeptEntry): Card | null {
    if (entry.card !== null) return entry.card
    const card = this.#table.readCard(entry.id)
    if (this.#list.ranksAmongCards(entry)) entry.card = card
    return card
  }
}
