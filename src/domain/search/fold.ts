import { normalizeUnicode } from '../unicode.ts'

// Marks that may be left out in writing, or are typed for one another. Those of other scripts are letters of their own:
// vowels of Devanagari and Thai, the dakuten of Japanese.
const ACCENTS = /(?<=[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}]\p{Mn}*)\p{Mn}/gu
const HARAKAT = /[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0640]/g
const NIQQUD = /[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]/g
const NUKTA = /\u093c/g

/** Letters that stand for others and have no decomposition of their own. */
const LETTERS: Record<string, string> = {
  ...{ ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ı: 'i', ħ: 'h', ŧ: 't', ς: 'σ' },
  // Alefs, with hamza or madda; taa marbuta, alef maqsura, Persian yeh and kaf.
  ...{ أ: 'ا', إ: 'ا', آ: 'ا', ٱ: 'ا', ة: 'ه', ى: 'ي', ی: 'ي', ک: 'ك' },
}
const FOLDED_LETTERS = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'gu')

/** Most words are: they need no more than lower case. */
export const ASCII = /^[\x20-\x7e]*$/

/**
 * NFKC, lower case, without what is not seen: what all tokens are made of, and what stemmers take. Case is that of no
 * locale.
 */
export function foldCase(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase()
  return normalizeUnicode(normalizeUnicode(text, 'NFKC').toLowerCase(), 'NFC').replace(/\p{DI}/gu, '')
}

/**
 * Without the diacritics of Latin, Greek and Cyrillic and the optional vowels of Arabic and Hebrew, on top of
 * `foldCase`: the one form of a word under which it is indexed and looked for. Idempotent.
 */
export function foldWord(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase()
  const folded = foldCase(text)
    .normalize('NFD')
    .replace(ACCENTS, '')
    .replace(HARAKAT, '')
    .replace(NIQQUD, '')
    .replace(NUKTA, '')
    .normalize('NFC')
  return folded.replace(FOLDED_LETTERS, (letter) => LETTERS[letter] ?? letter)
}
