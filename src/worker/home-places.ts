import type { ScrollPagination } from '../contracts/http/common.ts'
import { encodeCursor } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import { type EntryId, isId } from '../domain/ids.ts'
import type { HomePage, HomePlace } from '../services/read-home-timeline.ts'
import type { AskedPage } from './read-page.ts'

export const HOME_CURSOR = 'home'
const NEWER = 'newer'

/** The place that a cursor of the home timeline names; null without one. Throws `invalid_cursor`. */
export function homePlace({ after }: AskedPage): HomePlace | null {
  if (after === null) return null
  const [at, top, direction, ...more] = after
  if (!isEntryId(at) || !isEntryId(top) || more.length > 0) throw new AppError('invalid_cursor')
  if (direction === undefined) return { before: at, top }
  if (direction === NEWER) return { after: at, top }
  throw new AppError('invalid_cursor')
}

export function homePagination(
  { limit, offset }: Pick<AskedPage, 'limit' | 'offset'>,
  { older, newer }: Pick<HomePage, 'older' | 'newer'>,
): ScrollPagination {
  return {
    limit,
    offset,
    has_more: older !== null,
    next_cursor: older === null ? null : cursorOf(older),
    prev_cursor: newer === null ? null : cursorOf(newer),
  }
}

function cursorOf(place: HomePlace): string {
  return 'after' in place
    ? encodeCursor(HOME_CURSOR, [place.after, place.top, NEWER])
    : encodeCursor(HOME_CURSOR, [place.before, place.top])
}

function isEntryId(part: number | string | undefined): part is EntryId {
  return typeof part === 'number' && isId(part)
}
