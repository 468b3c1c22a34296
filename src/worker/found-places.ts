import { encodeCursor } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import { isId } from '../domain/ids.ts'
import type { HashtagPlace } from '../services/search-hashtags.ts'
import type { FoundPlace } from '../services/search-tweets.ts'
import type { FoundUserPlace } from '../services/search-users.ts'
import type { AskedPage } from './read-page.ts'

type Part = number | string | undefined
type Asked = Pick<AskedPage, 'after'>

/** The place in found tweets that a cursor names; null without one. Throws `invalid_cursor`. */
export function foundPlace({ after }: Asked): FoundPlace | null {
  if (after === null) return null
  const [asOfMs, score, id, ...more] = after
  const hit = hitIn(score, id)
  if (typeof asOfMs !== 'number' || asOfMs < 0 || hit === null || more.length > 0) throw invalid()
  return { asOfMs, after: hit }
}

export function foundCursor(kind: string, { asOfMs, after }: FoundPlace): string {
  return encodeCursor(kind, [asOfMs, String(after.score), after.id])
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
  if (value === null || typeof tag !== 'string' || more.length > 0) throw invalid()
  return { score: value, tag }
}

export function hashtagCursor(kind: string, { score, tag }: HashtagPlace): string {
  return encodeCursor(kind, [String(score), tag])
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
