// A letter with more marks than this is no word of any language. The number is that of Unicode's Stream-Safe
// Text Format (UAX #15, section 13).
const MAX_COMBINING_MARKS = 30

const EXCESS_MARKS = new RegExp(`(\\p{M}{${MAX_COMBINING_MARKS}})\\p{M}+`, 'gu')

/**
 * Unicode normalization that is safe on a stranger's input: unpaired surrogates become U+FFFD, and a run of
 * combining marks is cut at 30. Without the cut, putting marks into canonical order takes time quadratic in
 * their number (a megabyte of them occupies a core for a minute and a half). Idempotent, linear in the length.
 */
export function normalizeUnicode(text: string, form: 'NFC' | 'NFKC'): string {
  // Cut twice, as some marks become two when normalized.
  return cutMarks(cutMarks(text.toWellFormed()).normalize(form))
}

function cutMarks(text: string): string {
  return text.replace(EXCESS_MARKS, '$1')
}
