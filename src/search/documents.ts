import type { PersonDocument, Removal, TweetDocument } from '../contracts/search.ts'
import { analyze } from '../domain/search/analysis.ts'
import { foldWord } from '../domain/search/fold.ts'
import { isTerm, type TermKind } from '../domain/search/near-terms.ts'
import { engagementTier } from '../domain/search/ranking.ts'
import {
  ANY_TOKEN,
  authorToken,
  hashtagToken,
  MEDIA_TOKEN,
  mentionToken,
  REPLY_TOKEN,
  recipientToken,
  tierToken,
} from '../domain/search/text-query.ts'
import { foldTag } from '../domain/tweet-text.ts'

/** A word of the vocabulary. */
export interface Term {
  kind: TermKind
  word: string
}

/** What is written of a document: columns are tokens separated by spaces, booleans 0 and 1. */
export interface TweetRow {
  id: number
  version: number
  removed: number
  sensitive: number
  engagement: number
  tier: number
  /** `[key, tag]`; none of a sensitive tweet, because tags are suggested to everybody. */
  tags: [string, string][]
  words: string
  forms: string
  facts: string
}

export interface PersonRow {
  id: number
  version: number
  removed: number
  handle: string
  tier: number
  names: string
  bio: string
}

const joined = (tokens: readonly string[]) => tokens.join(' ')
const unique = <T>(items: readonly T[]) => [...new Set(items)]

/** A tag without its diacritics: what it is looked up by. */
export function tagKey(tag: string): string {
  return hashtagToken(tag).slice(1)
}

export function tweetRow(tweet: TweetDocument): { row: TweetRow; terms: Term[] } {
  const tokens = analyze(tweet.content)
  const words = tokens.filter(({ place }) => place === 'words').map(({ text }) => text)
  const forms = unique(tokens.filter(({ place }) => place === 'forms').map(({ text }) => text))
  const tags = new Map(tweet.hashtags.map((tag) => [foldTag(tag), tagKey(tag)]))
  const row: TweetRow = {
    id: tweet.id,
    version: tweet.version,
    removed: 0,
    sensitive: Number(tweet.isSensitive),
    engagement: tweet.engagement,
    tier: engagementTier(tweet.engagement),
    tags: tweet.isSensitive ? [] : Array.from(tags, ([tag, key]) => [key, tag]),
    words: joined(words),
    forms: joined(forms),
    facts: joined(factsOf(tweet)),
  }
  return {
    row,
    terms: [
      ...unique(words)
        .filter(isTerm)
        .map((word): Term => ({ kind: '', word })),
      ...[...tags.values()].filter(isTerm).map((word): Term => ({ kind: '#', word })),
    ],
  }
}

function factsOf(tweet: TweetDocument): string[] {
  const tiers = Array.from({ length: engagementTier(tweet.engagement) }, (_, below) => tierToken(below + 1))
  return [
    ANY_TOKEN,
    authorToken(tweet.username),
    ...(tweet.replyTo === null ? [] : [REPLY_TOKEN, recipientToken(tweet.replyTo)]),
    ...(tweet.hasMedia ? [MEDIA_TOKEN] : []),
    ...tiers,
    ...unique(tweet.hashtags.map(hashtagToken)),
    ...unique(tweet.mentions.map(mentionToken)),
  ]
}

export function removedTweet({ id, version }: Removal): TweetRow {
  const nothing = { sensitive: 0, engagement: 0, tier: 0, tags: [], words: '', forms: '', facts: '' }
  return { id, version, removed: 1, ...nothing }
}

/** People's rowids in their FTS table: the tier above the id, so that the best known are read first. */
export const PLACE_SHIFT = 53

/** Verified people are above all others. */
const VERIFIED_TIER = 64

/**
 * Where a person stands among those who are found alike: the verified first, then by the powers of two of their
 * followers. Below 128, so that it and an id are one 60-bit number.
 */
function personTier({ isVerified, followerCount }: PersonDocument): number {
  return (
    (isVerified ? VERIFIED_TIER : 0) + Math.min(VERIFIED_TIER - 1, Math.floor(Math.log2(followerCount + 1)))
  )
}

export function handleToken(username: string): string {
  return mentionToken(username)
}

/** What people are found by: their handle, whole and in parts, and the words of their name. */
export function nameWords(text: string): string[] {
  return unique(analyze(text).map((token) => token.text))
}

/** What is typed of a name: the words as they stand there, because the beginning of a word has no stem. */
export function typedWords(text: string): string[] {
  return unique(
    analyze(text)
      .filter(({ place }) => place === 'words')
      .map((token) => token.text),
  )
}

export function personRow(person: PersonDocument): { row: PersonRow; terms: Term[] } {
  const handle = handleToken(person.username).slice(1)
  const names = unique([
    handle,
    foldWord(handle),
    ...nameWords(splitHandle(person.username)),
    ...nameWords(person.displayName),
  ])
  const row: PersonRow = {
    id: person.id,
    version: person.version,
    removed: 0,
    handle,
    tier: personTier(person),
    names: joined(names),
    bio: joined(analyze(person.bio).map(({ text }) => text)),
  }
  return { row, terms: names.filter(isTerm).map((word) => ({ kind: '@', word })) }
}

/** "AdaLovelace" and "ada_lovelace" are two names. */
function splitHandle(username: string): string {
  return username.replace(/(?<=[a-z0-9])(?=[A-Z])|_+/g, ' ')
}

export function removedPerson({ id, version }: Removal): PersonRow {
  return { id, version, removed: 1, handle: '', tier: 0, names: '', bio: '' }
}
