import type { MutedWords } from '../contracts/timeline.ts'
import type { UserId } from '../domain/ids.ts'
import { mutedWordsMatcher } from '../domain/muted-words.ts'
import { TtlCache } from './ttl-cache.ts'

const LISTS_TTL_MS = 10 * 60_000
/** A list of 200 words takes some 50 KB as it is searched by. */
const LISTS_MAX = 500

/** What an isolate knows of its readers' muted words: each list is parsed and compiled once. */
export class MutedWordLists {
  readonly #lists = new TtlCache<UserId, MutedWords>(LISTS_TTL_MS, LISTS_MAX)

  /** Tells of a text whether it holds what the reader mutes, as their timeline says. */
  matcherFor(reader: UserId, stated: MutedWords, nowMs: number): (text: string) => boolean {
    const known = this.#lists.get(reader, nowMs)
    if (known?.version === stated.version) return mutedWordsMatcher(known.words, nowMs)
    const { words, version } = stated
    this.#lists.set(reader, { words, version }, nowMs)
    return mutedWordsMatcher(words, nowMs)
  }
}
