import { Buffer } from 'node:buffer'
import { encodeCursor } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import { type EntryId, isId } from '../domain/ids.ts'
import { TAG_BYTES } from '../domain/window-order.ts'
import type { TopPlace } from '../services/read-top-timeline.ts'
import type { AskedPage } from './read-page.ts'

export const TOP_CURSOR = 'home-top'

/** The place that a cursor of the home timeline by rank names; null without one. Throws `invalid_cursor`. */
export function topPlace({ after }: Pick<AskedPage, 'after'>): TopPlace | null {
  if (after === null) return null
  const [top, before, end, order, ...more] = after
  if (!isNumber(top) || !isId(top) || !isNumber(before) || !isNumber(end) || more.length > 0) {
    throw new AppError('invalid_cursor')
  }
  const place = { top: top as EntryId, before: before === 0 ? null : before }
  if (order === undefined || order === '') return { ...place, ranked: null }
  return { ...place, ranked: { order: tagsIn(order), end } }
}

export function topCursor({ top, before, ranked }: TopPlace): string {
  const order = Buffer.alloc((ranked?.order.length ?? 0) * TAG_BYTES)
  for (const [index, tag] of ranked?.order.entries() ?? [])
    order.writeUIntBE(tag, index * TAG_BYTES, TAG_BYTES)
  return encodeCursor(TOP_CURSOR, [top, before ?? 0, ranked?.end ?? 0, order.toString('base64url')])
}

function tagsIn(order: number | string): number[] {
  if (typeof order !== 'string') throw new AppError('invalid_cursor')
  const bytes = Buffer.from(order, 'base64url')
  if (bytes.length % TAG_BYTES !== 0) throw new AppError('invalid_cursor')
  return Array.from({ length: bytes.length / TAG_BYTES }, (_, index) =>
    bytes.readUIntBE(index * TAG_BYTES, TAG_BYTES),
  )
}

function isNumber(part: number | string | undefined): part is number {
  return typeof part === 'number' && part >= 0
}
