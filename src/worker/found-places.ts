import { Buffer } from 'node:buffer'
import { encodeCursor } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import { isId } from '../domain/ids.ts'
import type { HashtagPlace } from '../services/search-hashtags.ts'
import { type FoundPlace, REST_MAX } from '../services/search-tweets.ts'
import type { FoundUserPlace } from '../services/search-users.ts'
import type { AskedPage } from './read-page.ts'

/** An id has 53 bits. */
const ID_BYTES = 7

type Part = number | string | undefined
type Asked = Pick<AskedPage, 'after'>

/** The place in found tweets that a cursor names; null without one. Throws `invalid_cursor`. */
export function foundPlace({ after }: Asked): FoundPlace | null {
  if (after === null) return null
  const [asOfMs, score, id, rest, hasMore, ...more] = after
  const hit = hitIn(score, id)
  if (typeof asOfMs !== 'number' || asOfMs < 0 || hit === null || more.length > 0) throw invalid()
  return { asOfMs, after: hit, rest: idsIn(rest), hasMore: hasMore !== 0 }
}

export function foundCursor(kind: string, { asOfMs, after, rest, hasMore }: FoundPlace): string {
  const bytes = Buffer.alloc(rest.length * ID_BYTES)
  for (const [index, id] of rest.entries()) {
    bytes.writeUInt32BE(Math.floor(id / 2 ** 24), index * ID_BYTES)
    bytes.writeUIntBE(id % 2 ** 24, index * ID_BYTES + 4, 3)
  }
  return encodeCursor(kind, [
    asOfMs,
    String(after.score),
    after.id,
    bytes.toString('base64url'),
    Number(hasMore),
  ])
}

function idsIn(text: Part): number[] {
  if (typeof text !== 'string') throw invalid()
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length % ID_BYTES !== 0 || bytes.length > REST_MAX * ID_BYTES) throw invalid()
  const ids = Array.from({ length: bytes.length / ID_BYTES }, (_, index) => {
    const at = index * ID_BYTES
    return bytes.readUInt32BE(at) * 2 ** 24 + bytes.readUIntBE(at + 4, 3)
  })
  if (!ids.every(isId)) throw invalid()
  return ids
}

/** The place in found people that a cursor names; null without one. Throws `invalid_cursor`. */
export function foundUserPlace({ after }: Asked): FoundUserPlace | null {
  if (after === null) return null
  const [fromScore, fromId, toScore, toId, score, id, rank, ...more] = after
  const [from, to, last] = [hitIn(fromScore, fromId), hitIn(toScore, toId), hitIn(score, id)]
  if (typeof rank !== 'number' || rank < 0 || rank > 3 || more.length > 0) throw invalid()
  return { from, to, after: last === null ? null : { ...last, rank } }
}

export function foundUserCursor(kind: string, { from, to, after }: FoundUserPlace): string {
  const hits = [from, to, after].flatMap((hit) => (hit === null ? ['', 0] : [String(hit.score), hit.id]))
  return encodeCursor(kind, [...hits, after?.rank ?? 0])
}

/** The place in found hashtags that a cursor names; null without one. Throws `invalid_cursor`. */
export function hashtagPlace({ after }: Asked): HashtagPlace | null {
  if (after === null) return null
  const [score, tag, ...more] = after
  const value = scoreIn(score)
  if (value === null || typeof tag !== 'string' || !tag.startsWith('#') || more.length > 0) throw invalid()
  return { score: value, tag: tag.slice(1) }
}

export function hashtagCursor(kind: string, { score, tag }: HashtagPlace): string {
  return encodeCursor(kind, [String(score), `#${tag}`])
}

/** An empty score stands for no place. */
function hitIn(score: Part, id: Part): { score: number; id: number } | null {
  if (score === '' && id === 0) return null
  const value = scoreIn(score)
  if (value === null || typeof id !== 'number' || !isId(id)) throw invalid()
  return { score: value, id }
}

/** Scores are fractions, and a cursor holds whole numbers: as text. */
function scoreIn(part: Part): number | null {
  if (typeof part !== 'string' || part === '' || !Number.isFinite(Number(part))) return null
  return Number(part)
}

function invalid(): AppError {
  return new AppError('invalid_cursor')
}
