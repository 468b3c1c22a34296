import type pg from 'pg'

/** Few round trips, and parameters of a few megabytes. */
const ROWS_PER_STATEMENT = 5_000

/** A column to fill, its array element's type in SQL, and its value for a row. */
export interface Column<Row> {
  name: string
  type: 'bigint' | 'integer' | 'text' | 'boolean' | 'timestamptz' | 'jsonb' | 'uuid'
  of: (row: Row) => number | string | boolean | null
}

/**
 * Inserts rows in their order, some thousands a statement. The next rows are made while the database works on the
 * last ones, so that both cores are busy. `onInserted` learns how many each time.
 */
export async function insertAll<Row>(
  client: pg.ClientBase,
  table: string,
  columns: readonly Column<Row>[],
  rows: Iterable<Row>,
  onInserted: (count: number) => void,
): Promise<void> {
  const text = insertStatement(table, columns)
  let inserting: Promise<unknown> = Promise.resolve()
  for (const batch of batches(rows, ROWS_PER_STATEMENT)) {
    const values = columns.map(({ of }) => batch.map(of))
    await inserting
    inserting = client.query(text, values).then(() => onInserted(batch.length))
    // A failure is thrown by the next await; until then it must not count as unhandled.
    inserting.catch(() => {})
  }
  await inserting
}

function insertStatement<Row>(table: string, columns: readonly Column<Row>[]): string {
  const names = columns.map(({ name }) => name).join(', ')
  const arrays = columns.map(({ type }, index) => `$${index + 1}::${type}[]`).join(', ')
  return `insert into ${table} (${names}) select * from unnest(${arrays})`
}

function* batches<Row>(rows: Iterable<Row>, size: number): Generator<Row[]> {
  let batch: Row[] = []
  for (const row of rows) {
    batch.push(row)
    if (batch.length === size) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}
