/** A query for tweets, as its text was meant: every part must hold. */
export interface SearchQuery {
  /** Words that must be there, as they were typed. */
  words: string[]
  /** Words in this order, one after the other. */
  phrases: string[]
  /** Words and phrases that must not be there; with `#` or `@` before them, hashtags and mentions. */
  excluded: string[]
  /** Folded, without `#`. */
  hashtags: string[]
  /** Handles that must be mentioned, folded, without `@`. */
  mentions: string[]
  /** Handles, folded: of any of these authors. */
  from: string[]
  /** Handles, folded: of none of these authors. */
  notFrom: string[]
  /** Handles, folded: in answer to any of these. */
  to: string[]
  /** Unix ms, inclusive; null without a limit. */
  sinceMs: number | null
  /** Unix ms, exclusive. */
  untilMs: number | null
  hasMedia: boolean | null
  isReply: boolean | null
}

/** `at` is where the mistake begins, in code points of the text. */
export type ParsedQuery = { ok: true; query: SearchQuery } | { ok: false; message: string; at: number }
