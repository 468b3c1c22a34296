import { normalizeUnicode } from './unicode.ts'
import { findUrlEnd } from './url-scan.ts'

/** The most code points a tweet may have once normalized. */
export const MAX_CONTENT_LENGTH = 280

const MAX_TAG_LENGTH = 100
const MAX_TAGS_PER_TWEET = 30
const MAX_MENTIONS_PER_TWEET = 50

/** Start and end (exclusive) in code points, the same in every language's client; the sign is included. */
type Indices = [start: number, end: number]

export interface TweetEntities {
  /** `tag` is as written, without the sign. */
  hashtags: { tag: string; indices: Indices }[]
  mentions: { username: string; indices: Indices }[]
  urls: { url: string; indices: Indices }[]
}

type ContentCheck =
  | { ok: true; content: string }
  | { ok: false; reason: 'blank' | 'too_long'; length: number }

/**
 * A text as we store it: NFC, lines ended by LF, no control characters (Postgres refuses NUL) but newline and
 * tab, no unpaired surrogates, no white space at the ends. Idempotent.
 */
export function normalizeContent(raw: string): string {
  return normalizeUnicode(raw.replace(/\r\n?/g, '\n').replace(/[[\p{Cc}]--[\n\t]]/gv, ''), 'NFC').trim()
}

/** The length as people count it in the API: code points, so an emoji outside the BMP is one. */
export function codePointLength(text: string): number {
  let length = 0
  for (const _ of text) length++
  return length
}

// White space, and what leaves no ink: format characters (except the Arabic and Kaithi number signs, which are
// visible), default ignorables (Hangul fillers, variation selectors), combining marks without a base, the empty
// Braille pattern and the musical null notehead.
const INKLESS =
  /^[\s\p{Cc}[\p{Cf}--[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]]\p{DI}\p{M}\u2800\u{1d159}]*$/v

/** Whether a reader would see nothing at all. */
export function isBlank(text: string): boolean {
  return INKLESS.test(text)
}

/** Normalizes a tweet's text and judges it. `mayBeBlank`: something else (media, a poll, a quote) is there to see. */
export function checkContent(content: string, { mayBeBlank }: { mayBeBlank: boolean }): ContentCheck {
  const normalized = normalizeContent(content)
  const length = codePointLength(normalized)
  if (length > MAX_CONTENT_LENGTH) return { ok: false, reason: 'too_long', length }
  if (!mayBeBlank && isBlank(normalized)) return { ok: false, reason: 'blank', length }
  return { ok: true, content: normalized }
}

/**
 * The hashtags, mentions and URLs of a text in the order they stand there, by the rules of twitter-text with
 * three differences: hosts are judged by their form, not by a list of top-level domains, so a URL needs its
 * `http(s)://`; a joiner (katakana middle dot, ZWNJ, maqaf) belongs to a tag only between letters; user names are
 * ours. Linear in the length of the text.
 */
export function extractEntities(content: string): TweetEntities {
  const entities: TweetEntities = { hashtags: [], mentions: [], urls: [] }
  const toIndices = codePointIndices(content)
  let mentionEnd = -1
  const candidates = /[#＃@＠]|[Hh][Tt][Tt][Pp][Ss]?:\/\//g
  for (let found = candidates.exec(content); found !== null; found = candidates.exec(content)) {
    const start = found.index
    const sign = content.charAt(start)
    if (sign === '#' || sign === '＃') {
      const tag = hashtagAt(content, start)
      if (tag === null) continue
      candidates.lastIndex = start + 1 + tag.length
      entities.hashtags.push({ tag, indices: toIndices(start, candidates.lastIndex) })
    } else if (sign === '@' || sign === '＠') {
      const username = mentionAt(content, start)
      // After a slash it is a path ("medium.example/@kim"), unless the slash parts two mentions ("@kim/@lee").
      if (username === null || (content.charAt(start - 1) === '/' && mentionEnd !== start - 1)) continue
      mentionEnd = candidates.lastIndex = start + 1 + username.length
      entities.mentions.push({ username, indices: toIndices(start, mentionEnd) })
    } else {
      const end = findUrlEnd(content, start)
      if (end === null) continue
      candidates.lastIndex = end
      entities.urls.push({ url: content.slice(start, end), indices: toIndices(start, end) })
    }
  }
  return entities
}

/** Turns UTF-16 offsets, asked for in ascending order, into code points in one pass over the text. */
function codePointIndices(text: string): (start: number, end: number) => Indices {
  let offset = 0
  let codePoints = 0
  const advanceTo = (next: number) => {
    codePoints += codePointLength(text.slice(offset, next))
    offset = next
    return codePoints
  }
  return (start, end) => [advanceTo(start), advanceTo(end)]
}

// Letters, digits and marks of any script but those that cannot be seen (a Hangul filler is a letter to Unicode),
// the selectors of CJK and Mongolian glyph variants, and signs written within words: iteration and sound marks,
// geresh and gershayim, kavyka, tsheg. U+FE0F and enclosing marks make emoji, not words.
const TAG = String.raw`[[\p{L}\p{Mn}\p{Mc}\p{Nd}\p{Nl}_]--\p{DI}][[\p{Variation_Selector}]--[\ufe0e\ufe0f]]〃\u309b\u309c\u05f3\u05f4\ua67e\u0f0b\u0f0c`
// Only between the former: ZWNJ, ZWJ, maqaf, middle dots, wave dashes, katakana double hyphen.
const JOINER = String.raw`\u200c\u200d\u05be\u00b7\u30fb\uff65\u301c\uff5e\u30a0`

const HASHTAG = new RegExp(
  String.raw`(?<![${TAG}&\/])[#＃](?=[[\p{L}\p{Nd}\p{Nl}_]--\p{DI}])([${TAG}${JOINER}]+)`,
  'vy',
)
// The lookbehind starts it only where joiners begin, or a long row of them would take quadratic time.
const TRAILING_JOINERS = new RegExp(`(?<![${JOINER}])[${JOINER}]+$`, 'v')

function hashtagAt(content: string, index: number): string | null {
  HASHTAG.lastIndex = index
  const run = HASHTAG.exec(content)?.[1]
  if (run === undefined) return null
  const tag = run.replace(TRAILING_JOINERS, '')
  if (/^(?:[#＃]|:\/\/)/.test(content.slice(index + 1 + tag.length, index + 4 + tag.length))) return null
  return isTag(tag) ? tag : null
}

/** A letter and at most 100 code points, both also in the folded form that is stored (U+FDFA folds to 15 letters). */
function isTag(tag: string): boolean {
  if (codePointLength(tag) > MAX_TAG_LENGTH || !/\p{L}/u.test(tag)) return false
  const key = foldTag(tag)
  return codePointLength(key) <= MAX_TAG_LENGTH && /\p{L}/u.test(key)
}

// Scripts of which a letter in front of "@" may belong to an e-mail address. Others are written without spaces
// ("の@kim") or attach a preposition ("و@kim").
const ADDRESS_LETTER = String.raw`\w\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\u0300-\u036f`

const MENTION = new RegExp(
  String.raw`(?<![${ADDRESS_LETTER}!#＃$%&*@＠])[@＠]([A-Za-z0-9_]{3,50})(?![\w\p{Script=Latin}\u0300-\u036f@＠]|:\/\/)`,
  'uy',
)

function mentionAt(content: string, index: number): string | null {
  MENTION.lastIndex = index
  return MENTION.exec(content)?.[1] ?? null
}

// Where ZWNJ and ZWJ change nothing to see, they must not make another tag. In Arabic and Indic scripts they spell.
const IDLE_JOINERS =
  /(?<=^|[\p{Script=Common}\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}])[\u200c\u200d]+/gu

/**
 * The key under which a tag is one and the same, however it is typed: NFKC (full and half width, ligatures), lower
 * case, without invisible characters that do not spell. Idempotent. Case is that of no locale: `İ` becomes `i̇`
 * (not `i`), `I` becomes `i` (not `ı`), `ẞ` becomes `ß`, and `ß` is not `ss`; accents count.
 */
export function foldTag(tag: string): string {
  // NFKC would make the fullwidth tilde of Windows' Japanese keyboards an ASCII one; it is meant as a wave dash.
  const compatible = normalizeUnicode(tag.replaceAll('～', '〜'), 'NFKC')
  const visible = compatible.replace(/[\s[\p{DI}--[\u200c\u200d]]]/gv, '').replace(IDLE_JOINERS, '')
  return normalizeUnicode(visible.toLowerCase(), 'NFKC')
}

/** The key under which a user name is one and the same. */
export function foldUsername(username: string): string {
  return username.toLowerCase()
}

/** The key under which an e-mail address is one and the same. */
export function foldEmail(email: string): string {
  return normalizeUnicode(email, 'NFC').toLowerCase()
}

/** The folded tags, each once, in the order they first stand in the text: at most 30. */
export function uniqueTags(entities: TweetEntities): string[] {
  return unique(entities.hashtags.map(({ tag }) => foldTag(tag))).slice(0, MAX_TAGS_PER_TWEET)
}

/** The folded names of the people mentioned, each once, in the order they first stand in the text: at most 50. */
export function uniqueMentions(entities: TweetEntities): string[] {
  return unique(entities.mentions.map(({ username }) => foldUsername(username))).slice(
    0,
    MAX_MENTIONS_PER_TWEET,
  )
}

function unique(keys: string[]): string[] {
  return [...new Set(keys)]
}
