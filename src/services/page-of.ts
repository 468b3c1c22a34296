/** A page of rows that were read with one more than it holds: that one says whether there is a next page. */
export function pageOf<Row extends { place: unknown }>(
  rows: readonly Row[],
  limit: number,
): { shown: Row[]; nextAfter: Row['place'] | null } {
  const shown = rows.slice(0, limit)
  return { shown, nextAfter: rows.length > limit ? (shown.at(-1)?.place ?? null) : null }
}
