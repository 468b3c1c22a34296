import { normalizeUnicode } from './unicode.ts'

/** The most code points of a phrase as it is written, and as it is folded, which may take more of them. */
export const PHRASE_LENGTH_MAX = 100
export const FOLDED_PHRASE_LENGTH_MAX = 400

// Signs that are typed for one another: apostrophes and gereshes, quotation marks and gershayims.
const APOSTROPHES = /[\u2018\u2019\u201b\u02bc\u02b9\u2032\u05f3`]/g
const QUOTATION_MARKS = /[\u201c\u201d\u201e\u2033\u05f4]/g

const TAGS = String.raw`\u{e0020}-\u{e007f}`
/** What may follow a pictograph within one emoji: skin tones, marks, tags (those of the flag of Wales). */
const EMOJI_TAIL = String.raw`[\p{EMod}\p{M}${TAGS}]`

// What cannot be seen, but white space: control characters and default ignorables. Joiners and tags may be part of an
// emoji, and are idle elsewhere.
const INVISIBLE = new RegExp(String.raw`[[[\p{Cc}--\s]\p{DI}]--[\u200d${TAGS}]]`, 'gv')
const IDLE_TAGS = new RegExp(String.raw`(?<![\p{ExtPict}\p{EMod}${TAGS}])[${TAGS}]+`, 'gv')
const IDLE_JOINERS = new RegExp(String.raw`(?<![\p{ExtPict}${EMOJI_TAIL}])\u200d|\u200d(?!\p{ExtPict})`, 'gv')

/**
 * A text as phrases are looked for in it, and the key under which a phrase is one and the same: NFKC, without regard to
 * case, without what cannot be seen, with one space for each run of white space and none at the ends. Case is that of all
 * languages at once: the four i's of Turkish are one, as are `ß` and `ss`, `σ` and `ς`. Accents count. Linear in the length.
 */
export function foldPhrase(text: string): string {
  const visible = normalizeUnicode(text, 'NFKC')
    .replace(APOSTROPHES, "'")
    .replace(QUOTATION_MARKS, '"')
    .replace(INVISIBLE, '')
    .replace(IDLE_TAGS, '')
    .replace(IDLE_JOINERS, '')
  // Down first, because `ẞ` is a capital already; up, which spells `ß` out; and down again.
  const caseless = visible.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ')
  const dotless = normalizeUnicode(caseless, 'NFKC').replace(/i\u0307+/g, 'i')
  return dotless.normalize('NFC').replace(/\s+/g, ' ').trim()
}

// Scripts that leave no space between words show no borders of them: each letter, with its marks, stands for itself, and
// a phrase is found anywhere in a run. A dictionary (Intl.Segmenter) would find borders, but not around names and slang,
// which are what people mute, and each version of it finds others.
const UNSPACED_SCRIPTS = [
  ...['Han', 'Hiragana', 'Katakana', 'Bopomofo', 'Yi', 'Thai', 'Lao', 'Khmer', 'Myanmar'],
  ...['Tai_Le', 'New_Tai_Lue', 'Tai_Tham', 'Tai_Viet', 'Javanese', 'Balinese'],
]
const UNSPACED = `[[\\p{L}\\p{Nl}]&&[${UNSPACED_SCRIPTS.map((script) => `\\p{scx=${script}}`).join('')}]]`

const IN_WORD = String.raw`[\p{L}\p{M}\p{N}_]`
const EMOJI = String.raw`\p{RI}\p{RI}|[0-9#*]\u20e3|\p{ExtPict}${EMOJI_TAIL}*(?:\u200d\p{ExtPict}${EMOJI_TAIL}*)*`

/**
 * What a folded text is made of: emoji, each whole; letters of unspaced scripts; words, which are letters, marks and digits
 * in a row; and any other sign, a space too, for itself. An apostrophe is such a sign: "trump" is in "Trump’s" and "avion" in "l’avion",
 * at the price that "don" is in "don’t".
 */
const TOKENS = new RegExp(String.raw` |${EMOJI}|${UNSPACED}\p{M}*|[${IN_WORD}--${UNSPACED}]+|.\p{M}*`, 'gsv')

const BEGINS_IN_WORD = new RegExp(`^${IN_WORD}`, 'v')
/** Behind these a sign begins no hashtag, or no mention: "c#", "&#39;", "kim@example.com". */
const BINDS = { '#': new RegExp(String.raw`[${IN_WORD}#&\/]$`, 'v'), '@': /[a-z0-9_]$/ }

function tokensOf(text: string): string[] {
  const tokens: string[] = foldPhrase(text).match(TOKENS) ?? []
  return tokens.map((token, index) => {
    if (token !== '#' && token !== '@') return token
    return BINDS[token].test(tokens[index - 1] ?? '') ? `bound ${token}` : token
  })
}

/** Where a phrase ends: wherever it is found, or only where the hashtag or mention that it is ends, too. */
type End = 'anywhere' | 'with the tag' | null

/** A state of the search: the longest beginning of a phrase that the text ends in. */
interface State {
  next: Map<string, State> | null
  /** For the longest shorter one. */
  shorter: State | null
  end: End
}

/** An Aho-Corasick automaton over tokens: each is looked at once, however many phrases there are. */
class PhraseSearch {
  readonly #start: State = { next: null, shorter: null, end: null }

  constructor(phrases: readonly string[]) {
    for (const phrase of phrases) this.#add(tokensOf(phrase))
    this.#link()
  }

  isIn(text: string): boolean {
    if (this.#start.next === null) return false
    const tokens = tokensOf(text)
    let state = this.#start
    for (const [index, token] of tokens.entries()) {
      state = this.#after(state, token)
      if (state.end === 'anywhere') return true
      if (state.end === 'with the tag' && !BEGINS_IN_WORD.test(tokens[index + 1] ?? '')) return true
    }
    return false
  }

  #add(tokens: readonly string[]): void {
    if (tokens.length === 0) return
    let state = this.#start
    for (const token of tokens) {
      state.next ??= new Map()
      const next = state.next.get(token) ?? { next: null, shorter: this.#start, end: null }
      state.next.set(token, next)
      state = next
    }
    state.end = isTag(tokens) ? 'with the tag' : 'anywhere'
  }

  /** Breadth first: what a state falls back to is shorter, and so is linked already. */
  #link(): void {
    const queue = [this.#start]
    for (const state of queue) {
      for (const [token, next] of state.next ?? []) {
        next.shorter = state.shorter === null ? this.#start : this.#after(state.shorter, token)
        if (next.shorter.end === 'anywhere' || next.end === null) next.end = next.shorter.end
        queue.push(next)
      }
    }
  }

  #after(from: State, token: string): State {
    for (let state: State | null = from; state !== null; state = state.shorter) {
      const next = state.next?.get(token)
      if (next !== undefined) return next
    }
    return this.#start
  }
}

/** Whether a phrase is one hashtag or mention: then a longer one is another. */
function isTag([sign, ...rest]: readonly string[]): boolean {
  return (
    (sign === '#' || sign === '@') && rest.length > 0 && rest.every((token) => BEGINS_IN_WORD.test(token))
  )
}

/** A phrase that somebody does not want to see, until a moment (Unix ms); always when it is null. */
interface MutedPhrase {
  phrase: string
  expiresAtMs: number | null
}

/** The phrases of a list that are in force at one moment, from which to which they are the same. */
interface Compiled {
  search: PhraseSearch
  fromMs: number
  untilMs: number
}

const compiled = new WeakMap<readonly MutedPhrase[], Compiled>()

/**
 * Tells of a text whether it holds one of the phrases that have not expired: as whole words of any script, as whole emoji.
 * A phrase that begins with `#` or `@` is found as that hashtag or mention alone. A list is compiled once; it must not be
 * changed afterwards.
 */
export function mutedWordsMatcher(words: readonly MutedPhrase[], nowMs: number): (text: string) => boolean {
  let known = compiled.get(words)
  if (known === undefined || nowMs < known.fromMs || nowMs >= known.untilMs) {
    known = compile(words, nowMs)
    compiled.set(words, known)
  }
  const { search } = known
  return (text) => search.isIn(text)
}

function compile(words: readonly MutedPhrase[], nowMs: number): Compiled {
  const isInForce = ({ expiresAtMs }: MutedPhrase) => expiresAtMs === null || expiresAtMs > nowMs
  const ends = words.flatMap(({ expiresAtMs }) => expiresAtMs ?? [])
  return {
    search: new PhraseSearch(words.filter(isInForce).map(({ phrase }) => phrase)),
    fromMs: Math.max(Number.NEGATIVE_INFINITY, ...ends.filter((end) => end <= nowMs)),
    untilMs: Math.min(Number.POSITIVE_INFINITY, ...ends.filter((end) => end > nowMs)),
  }
}

/** What somebody wrote. */
export interface Written {
  authorId: number
  content: string
}

/** Whether a tweet, or the one that it shows quoted, holds what its reader muted. What the reader wrote never does. */
export function isMutedFor(
  reader: number,
  holds: (text: string) => boolean,
  tweet: Written,
  quoted: Written | null,
): boolean {
  if (tweet.authorId === reader) return false
  return holds(tweet.content) || (quoted !== null && quoted.authorId !== reader && holds(quoted.content))
}
