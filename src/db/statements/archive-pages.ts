import { type SQL, sql } from 'drizzle-orm'
import type { UserId } from '../../domain/ids.ts'
import { type Db, query } from '../client.ts'

/** A column that the rows of a part are in order of, with its Postgres type. */
export interface KeyColumn {
  column: SQL
  type: 'bigint' | 'timestamptz' | 'text' | 'uuid'
}

/** A kind of rows that an archive has of its owner: which they are, in what order, and what each becomes. */
export interface ArchivePart {
  /** `<tables> where <those of the user>`, of which an index gives the rows in the order of `key`. */
  from(user: UserId, after: SQL[]): SQL
  key: readonly [KeyColumn, ...KeyColumn[]]
  /** A row as JSON: nothing of others but what the owner may see, and no secrets. */
  line: SQL
  /** Rows of a page at the most: narrow ones are cheaper by the thousand. */
  rows: number
}

/** The last row of a page as text, column by column of the key; null before the first. */
export type ArchivePlace = string[] | null

export interface ArchivePage {
  /** Rows as JSON, a line each, separated by commas. Empty when there is none. */
  text: string
  /** Null at the end. */
  next: ArchivePlace
}

/** A page is cut behind the row that reaches so many bytes: however long rows are, few of them are in memory. */
const PAGE_BYTES = 1_000_000

/**
 * A page of a part, in the order of its key. The text is made by the database, so that a row is never an object here.
 * Newlines that it has are those between elements of an aggregate: within strings they are escaped.
 */
export async function readArchivePage(
  db: Db,
  part: ArchivePart,
  user: UserId,
  after: ArchivePlace,
): Promise<ArchivePage> {
  const columns = part.key.map(({ column }) => column)
  const place = after === null ? null : part.key.map(({ type }, n) => sql`${after[n]}::${sql.raw(type)}`)
  const isAfter =
    place === null ? sql`true` : sql`(${sql.join(columns, sql`, `)}) > (${sql.join(place, sql`, `)})`
  const order = sql.join(columns, sql`, `)
  const [page] = await query<{ text: string | null; last: string[] | null; is_last: boolean }>(
    db,
    sql`
    select string_agg(line, E',\n' order by n) as text,
           (array_agg(place order by n desc))[1] as last,
           count(*) < ${part.rows}::int and not bool_or(is_cut) as is_last
    from (
      select n, line, place, bytes >= ${PAGE_BYTES}::int as is_cut, bytes - octet_length(line) < ${PAGE_BYTES}::int as fits
      from (
        select n, line, place, sum(octet_length(line)) over (order by n) as bytes
        from (
          select row_number() over (order by ${order}) as n, replace((${part.line})::text, E'\\n', '') as line,
                 json_build_array(${sql.join(
                   columns.map((column) => sql`(${column})::text`),
                   sql`, `,
                 )}) as place
          from ${part.from(user, place ?? [])} and ${isAfter}
          order by ${order}
          limit ${part.rows}) listed) measured) cut
    where fits`,
  )
  if (page === undefined) throw new Error('A page of an archive answered no row')
  return { text: page.text ?? '', next: page.is_last === false ? page.last : null }
}
