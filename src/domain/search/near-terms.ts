/** What a term of the vocabulary is: a word of texts, a hashtag or a part of somebody's name. */
export type TermKind = '' | '#' | '@'

const MAX_TERM_LENGTH = 20
// Words of scripts that are found by pairs of characters have no near ones.
const TERM = new RegExp(
  String.raw`^[\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Arabic}\p{sc=Hebrew}\p{sc=Devanagari}\p{sc=Armenian}\p{sc=Georgian}\p{sc=Bengali}\p{sc=Tamil}\p{sc=Telugu}\p{M}]{3,${MAX_TERM_LENGTH}}$`,
  'u',
)

/** Whether a folded word is one that may be misspelt. */
export function isTerm(word: string): boolean {
  return TERM.test(word)
}

/** How many mistakes are forgiven in a word of so many letters (as Elasticsearch's `AUTO`, and two a letter later). */
export function forgivenMistakes(length: number): number {
  if (length < 3) return 0
  return length < 7 ? 1 : 2
}

/** The trigrams of a word, its ends marked; of one kind of terms alone. */
export function gramsOf(kind: TermKind, word: string): string[] {
  const letters = ['^', ...word, '$']
  return [...new Set(letters.slice(2).map((_, index) => kind + letters.slice(index, index + 3).join('')))]
}

/**
 * The least number of letters left out, put in, replaced or changed with their neighbour that makes one word another
 * (optimal string alignment); `limit` + 1 when there are more. O(length × length).
 */
export function editDistance(from: string, to: string, limit: number): number {
  const a = [...from]
  const b = [...to]
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      const replaced = (last[j - 1] ?? 0) + cost
      const shifted = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(Math.min(replaced, shifted, isSwap ? (beforeLast[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY))
    }
    beforeLast = last
    last = row
  }
  return Math.min(last[b.length] ?? limit + 1, limit + 1)
}
