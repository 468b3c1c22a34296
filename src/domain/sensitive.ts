/** A tweet, as far as it matters whether it is sensitive. */
export interface MaybeSensitive {
  authorId: number
  isSensitive: boolean
}

/**
 * Whether a reader who hides what is sensitive (everybody who is signed out does) is not shown a tweet in timelines and
 * lists that they did not ask it for by name. One's own is always shown.
 */
export function isHiddenAsSensitive(
  reader: { id: number | null; hidesSensitive: boolean },
  { authorId, isSensitive }: MaybeSensitive,
): boolean {
  return isSensitive && reader.hidesSensitive && authorId !== reader.id
}
