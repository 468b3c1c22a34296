import { z } from 'zod'
import type { Pagination } from '../contracts/http/common.ts'
import type { ListPage, Place } from '../db/statements/places.ts'
import { encodeCursor } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import type { AskedPage } from './read-page.ts'

/** The parts of a cursor in a list that is ordered by when something was done: microseconds since 1970, and an id. */
const placeParts = z
  .tuple([z.string().regex(/^\d{1,16}$/), z.number().int().positive()])
  .transform(([atUs, id]): Place => ({ atUs, id }))

/** The page that is asked for of a list of places. Throws `invalid_cursor`. */
export function placePage({ limit, offset, after }: AskedPage): ListPage<Place> {
  const place = after === null ? null : placeParts.safeParse(after)
  if (place?.success === false) throw new AppError('invalid_cursor')
  return { limit, offset, after: place?.data ?? null }
}

/** The pagination of a page whose next one follows the place `nextAfter`, or is not there. */
export function placePagination(
  { limit, offset }: AskedPage,
  kind: string,
  nextAfter: Place | null,
): Pagination {
  return {
    limit,
    offset,
    has_more: nextAfter !== null,
    next_cursor: nextAfter === null ? null : encodeCursor(kind, [nextAfter.atUs, nextAfter.id]),
  }
}
