export interface ExcerptLimits {
  /** What a reader takes for characters. */
  graphemes: number
  /** In UTF-8, as a part of JSON. */
  bytes: number
}

const ELLIPSIS = '…'

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
const encoder = new TextEncoder()

/**
 * The text, or as much of its beginning as the limits allow and an ellipsis, which is within them. Never cut within what
 * is read as one character, which may be as long as its writer likes.
 */
export function excerptOf(text: string, limits: ExcerptLimits): string {
  const room = { graphemes: limits.graphemes - 1, bytes: limits.bytes - bytesOf(ELLIPSIS) }
  let used = { graphemes: 0, bytes: 0 }
  let end = 0
  for (const { segment, index } of segmenter.segment(text)) {
    used = { graphemes: used.graphemes + 1, bytes: used.bytes + bytesOf(segment) }
    if (used.graphemes > limits.graphemes || used.bytes > limits.bytes)
      return text.slice(0, end).trimEnd() + ELLIPSIS
    if (used.graphemes <= room.graphemes && used.bytes <= room.bytes) end = index + segment.length
  }
  return text
}

function bytesOf(text: string): number {
  return encoder.encode(JSON.stringify(text)).length - 2
}
