import { OVERLAY, OVERLAY_COLUMNS, type Overlay } from '../../contracts/timeline.ts'
import type { EntryId, TweetId, UserId } from '../../domain/ids.ts'

/** A row of an overlay: an entry of a pulled author, and what it takes to tell whether its reader is shown it. */
export interface OverlayEntry {
  id: EntryId
  tweetId: TweetId
  authorId: UserId
  retweeterId: UserId | null
  replyToUserId: UserId | null
  quotedId: TweetId | null
  quotedAuthorId: UserId | null
}

/** Entries of an overlay below `before`, newest first. */
export function* overlayBelow(overlay: Overlay, before: number): Generator<OverlayEntry> {
  const { rows } = overlay
  for (let at = 0; at < rows.length; at += OVERLAY_COLUMNS) {
    if (idAt(rows, at) < before) yield entryAt(rows, at)
  }
}

/** Entries of an overlay above `after`, oldest first. */
export function* overlayAbove(overlay: Overlay, after: number): Generator<OverlayEntry> {
  const { rows } = overlay
  for (let at = rows.length - OVERLAY_COLUMNS; at >= 0; at -= OVERLAY_COLUMNS) {
    if (idAt(rows, at) > after) yield entryAt(rows, at)
  }
}

function idAt(rows: readonly number[], at: number): number {
  return rows[at + OVERLAY.id] ?? 0
}

function entryAt(rows: readonly number[], at: number): OverlayEntry {
  const cell = (column: keyof typeof OVERLAY) => rows[at + OVERLAY[column]] || null
  return {
    id: idAt(rows, at) as EntryId,
    tweetId: (cell('tweetId') ?? 0) as TweetId,
    authorId: (cell('authorId') ?? 0) as UserId,
    retweeterId: cell('retweeterId') as UserId | null,
    replyToUserId: cell('replyToUserId') as UserId | null,
    quotedId: cell('quotedId') as TweetId | null,
    quotedAuthorId: cell('quotedAuthorId') as UserId | null,
  }
}
