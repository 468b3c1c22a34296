import { isPaired } from '../domain/search/analysis.ts'
import {
  type Alternatives,
  ANY_TOKEN,
  authorToken,
  hashtagToken,
  MEDIA_TOKEN,
  mentionToken,
  type Phrase,
  phraseOf,
  REPLY_TOKEN,
  recipientToken,
  requiredOf,
} from '../domain/search/text-query.ts'
import { entityOf, type SearchQuery } from '../domain/search-query.ts'

/** A condition of FTS5, and whether any of it is text that BM25 can weigh. */
export interface MatchExpression {
  match: string
  hasText: boolean
}

/** The condition that finds nothing: a phrase without tokens. */
export const NOTHING = '""'

/** FTS5 is told quoted tokens of ours alone, so nothing that somebody types is syntax to it. */
export function matchExpression(query: SearchQuery): MatchExpression {
  const text = [
    ...requiredOf(query.words),
    ...query.phrases.flatMap((phrase) => {
      const alternatives = phraseOf(phrase)
      return alternatives === null ? [] : [alternatives]
    }),
  ]
  const positive = [...text.map(anyOf), ...factsOf(query)]
  const negative = exclusionsOf(query)
  const match = allOf(positive.length > 0 ? positive : [quoted(ANY_TOKEN)])
  return {
    match: negative.length > 0 ? `(${match}) NOT (${negative.join(' OR ')})` : match,
    hasText: text.length > 0,
  }
}

export function allOf(conditions: readonly string[]): string {
  return conditions.map((condition) => `(${condition})`).join(' AND ')
}

export function anyOf(alternatives: Alternatives): string {
  return alternatives.map(phraseMatch).join(' OR ')
}

export function quoted(token: string): string {
  return `"${token.replaceAll('"', '""')}"`
}

function phraseMatch({ tokens, isPrefix }: Phrase): string {
  const phrase = `${quoted(tokens.join(' '))}${isPrefix ? ' *' : ''}`
  return tokens.length > 1 ? `words : ${phrase}` : phrase
}

function factsOf({ hashtags, mentions, from, to, hasMedia, isReply }: SearchQuery): string[] {
  return [
    ...hashtags.map((tag) => quoted(hashtagToken(tag))),
    ...mentions.map((name) => quoted(mentionToken(name))),
    ...(from.length > 0 ? [from.map((name) => quoted(authorToken(name))).join(' OR ')] : []),
    ...(to.length > 0 ? [to.map((name) => quoted(recipientToken(name))).join(' OR ')] : []),
    ...(hasMedia === true ? [quoted(MEDIA_TOKEN)] : []),
    ...(isReply === true ? [quoted(REPLY_TOKEN)] : []),
  ]
}

function exclusionsOf({ excluded, notFrom, hasMedia, isReply }: SearchQuery): string[] {
  return [
    ...excluded.flatMap((entry) => exclusionOf(entry) ?? []),
    ...notFrom.map((name) => quoted(authorToken(name))),
    ...(hasMedia === false ? [quoted(MEDIA_TOKEN)] : []),
    ...(isReply === false ? [quoted(REPLY_TOKEN)] : []),
  ]
}

/** Who excludes a word means that word, not all that have its stem. */
function exclusionOf(entry: string): string | null {
  const { hashtag, mention } = entityOf(entry)
  if (hashtag !== null) return quoted(hashtagToken(hashtag))
  if (mention !== null) return quoted(mentionToken(mention))
  const phrase = phraseOf(entry)
  return phrase === null ? null : phrase.map(inWords).join(' OR ')
}

function inWords(phrase: Phrase): string {
  return phrase.tokens.every(isPaired) ? phraseMatch(phrase) : `words : ${quoted(phrase.tokens.join(' '))}`
}
