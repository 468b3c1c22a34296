import { foldTag } from '../tweet-text.ts'
import { analyze, isHan, isPaired, type Token } from './analysis.ts'
import { foldWord } from './fold.ts'
import { possibleStems, stopWordsAmong } from './languages.ts'
import { isParticle } from './particles.ts'

/**
 * Tokens that stand one after the other in `words`; one alone may stand anywhere. With `isPrefix` the last one is the
 * beginning of a token.
 */
export interface Phrase {
  tokens: string[]
  isPrefix: boolean
}

/** One of these must be there. */
export type Alternatives = Phrase[]

const segmenter = new Intl.Segmenter('ja', { granularity: 'word' })

const phrase = (tokens: string[], isPrefix = false): Phrase => ({ tokens, isPrefix })

/**
 * What a word, as it was typed, asks for: each entry must be found. Usually one; more of a script without spaces, where a
 * dictionary finds the borders (in the query alone, so that the index does not depend on its version); none of a word that
 * says nothing (a particle) and of what has no tokens.
 */
function requirementsOf(word: string): { alternatives: Alternatives; isParticle: boolean }[] {
  return wordSegments(word).flatMap((segment) => {
    const alternatives = alternativesOf(segment)
    return alternatives.length === 0 ? [] : [{ alternatives, isParticle: isParticle(segment) }]
  })
}

function wordSegments(word: string): string[] {
  if (!isPaired(word)) return [word]
  return Array.from(segmenter.segment(word), ({ segment }) => segment)
}

function alternativesOf(segment: string): Alternatives {
  const tokens = phraseTokens(segment)
  const [only] = tokens
  if (only === undefined) return []
  if (tokens.length > 1) return [phrase(tokens)]
  const exact = phrase([only])
  if (isPaired(only)) return [...only].length === 1 && !isHan(only) ? [exact, phrase([only], true)] : [exact]
  const stems = possibleStems(segment.replace(/['\u2019]s$/i, '').replace(/[^\p{L}\p{M}\p{N}]/gu, ''))
  return [exact, ...stems.filter((stem) => stem !== only).map((stem) => phrase([stem]))]
}

/** Without what stands for them in another form, but for a lone character. */
function phraseTokens(text: string): string[] {
  return analyze(text)
    .filter(({ place }) => place === 'words')
    .map((token: Token) => token.text)
}

/** A phrase as it must stand; null when there is nothing in it. */
export function phraseOf(text: string): Alternatives | null {
  const tokens = phraseTokens(text)
  const [only] = tokens
  if (only === undefined) return null
  if (tokens.length > 1) return [phrase(tokens)]
  return isPaired(only) && [...only].length === 1 ? [phrase([only]), phrase([only], true)] : [phrase([only])]
}

/** What the words of a query ask for, without stop words unless it has no others. */
export function requiredOf(words: readonly string[]): Alternatives[] {
  const stopped = stopWordsAmong(words)
  const all = words.flatMap((word) =>
    requirementsOf(word).map(({ alternatives, isParticle: isIdle }) => ({
      alternatives,
      isIdle: isIdle || stopped.has(foldWord(word)),
    })),
  )
  const telling = all.filter(({ isIdle }) => !isIdle)
  return (telling.length > 0 ? telling : all).map(({ alternatives }) => alternatives)
}

/** The one token of a hashtag, a mention or another fact of a tweet. */
export const hashtagToken = (tag: string) => fact('#', foldWord(foldTag(tag)))
export const mentionToken = (username: string) => fact('@', username.toLowerCase())
export const authorToken = (username: string) => fact('from:', username.toLowerCase())
export const recipientToken = (username: string) => fact('to:', username.toLowerCase())
export const tierToken = (tier: number) => `is:e${tier}`
export const MEDIA_TOKEN = 'is:media'
export const REPLY_TOKEN = 'is:reply'
/** Of every tweet. */
export const ANY_TOKEN = 'is:any'

function fact(sign: string, name: string): string {
  return sign + name.toWellFormed().replace(/[\s"\p{Cc}]+/gu, '')
}
