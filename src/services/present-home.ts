import type { UserCard } from '../contracts/http/users.ts'
import type { MutedWord, PageEntry, TimelinePage } from '../contracts/timeline.ts'
import { type Card, cardIsMuted, isHiddenBody, joinTweetUtf8, type Reading } from '../contracts/tweet-json.ts'
import { toUtf8, type Utf8Text } from '../contracts/utf8-text.ts'
import type { TweetBodyRecord } from '../db/statements/tweet-columns.ts'
import type { EntryRow } from '../db/statements/tweets.ts'
import { mayStandOnHome } from '../domain/home-rules.ts'
import type { TweetId, UserId } from '../domain/ids.ts'
import { isMutedFor, mutedWordsMatcher, type Written } from '../domain/muted-words.ts'
import type { Freshened } from '../views/freshen.ts'
import { presentTweet } from '../views/present-tweet.ts'
import type { Deps, Viewer } from './deps.ts'

/** Who reads a home timeline, and when. */
export interface HomeReader {
  id: UserId
  nowMs: number
  /** Tells of a text whether it holds what the reader mutes; null where that is nothing. */
  holdsMuted: ((text: string) => boolean) | null
  hidesSensitive: boolean
}

/** The reader of what their object gives, with the preferences that came with it. */
export function readerOfKept(
  deps: Deps,
  { id }: Viewer,
  { mutedWords, hidesSensitive }: Pick<TimelinePage, 'mutedWords' | 'hidesSensitive'>,
): HomeReader {
  const nowMs = deps.now()
  const holdsMuted = mutedWords === null ? null : deps.mutedWords.matcherFor(id, mutedWords, nowMs)
  return { id, nowMs, holdsMuted, hidesSensitive }
}

/** The reader of what Postgres gives, with the words that came with it: what is sensitive is judged there. */
export function readerOfRows(
  { id }: Viewer,
  mutedWords: readonly MutedWord[],
  nowMs: number,
): Omit<HomeReader, 'hidesSensitive'> {
  return { id, nowMs, holdsMuted: mutedWords.length === 0 ? null : mutedWordsMatcher(mutedWords, nowMs) }
}

/** Rules, then present. Null for an entry that the rules drop. */
export function presentEntry(entry: PageEntry, fresh: Freshened, reader: HomeReader): Utf8Text | null {
  const { tweetId, retweeterId, flags } = entry
  const { freshness, quotes } = fresh
  const card = cardOf(entry, fresh)
  const candidate = freshness.get(tweetId) ?? { gone: false, authorIsPrivate: false }
  const retweeter = retweeterOf(entry, fresh)
  const retweeterGone = retweeterId !== null && retweeter === null
  const { ofFollowee } = entry
  if (card === null || !mayStandOnHome({ ...candidate, ofFollowee, retweeterGone })) return null
  if (isUnwanted(entry, fresh, reader)) return null
  const reading: Reading = {
    nowMs: reader.nowMs,
    countsOf: (id) => freshness.get(id as TweetId)?.counts.counts ?? null,
    flagsOf: (id) => (id === tweetId ? flags : (quotes.get(tweetId)?.flags ?? entry.quoteFlags)),
    hides: () => hidesQuote(entry, fresh, reader),
    retweetedBy: retweeter,
  }
  return joinTweetUtf8(card, reading, freshness.get(tweetId)?.counts ?? null)
}

/** As the entry has it where it was not asked for in time. */
function retweeterOf({ retweeterId, retweeter }: PageEntry, { users }: Freshened): UserCard | null {
  const asked = retweeterId === null ? undefined : users.get(retweeterId)
  return asked === undefined ? retweeter : asked
}

/** Whether an entry shows what its reader mutes, or hides as sensitive. */
export function isUnwanted(entry: PageEntry, fresh: Freshened, reader: HomeReader): boolean {
  const { id, holdsMuted, hidesSensitive } = reader
  if (holdsMuted === null && !hidesSensitive) return false
  const card = cardOf(entry, fresh)
  if (card === null) return false
  if (isHiddenBody(card, reader)) return true
  return holdsMuted !== null && cardIsMuted(card, id, holdsMuted, hidesQuote(entry, fresh, reader))
}

function cardOf({ tweetId, card }: PageEntry, { cards }: Freshened): Card | null {
  return cards.get(tweetId) ?? card
}

/** Of a card that the object did not have it does not know the quoted author. */
function hidesQuote(entry: PageEntry, fresh: Freshened, reader: HomeReader): boolean {
  if (fresh.quotes.get(entry.tweetId)?.hidden ?? entry.hidesQuote) return true
  const quoted = cardOf(entry, fresh)?.quote?.body ?? null
  return quoted !== null && isHiddenBody(quoted, reader)
}

/** Null for an entry that Postgres does not show, or that the reader mutes. */
export function presentRow(
  { entry }: EntryRow,
  { id, nowMs, holdsMuted }: Omit<HomeReader, 'hidesSensitive'>,
): Utf8Text | null {
  if (entry === null) return null
  const quoted = entry.tweet.quote?.shown?.tweet ?? null
  const isMuted =
    holdsMuted !== null &&
    isMutedFor(id, holdsMuted, written(entry.tweet), quoted === null ? null : written(quoted))
  if (isMuted) return null
  const tweet = presentTweet(entry.tweet, entry.flags, { viewerId: id, nowMs }, entry.retweeter)
  return toUtf8(JSON.stringify({ ...tweet, impression_count: undefined }))
}

function written({ user, content }: TweetBodyRecord): Written {
  return { authorId: user.id, content }
}
