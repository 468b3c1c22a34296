import { extractEntities } from '../tweet-text.ts'
import { ASCII, foldCase, foldWord } from './fold.ts'
import { stemmerOf } from './languages.ts'

/**
 * A token as it is indexed, and where it stands in the text (UTF-16, `end` exclusive). Tokens of `words` stand one after
 * the other, so that phrases are found; those of `forms` stand for the same spot in another form: a stem, a single
 * character, a part of a hashtag.
 */
export interface Token {
  text: string
  place: 'words' | 'forms'
  start: number
  end: number
}

const TAGS = String.raw`\u{e0020}-\u{e007f}`
const EMOJI_TAIL = String.raw`[\p{EMod}\p{M}${TAGS}]`
const EMOJI = String.raw`\p{RI}\p{RI}|[0-9#*]\ufe0f?\u20e3|\p{ExtPict}${EMOJI_TAIL}*(?:\u200d\p{ExtPict}${EMOJI_TAIL}*)*`

// Scripts that leave no space between words, and Hangul, whose words have particles attached: found by pairs of
// characters. Half-width voicing marks are letters to Unicode.
const PAIRED_SCRIPTS = [
  ...['Han', 'Hiragana', 'Katakana', 'Bopomofo', 'Hangul', 'Yi', 'Thai', 'Lao', 'Khmer', 'Myanmar'],
  ...['Tai_Le', 'New_Tai_Lue', 'Tai_Tham', 'Tai_Viet', 'Javanese', 'Balinese'],
]
const PAIRED = `[[\\p{L}\\p{Nl}]&&[${PAIRED_SCRIPTS.map((script) => `\\p{scx=${script}}`).join('')}]]`
const UNIT = new RegExp(String.raw`${PAIRED}[\p{M}\uff9e\uff9f]*`, 'gv')
const APOSTROPHES = String.raw`'\u2019\u02bc\u2018\u0060\u00b4\uff07`
const LETTER = String.raw`[[\p{L}\p{M}\p{N}]--${PAIRED}]`
const WORD = String.raw`${LETTER}+(?:[${APOSTROPHES}\u200c\u200d\u05f3\u05f4]${LETTER}+)*`

const TEXT_TOKENS = new RegExp(
  String.raw`(?<emoji>${EMOJI})|(?<run>(?:${PAIRED}[\p{M}\uff9e\uff9f]*)+)|(?<code>(?<!${LETTER})[A-Za-z](?:\+\+|#)(?!${LETTER}))|(?<word>${WORD})`,
  'gv',
)

/** What is analysed as running text from `start` on. */
interface Stretch {
  text: string
  start: number
}

/**
 * The tokens of a text, in the order they stand there. By kind:
 *
 * - words of scripts with spaces: folded (`foldWord`), and their stem where it is another;
 * - runs of scripts without: each pair of neighbouring characters, and Han characters alone;
 * - emoji, whole, without their skin tones;
 * - hashtags: their words, and their parts where capitals or underscores show them; mentions: the handle;
 * - URLs: the labels of their host.
 */
export function analyze(text: string): Token[] {
  const { stretches, hashtags } = partsOf(text)
  const words = stretches.flatMap(({ text: part, start }) => rawTokens(part, start))
  const stem = stemmerOf(words.flatMap((token) => (token.kind === 'word' ? wordsOf(token.raw) : [])))
  const tokens = words.flatMap((token) => tokensOf(token, stem))
  const parts = hashtags.flatMap(({ text: tag, start }) => tagParts(tag, start))
  return [...tokens, ...parts].sort((a, b) => a.start - b.start || b.end - a.end)
}

/** URLs are stretches of their hosts; of hashtags and mentions the sign is left out. */
function partsOf(text: string): { stretches: Stretch[]; hashtags: Stretch[] } {
  const { hashtags, mentions, urls } = extractEntities(text)
  const offsets = utf16Offsets(text)
  const at = (index: number) => offsets[index] ?? text.length
  const cuts = [
    ...urls.map(({ url, indices: [start, end] }) => ({
      from: at(start),
      to: at(end),
      ...hostOf(url, at(start)),
    })),
    ...[...hashtags, ...mentions].map(({ indices: [start, end] }) => {
      const inner = { text: text.slice(at(start) + 1, at(end)), start: at(start) + 1 }
      return { from: at(start), to: at(end), ...inner }
    }),
  ].sort((a, b) => a.from - b.from)
  const stretches: Stretch[] = []
  let done = 0
  for (const { from, to, text: inner, start } of cuts) {
    stretches.push({ text: text.slice(done, from), start: done }, { text: inner, start })
    done = to
  }
  stretches.push({ text: text.slice(done), start: done })
  const tags = hashtags.map(({ tag, indices: [start] }) => ({ text: tag, start: at(start) + 1 }))
  return { stretches, hashtags: tags }
}

function hostOf(url: string, start: number): Stretch {
  const host = /^https?:\/\/(?:www\.)?([^/?#:]+)/i.exec(url)
  const name = host?.[1] ?? ''
  return { text: name, start: start + (host?.[0].length ?? 0) - name.length }
}

/** The UTF-16 offset of each code point. */
function utf16Offsets(text: string): number[] {
  const offsets: number[] = []
  let offset = 0
  for (const char of text) {
    offsets.push(offset)
    offset += char.length
  }
  return offsets
}

interface RawToken {
  kind: 'emoji' | 'run' | 'code' | 'word'
  raw: string
  start: number
}

function rawTokens(text: string, start: number): RawToken[] {
  return Array.from(text.matchAll(TEXT_TOKENS), ({ 0: raw, index, groups = {} }) => {
    const kind =
      groups.emoji !== undefined
        ? 'emoji'
        : groups.run !== undefined
          ? 'run'
          : groups.code !== undefined
            ? 'code'
            : 'word'
    return { kind, raw, start: start + index } as const
  })
}

function tokensOf(token: RawToken, stem: (word: string) => string | null): Token[] {
  const { kind, raw, start } = token
  const span = { start, end: start + raw.length }
  if (kind === 'run') return pairsOf(raw, start)
  if (kind === 'emoji') return [{ text: foldEmoji(raw), place: 'words', ...span }]
  if (kind === 'code') return [{ text: foldCase(raw), place: 'words', ...span }]
  return elided(token).flatMap(({ raw: word, start: from }) => wordTokens(word, from, stem))
}

function wordTokens(word: string, start: number, stem: (word: string) => string | null): Token[] {
  const joined = wordsOf(word)[0] ?? word
  const span = { start, end: start + word.length }
  const folded = indexable(foldWord(joined))
  if (folded === '') return []
  const stemmed = stem(joined)
  const tokens: Token[] = [{ text: folded, place: 'words', ...span }]
  if (stemmed !== null && stemmed !== folded) tokens.push({ text: stemmed, place: 'forms', ...span })
  return tokens
}

// What is left of a word before an apostrophe in French, Italian and Catalan.
const ELISION = new RegExp(
  `^(?:[cdjlmnst]|qu|un|all|dell|nell|sull|dall|quest)(?=[${APOSTROPHES}]\\p{L}{2})`,
  'iu',
)

/** "l'avion" is two words; other apostrophes are inside of one. */
function elided({ raw, start }: RawToken): { raw: string; start: number }[] {
  const elision = ELISION.exec(raw)?.[0]
  if (elision === undefined) return [{ raw, start }]
  const rest = elision.length + 1
  return [
    { raw: elision, start },
    { raw: raw.slice(rest), start: start + rest },
  ]
}

const POSSESSIVE = new RegExp(`[${APOSTROPHES}]s$`, 'i')
const INNER_SIGNS = new RegExp(`[${APOSTROPHES}\\u200c\\u200d\\u05f3\\u05f4]`, 'g')

/** A word as it is stemmed: without the "'s" of English and without apostrophes; nothing may be left. */
function wordsOf(raw: string): string[] {
  const word = raw.replace(POSSESSIVE, '').replace(INNER_SIGNS, '')
  return word === '' ? [] : [word]
}

/** A token holds no separators, whatever a compatibility form may be made of. */
function indexable(folded: string): string {
  return folded.replace(/[^\p{L}\p{M}\p{N}]+/gu, '')
}

function foldEmoji(raw: string): string {
  return raw.replace(/\p{EMod}|\ufe0e|\ufe0f/gu, '')
}

/** Each character with the next one, so that a phrase of pairs is any piece of the run; a lone character is itself. */
function pairsOf(run: string, start: number): Token[] {
  const units = Array.from(run.matchAll(UNIT), ({ 0: raw, index }) => ({
    text: indexable(foldWord(raw)),
    start: start + index,
    end: start + index + raw.length,
  })).filter(({ text }) => text !== '')
  const [only] = units
  if (units.length === 1 && only !== undefined) return [{ ...only, place: 'words' }]
  return units.flatMap((unit, index): Token[] => {
    const next = units[index + 1]
    const alone: Token[] = isHan(unit.text) || next === undefined ? [{ ...unit, place: 'forms' }] : []
    if (next === undefined) return alone
    return [{ text: unit.text + next.text, place: 'words', start: unit.start, end: next.end }, ...alone]
  })
}

const ANY_PAIRED = new RegExp(PAIRED, 'v')

/** Whether a text has characters of scripts that are found by pairs of them. */
export function isPaired(text: string): boolean {
  return !ASCII.test(text) && ANY_PAIRED.test(text)
}

/** Whether a character is often a word alone. */
export function isHan(unit: string): boolean {
  return /^\p{Script=Han}/u.test(unit)
}

const CASE_BORDER = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u

/** "#ClimateChange" and "#climate_change" have two parts, and `climatechange` as a whole. */
function tagParts(tag: string, start: number): Token[] {
  const segments = Array.from(tag.matchAll(/[^_]+/g), ({ 0: text, index }) => ({
    text,
    start: start + index,
  }))
  const parts = segments.flatMap((segment) => {
    const pieces = segment.text.split(CASE_BORDER)
    if (pieces.length < 2) return []
    let offset = segment.start
    return pieces.map((piece) => {
      offset += piece.length
      return partOf(piece, offset - piece.length)
    })
  })
  return segments.length > 1 ? [partOf(tag, start), ...parts] : parts
}

function partOf(piece: string, start: number): Token {
  return { text: indexable(foldWord(piece)), place: 'forms', start, end: start + piece.length }
}
