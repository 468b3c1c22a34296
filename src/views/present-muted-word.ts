import type { MutedWordAnswer } from '../contracts/http/muted-words.ts'
import type { MutedWordRow } from '../db/statements/muted-words.ts'

/** Row to wire. */
export function presentMutedWord({ id, phrase, expires_at, created_at }: MutedWordRow): MutedWordAnswer {
  return {
    id,
    phrase,
    expires_at: expires_at === null ? null : new Date(expires_at).toISOString(),
    created_at: new Date(created_at).toISOString(),
  }
}
