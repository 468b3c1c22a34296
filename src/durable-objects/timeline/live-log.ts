import type { Telling, Unread } from '../../contracts/timeline.ts'
import type { Shown } from './shown.ts'
import { type Told, ToldStates } from './told-states.ts'

/** How many a client may have missed and still resume. */
const KEPT_TELLINGS = 200
/** Trimming every so many tellings rather than at each keeps the rows written for one near one. */
const TRIM_SLACK = 50

type ToldRow = {
  seq: number
  telling: string
  shows: Told['shows']
  unread_count: number | null
  unread_version: number | null
}

/**
 * What was told to the owner's sockets, and is kept for those that resume: a row for each telling, appended and never
 * changed. What is known of a notification is what the rows say of it, and how many are unread is in the newest one.
 */
export class LiveLog {
  readonly #sql: SqlStorage
  /** Oldest first. */
  #told: Told[] = []
  #states = new ToldStates()

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  load(): void {
    const rows = this.#sql.exec<ToldRow>(
      'select seq, telling, shows, unread_count, unread_version from tellings order by seq',
    )
    this.#keep(rows.toArray().map(fromRow))
  }

  get newestSeq(): number {
    return this.#told.at(-1)?.seq ?? 0
  }

  get unreadCount(): number {
    return this.#states.unread?.count ?? 0
  }

  /** Takes in what is new of a telling, as `seq`. Null when nothing is. */
  take(telling: Telling, seq: number): Told | null {
    const news = this.#states.newsOf(telling)
    if (news === null) return null
    const told: Told = { ...news, seq, unread: this.#states.unreadWith(telling) }
    this.#insert(told)
    this.#told.push(told)
    this.#states.take(told)
    return told
  }

  /** What was shown after `seq` and still holds, in order. */
  since(seq: number): Shown[] {
    return this.#told.flatMap((told) =>
      told.seq > seq && this.#states.holds(told) ? (shownOf(told) ?? []) : [],
    )
  }

  /** Forgets the oldest, once there are many. Answers the newest seq that is forgotten. */
  trim(): number {
    if (this.#told.length <= KEPT_TELLINGS + TRIM_SLACK) return 0
    const forgotten = this.#told.at(-KEPT_TELLINGS - 1)?.seq ?? 0
    this.#sql.exec('delete from tellings where seq <= ?', forgotten)
    this.#keep(this.#told.slice(-KEPT_TELLINGS))
    return forgotten
  }

  clear(): void {
    this.#sql.exec('delete from tellings')
    this.#keep([])
  }

  #keep(told: Told[]): void {
    this.#told = told
    this.#states = new ToldStates()
    for (const one of told) this.#states.take(one)
  }

  #insert({ seq, telling, shows, unread }: Told): void {
    this.#sql.exec(
      'insert into tellings (seq, telling, shows, unread_count, unread_version) values (?, ?, ?, ?, ?)',
      seq,
      JSON.stringify(telling),
      shows,
      unread?.count ?? null,
      unread?.version ?? null,
    )
  }
}

/** What sockets see of it, if anything. */
export function shownOf({ seq, telling, shows }: Told): Shown | null {
  if (shows === 'nothing') return null
  return shows === 'count' ? { type: 'count', seq } : { type: 'told', seq, telling }
}

function fromRow(row: ToldRow): Told {
  return {
    seq: row.seq,
    telling: JSON.parse(row.telling) as Telling,
    shows: row.shows,
    unread: unreadOf(row),
  }
}

function unreadOf({ unread_count: count, unread_version: version }: ToldRow): Unread | null {
  return count === null || version === null ? null : { count, version }
}
