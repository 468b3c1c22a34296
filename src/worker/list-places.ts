import type { Pagination } from '../contracts/http/common.ts'
import { encodeCursor } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import { type EntryId, isId } from '../domain/ids.ts'
import type { ListPlace } from '../services/read-list-timeline.ts'
import type { AskedPage } from './read-page.ts'

export const LIST_CURSOR = 'list-timeline'

/** The place that a cursor of a list's timeline names; null without one. Throws `invalid_cursor`. */
export function listPlace({ after }: AskedPage): ListPlace | null {
  if (after === null) return null
  const [before, top, ...more] = after
  if (!isEntryId(before) || !isEntryId(top) || more.length > 0) throw new AppError('invalid_cursor')
  return { before, top }
}

export function listPagination(
  { limit, offset }: Pick<AskedPage, 'limit' | 'offset'>,
  next: ListPlace | null,
): Pagination {
  return {
    limit,
    offset,
    has_more: next !== null,
    next_cursor: next === null ? null : encodeCursor(LIST_CURSOR, [next.before, next.top]),
  }
}

function isEntryId(part: number | string | undefined): part is EntryId {
  return typeof part === 'number' && isId(part)
}
