import { codePointLength, extractEntities } from '../tweet-text.ts'
import { normalizeUnicode } from '../unicode.ts'
import { isStopWord } from './stop-words.ts'

/** The most topics of one tweet: 280 code points hold fewer words than that of nearly all tweets. */
const TOPICS_MAX = 80
const WORD_LENGTH_MAX = 40
/** Alphabets need three letters to say something; where a letter is a syllable or a word, two do. */
const LETTERS_MIN = 3
const SYLLABLES_MIN = 2

const APOSTROPHES = /[\u2018\u2019\u02bc\uff07`]/g
/** What cannot be seen and spells nothing. Joiners spell in Arabic and Indic scripts. */
const INVISIBLE = /[\p{DI}--[\u200c\u200d]]/gv

/** Words with what stands between them: what is no more than a space leaves two words beside one another. */
const WORDS = /[\p{L}\p{M}\p{N}_\u200c\u200d]+(?:'[\p{L}\p{M}]+)*|\s+|[^\p{L}\p{M}\p{N}_\s]+/gv
const IN_WORD = /^[\p{L}\p{M}\p{N}_]/v
/** English contractions say nothing, and what is possessive is about the possessor. */
const CONTRACTION = /'(?:ll|re|ve|d|m|t)$/
const POSSESSIVE = /'s$/

const UNSPACED =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/v
const SYLLABIC = /^[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{M}]+$/v
/** Of Japanese these are particles and endings. */
const HIRAGANA = /^\p{scx=Hiragana}+$/v

/** Its dictionaries know where words of unspaced scripts end, whatever the locale. */
const segmenter = new Intl.Segmenter('en', { granularity: 'word' })

/** A word of the text, and whether it stands right beside the one before: apart, or in one with it. */
interface Word {
  text: string
  follows: 'spaced' | 'unspaced' | null
}

/**
 * What a tweet may be about, each once: its words, and phrases of two words that stand beside one another, in NFKC and lower
 * case. Without stop words of the major languages, what is shorter than a word is, numbers, URLs, mentions and hashtags (which trend
 * for themselves). Pure: the same text has the same topics.
 */
export function topicsOf(content: string): string[] {
  const topics = new Set<string>()
  let before: string | null = null
  for (const { text, follows } of wordsOf(textOf(content))) {
    const word = contentWord(text)
    if (word !== null) topics.add(word)
    if (word !== null && before !== null && follows !== null && word !== before) {
      topics.add(before + (follows === 'spaced' ? ' ' : '') + word)
    }
    before = word
  }
  return [...topics].slice(0, TOPICS_MAX)
}

/** The text without its URLs, mentions and hashtags, each of which parts the words around it. */
function textOf(content: string): string {
  const { hashtags, mentions, urls } = extractEntities(content)
  const points = [...content]
  for (const { indices } of [...hashtags, ...mentions, ...urls]) points.fill('|', indices[0], indices[1])
  return normalizeUnicode(points.join('').replace(APOSTROPHES, "'"), 'NFKC')
    .replace(INVISIBLE, '')
    .toLowerCase()
}

function* wordsOf(text: string): Generator<Word> {
  let isBeside = false
  for (const [run] of text.matchAll(WORDS)) {
    if (!IN_WORD.test(run)) {
      isBeside = isBeside && /^[ \u00a0]+$/.test(run)
      continue
    }
    if (UNSPACED.test(run)) {
      yield* segmentsOf(run)
    } else {
      yield { text: run, follows: isBeside ? 'spaced' : null }
    }
    isBeside = !UNSPACED.test(run)
  }
}

function* segmentsOf(run: string): Generator<Word> {
  let isFirst = true
  for (const { segment } of segmenter.segment(run)) {
    yield { text: segment, follows: isFirst ? null : 'unspaced' }
    isFirst = false
  }
}

/** The word without contraction or elision where it says something by itself, else null. */
function contentWord(text: string): string | null {
  if (isStopWord(text) || CONTRACTION.test(text)) return null
  const parts = text.replace(POSSESSIVE, '').split("'")
  const word = parts.reduce((longest, part) => (part.length > longest.length ? part : longest), '')
  const length = codePointLength(word)
  const isLong = length >= (SYLLABIC.test(word) ? SYLLABLES_MIN : LETTERS_MIN) && length <= WORD_LENGTH_MAX
  if (!isLong || !/^\p{L}/u.test(word) || isStopWord(word)) return null
  return HIRAGANA.test(word) && length <= LETTERS_MIN ? null : word
}
