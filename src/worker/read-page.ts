import { OFFSET_MAX, PAGE_LIMIT_DEFAULT, type PageQuery } from '../contracts/http/common.ts'
import { decodeCursor } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'

/** Which part of a list is asked for: what follows the place `after`, or what follows the first `offset`. */
export interface AskedPage {
  limit: number
  offset: number
  /** The parts of the cursor; null without one. */
  after: (number | string)[] | null
}

/**
 * The page that a query asks for, of the list that cursors of this `kind` belong to. Throws `validation_failed`
 * for a cursor together with an offset, `offset_too_large`, or `invalid_cursor`.
 */
export function readPage(query: PageQuery, kind: string, offsetMax = OFFSET_MAX): AskedPage {
  const { limit = PAGE_LIMIT_DEFAULT, offset = 0, cursor } = query
  if (cursor === undefined) {
    if (offset <= offsetMax) return { limit, offset, after: null }
    const detail = `Past the first ${offsetMax} one reads on with \`cursor\`: the \`next_cursor\` of the page before`
    throw new AppError('offset_too_large', { detail })
  }
  if (query.offset !== undefined) {
    const errors = [{ path: 'query.cursor', message: 'cannot be given together with an offset' }]
    throw new AppError('validation_failed', { errors })
  }
  const after = decodeCursor(kind, cursor)
  if (after === null) throw new AppError('invalid_cursor')
  return { limit, offset: 0, after }
}
