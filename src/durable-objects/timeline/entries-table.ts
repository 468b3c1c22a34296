import type { UserCard } from '../../contracts/http/users.ts'
import { KEPT_CARDS } from '../../contracts/timeline.ts'
import type { Card } from '../../contracts/tweet-json.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'
import type { KeptEntry } from './entry-list.ts'

type EntryRow = {
  id: number
  tweet_id: number
  author_id: number
  retweeter_id: number | null
  retweeter: string | null
  seq: number
  card: string | null
}

/** The stored entries. An entry and its card are one row, because rows written are what a delivery costs. */
export class EntriesTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** All entries, newest first, with the cards of the newest ones. Two plain scans, because rows read are what waking costs. */
  readAll(): KeptEntry[] {
    const cards = new Map(
      this.#sql
        .exec<{ id: number; card: string | null }>(
          `select id, card from entries order by id desc limit ${KEPT_CARDS}`,
        )
        .toArray()
        .map(({ id, card }) => [id, card]),
    )
    const rows = this.#sql.exec<Omit<EntryRow, 'card'>>(
      'select id, tweet_id, author_id, retweeter_id, retweeter, seq from entries order by id desc',
    )
    return [...rows].map((row) => fromRow({ ...row, card: cards.get(row.id) ?? null }))
  }

  insert({ id, tweetId, authorId, retweeterId, retweeter, seq, card }: KeptEntry): void {
    this.#sql.exec(
      `insert into entries (id, tweet_id, author_id, retweeter_id, retweeter, seq, card) values (?, ?, ?, ?, ?, ?, ?)`,
      id,
      tweetId,
      authorId,
      retweeterId,
      retweeter === null ? null : JSON.stringify(retweeter),
      seq,
      card === null ? null : JSON.stringify(card),
    )
  }

  readCard(id: EntryId): Card | null {
    const [row] = this.#sql.exec<{ card: string | null }>('select card from entries where id = ?', id)
    return row?.card == null ? null : (JSON.parse(row.card) as Card)
  }

  writeCard(id: EntryId, card: Card): void {
    this.#sql.exec('update entries set card = ? where id = ?', JSON.stringify(card), id)
  }

  delete(id: EntryId): void {
    this.#sql.exec('delete from entries where id = ?', id)
  }

  deleteBelow(floor: number): void {
    this.#sql.exec('delete from entries where id < ?', floor)
  }

  clear(): void {
    this.#sql.exec('delete from entries')
  }
}

function fromRow(row: EntryRow): KeptEntry {
  return {
    id: row.id as EntryId,
    tweetId: row.tweet_id as TweetId,
    authorId: row.author_id as UserId,
    retweeterId: row.retweeter_id as UserId | null,
    retweeter: row.retweeter === null ? null : (JSON.parse(row.retweeter) as UserCard),
    seq: row.seq,
    card: row.card === null ? null : (JSON.parse(row.card) as Card),
  }
}
