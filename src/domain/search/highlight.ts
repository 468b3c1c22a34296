import type { SearchQuery } from '../search-query.ts'
import { extractEntities, foldTag } from '../tweet-text.ts'
import { analyze, type Token } from './analysis.ts'
import { foldWord } from './fold.ts'
import { type Phrase, phraseOf, requiredOf } from './text-query.ts'

/** Start and end (exclusive) in code points. */
export type Range = [start: number, end: number]

/**
 * What of a text a query found: words in any form, phrases, characters of scripts without spaces, hashtags and mentions.
 * In order, without overlaps.
 */
export function highlight(content: string, query: SearchQuery): Range[] {
  const tokens = analyze(content)
  const phrases = [
    ...requiredOf(query.words),
    ...query.phrases.flatMap((text) => [phraseOf(text) ?? []]),
  ].flat()
  const found = phrases.flatMap((phrase) => occurrences(tokens, phrase))
  return merged([...toCodePoints(content, found), ...entityRanges(content, query)])
}

function occurrences(tokens: readonly Token[], { tokens: wanted, isPrefix }: Phrase): Range[] {
  const [only] = wanted
  if (wanted.length === 1 && only !== undefined)
    return tokens.flatMap((token) => spotOf(token, only, isPrefix))
  const words = tokens.filter(({ place }) => place === 'words')
  return words.flatMap((first, index): Range[] => {
    const run = words.slice(index, index + wanted.length)
    if (run.length < wanted.length || run.some(({ text }, offset) => text !== wanted[offset])) return []
    return [[first.start, run.at(-1)?.end ?? first.end]]
  })
}

/** Of a pair of characters that begins with the one looked for, that one. */
function spotOf({ text, start, end }: Token, wanted: string, isPrefix: boolean): Range[] {
  if (text === wanted) return [[start, end]]
  return isPrefix && text.startsWith(wanted) ? [[start, start + wanted.length]] : []
}

function entityRanges(content: string, { hashtags, mentions }: SearchQuery): Range[] {
  const tags = new Set(hashtags.map((tag) => foldWord(foldTag(tag))))
  const entities = extractEntities(content)
  return [
    ...entities.hashtags.filter(({ tag }) => tags.has(foldWord(foldTag(tag)))),
    ...entities.mentions.filter(({ username }) => mentions.includes(username.toLowerCase())),
  ].map(({ indices }) => indices)
}

function toCodePoints(content: string, ranges: readonly Range[]): Range[] {
  const codePoints = new Uint32Array(content.length + 1)
  let count = 0
  for (let offset = 0; offset < content.length; offset++) {
    codePoints[offset] = count
    const unit = content.codePointAt(offset) ?? 0
    if (unit > 0xffff) codePoints[++offset] = count
    count++
  }
  codePoints[content.length] = count
  return ranges.map(([start, end]) => [codePoints[start] ?? 0, codePoints[end] ?? count])
}

function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = []
  for (const [start, end] of ranges.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const last = result.at(-1)
    if (last !== undefined && start < last[1]) last[1] = Math.max(last[1], end)
    else result.push([start, end])
  }
  return result
}
