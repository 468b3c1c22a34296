import { type MutedWordRow, readMutedWords } from '../db/statements/muted-words.ts'
import type { Deps, Viewer } from './deps.ts'

/** What the viewer mutes, newest first, without what has expired. */
export function listMutedWords(deps: Deps, viewer: Viewer): Promise<MutedWordRow[]> {
  return deps.timed('db', () => readMutedWords(deps.db, viewer.id))
}
