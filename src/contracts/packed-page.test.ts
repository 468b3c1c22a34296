import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EntryId, TweetId, UserId } from '../domain/ids.ts'
import type { UserCard } from './http/users.ts'
import { type PageFrame, packEntry, packPage, unpackPage } from './packed-page.ts'
import type { PageEntry, TimelinePage } from './timeline.ts'
import {
  type Card,
  type CardBody,
  type Counts,
  joinTweetJson,
  joinTweetUtf8,
  type Reading,
  serializeCounts,
} from './tweet-json.ts'
import { fromUtf8 } from './utf8-text.ts'

const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const count = fc.nat(Number.MAX_SAFE_INTEGER)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
/** Any UTF-16: unpaired surrogates, emoji, and what separates fields and lines of a page. */
const text = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\t', '\n', '\r', '"', '\\', '}', ',', '\0', '😀', '\u{feff}', '\u2028', 'ä'),
  }),
)

const userCard: fc.Arbitrary<UserCard> = fc.record({
  id,
  username: text,
  display_name: text,
  avatar_url: maybe(text),
  verified: fc.boolean(),
})

const counts: fc.Arbitrary<Counts> = fc.record({
  likes: count,
  retweets: count,
  replies: count,
  quotes: count,
  bookmarks: count,
  votes: fc.array(fc.nat(1000), { maxLength: 4 }),
})

const poll = fc.record({
  endsAtMs: fc.integer({ min: 0, max: 2 ** 42 }),
  options: fc.array(text, { minLength: 2, maxLength: 4 }),
})

const body: fc.Arbitrary<CardBody> = fc
  .record({ tweetId: id, authorId: id, content: text, user: userCard, counts, poll: maybe(poll) })
  .map(({ content, user, ...rest }) => ({
    ...rest,
    json: JSON.stringify({ id: rest.tweetId, content, user }),
  }))

const card: fc.Arbitrary<Card> = fc
  .record({
    body,
    revision: fc.stringMatching(/^\d{1,9}\.\d{1,9}(\/\d{1,9}\.\d{1,9})?$/),
    quoted: maybe(fc.record({ value: maybe(body) })),
  })
  .map(({ body: own, revision, quoted }) => ({
    ...own,
    revision,
    // A quoted tweet that not everybody may see has no body.
    quote: quoted === null ? null : { tweetId: quoted.value?.tweetId ?? 7, body: quoted.value },
  }))

/** As most are: it quotes nothing and asks nothing. */
const plainCard = card.map((given): Card => ({ ...given, poll: null, quote: null }))

const entry: fc.Arbitrary<PageEntry> = fc
  .record({
    id,
    card: maybe(fc.oneof(plainCard, card)),
    tweetId: id,
    authorId: id,
    retweeter: maybe(userCard),
    flags: fc.nat(63),
    quoteFlags: fc.nat(63),
    ofFollowee: fc.boolean(),
    hidesQuote: fc.boolean(),
    affinity: fc.nat(800),
  })
  .map((given) => ({
    ...given,
    id: given.id as EntryId,
    tweetId: (given.card?.tweetId ?? given.tweetId) as TweetId,
    authorId: (given.card?.authorId ?? given.authorId) as UserId,
    retweeterId: (given.retweeter?.id ?? null) as UserId | null,
  }))

const userIds = fc.array(
  id.map((user) => user as UserId),
  { maxLength: 5 },
)

const frame: fc.Arbitrary<PageFrame> = fc.record({
  top: fc.nat(Number.MAX_SAFE_INTEGER),
  reached: fc.nat(Number.MAX_SAFE_INTEGER),
  floor: fc.nat(Number.MAX_SAFE_INTEGER),
  kept: fc.nat(800),
  pulled: fc.record({
    hash: fc.stringMatching(/^([0-9a-f]{32})?$/),
    authors: userIds,
    silent: userIds,
  }),
  hidesSensitive: fc.boolean(),
  ownCardChangedAtMs: fc.nat(Number.MAX_SAFE_INTEGER),
  mutedWords: maybe(
    fc.record({
      words: fc.array(fc.record({ phrase: text, expiresAtMs: maybe(fc.nat(Number.MAX_SAFE_INTEGER)) })),
      version: fc.nat(Number.MAX_SAFE_INTEGER),
    }),
  ),
})

const page: fc.Arbitrary<TimelinePage> = fc
  .record({ frame, entries: fc.array(entry, { maxLength: 6 }) })
  .map(({ frame: given, entries }) => ({ ...given, entries }))

function packed({ entries, ...rest }: TimelinePage) {
  return packPage(
    rest,
    entries.map((reading) => ({ packed: packEntry(reading, reading.retweeter, reading.card), reading })),
  )
}

/** A card as the object that it is, whatever gives its fields. */
function plain(given: Card): Card {
  const { tweetId, authorId, json, counts: known, poll: asks, revision, quote } = given
  return { tweetId, authorId, json, counts: known, poll: asks, revision, quote }
}

function plainPage({ entries, ...rest }: TimelinePage): TimelinePage {
  return {
    ...rest,
    entries: entries.map((one) => ({ ...one, card: one.card === null ? null : plain(one.card) })),
  }
}

describe('a packed page', () => {
  it('is the page again when it is unpacked, whatever is in it', () => {
    fc.assert(
      fc.property(page, (given) => {
        expect(plainPage(unpackPage(packed(given)))).toEqual(given)
      }),
    )
  })

  it('has no entries when there are none', () => {
    const nothing: TimelinePage = {
      entries: [],
      top: 0,
      reached: 0,
      floor: 0,
      kept: 0,
      pulled: { hash: '', authors: [], silent: [] },
      ownCardChangedAtMs: 0,
      hidesSensitive: true,
      mutedWords: null,
    }
    expect(unpackPage(packed(nothing))).toEqual(nothing)
  })
})

describe('an unpacked card', () => {
  const reading = fc.record({
    nowMs: fc.integer({ min: 0, max: 2 ** 42 }),
    flags: fc.nat(63),
    quoteFlags: fc.nat(63),
    hides: fc.boolean(),
    retweetedBy: maybe(userCard),
    fresh: maybe(counts),
  })

  it('makes the very JSON that the card itself makes, with counts that are known and without', () => {
    fc.assert(
      fc.property(
        entry,
        fc.oneof(plainCard, card),
        reading,
        (given, made, { flags, quoteFlags, hides, fresh, ...rest }) => {
          const [unpacked] = unpackPage(
            packed({
              entries: [
                { ...given, tweetId: made.tweetId as TweetId, authorId: made.authorId as UserId, card: made },
              ],
              top: 0,
              reached: 0,
              floor: 0,
              kept: 0,
              pulled: { hash: '', authors: [], silent: [] },
              ownCardChangedAtMs: 0,
              hidesSensitive: true,
              mutedWords: null,
            }),
          ).entries
          if (unpacked?.card == null) throw new Error('The card is gone')
          const how: Reading = {
            ...rest,
            countsOf: (tweet) => (tweet === made.tweetId ? fresh : null),
            flagsOf: (tweet) => (tweet === made.tweetId ? flags : quoteFlags),
            hides: () => hides,
          }
          const known = fresh === null ? null : serializeCounts(fresh)
          const whole = joinTweetJson(made, how)
          for (const one of [made, unpacked.card]) {
            expect(JSON.parse(fromUtf8(joinTweetUtf8(one, how, known)))).toEqual(JSON.parse(whole))
            expect(fromUtf8(joinTweetUtf8(one, how, known))).toBe(whole)
          }
        },
      ),
    )
  })
})
