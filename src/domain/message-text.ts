import { codePointLength, isBlank, normalizeContent } from './tweet-text.ts'

/** The most code points a direct message may have once normalized. */
export const MESSAGE_LENGTH_MAX = 10_000

type MessageCheck =
  | { ok: true; content: string }
  | { ok: false; reason: 'blank' | 'too_long'; length: number }

/** Normalizes a direct message as tweets are, and judges it: without media it must say something. */
export function checkMessage(raw: string): MessageCheck {
  const content = normalizeContent(raw)
  const length = codePointLength(content)
  if (length > MESSAGE_LENGTH_MAX) return { ok: false, reason: 'too_long', length }
  if (isBlank(content)) return { ok: false, reason: 'blank', length }
  return { ok: true, content }
}
