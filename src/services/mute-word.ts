import {
  deleteMutedWord,
  type MutedWordRow,
  type MutedWordsChange,
  putMutedWord,
} from '../db/statements/muted-words.ts'
import { AppError } from '../domain/errors.ts'
import { MUTED_WORDS_MAX } from '../domain/limits.ts'
import { foldPhrase } from '../domain/muted-words.ts'
import type { Deps, Viewer } from './deps.ts'
import { tellOwnTimeline } from './tell-own-timeline.ts'

/** A clean phrase, and until when in Unix ms; null for always. */
export interface WordToMute {
  phrase: string
  expiresAtMs: number | null
}

/**
 * Mutes a phrase on the viewer's home timeline and in their notifications, from their next read on. One that is muted already
 * gets the new expiry and answers `isNew: false`. Throws `validation_failed` for an expiry that has passed,
 * `too_many_muted_words`, `suspended`.
 */
export async function muteWord(
  deps: Deps,
  viewer: Viewer,
  { phrase, expiresAtMs }: WordToMute,
): Promise<{ word: MutedWordRow; isNew: boolean }> {
  if (expiresAtMs !== null && expiresAtMs <= deps.now()) {
    const errors = [{ path: 'json.expires_at', message: 'must be in the future' }]
    throw new AppError('validation_failed', { errors })
  }
  const given = { phrase, folded: foldPhrase(phrase), expiresAtMs }
  const result = await deps.timed('db', () => putMutedWord(deps.db, viewer.id, given, MUTED_WORDS_MAX))
  if (!('word' in result)) {
    throw new AppError(result.outcome, {
      ...(result.outcome === 'too_many_muted_words' && { detail: `At most ${MUTED_WORDS_MAX} at a time` }),
    })
  }
  await tellChange(deps, viewer, result)
  return { word: result.word, isNew: result.outcome === 'added' }
}

/** Unmutes one of the viewer's phrases. Throws `muted_word_not_found`, `suspended`. */
export async function unmuteWord(deps: Deps, viewer: Viewer, id: number): Promise<void> {
  const result = await deps.timed('db', () => deleteMutedWord(deps.db, viewer.id, id))
  if (result.outcome !== 'deleted') throw new AppError(result.outcome)
  await tellChange(deps, viewer, result)
}

/** A repeat owes nothing to others; the viewer's own timeline is told again, in case the first time did not reach it. */
async function tellChange(deps: Deps, viewer: Viewer, { state, outbox }: MutedWordsChange): Promise<void> {
  if (outbox.length > 0) deps.defer(deps.queues.sendOutbox(outbox))
  await tellOwnTimeline(deps, viewer.id, [{ type: 'preferences', ...state }])
}
