import type { Pagination } from '../contracts/http/common.ts'
import { encodeCursor } from '../domain/cursor.ts'
import type { AskedPage } from './read-page.ts'

/** The entry that a page of a timeline follows; null for the newest page. */
export function entryBefore({ after }: AskedPage): number | null {
  const [entry] = after ?? []
  return typeof entry === 'number' ? entry : null
}

/** The pagination of a page whose next one follows the entry `nextBefore`, or is not there. */
export function paginationOf(
  { limit, offset }: AskedPage,
  kind: string,
  nextBefore: number | null,
): Pagination {
  return {
    limit,
    offset,
    has_more: nextBefore !== null,
    next_cursor: nextBefore === null ? null : encodeCursor(kind, [nextBefore]),
  }
}
