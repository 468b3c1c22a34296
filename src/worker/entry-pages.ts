import type { Pagination } from '../contracts/http/common.ts'
import { encodeCursor } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import { type EntryId, isId } from '../domain/ids.ts'
import type { AskedPage } from './read-page.ts'

/** The entry that a page of a timeline follows; null for the newest page. Throws `invalid_cursor`. */
export function entryBefore({ after }: AskedPage): EntryId | null {
  if (after === null) return null
  const [entry, ...more] = after
  if (typeof entry !== 'number' || !isId(entry) || more.length > 0) throw new AppError('invalid_cursor')
  return entry as EntryId
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
