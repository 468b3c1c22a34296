import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { UserCard } from './http/users.ts'
import {
  type Card,
  type CardBody,
  type Counts,
  FLAG_BOOKMARKED,
  FLAG_LIKED,
  FLAG_RETWEETED,
  FLAG_VOTE_SHIFT,
  isSensitiveBody,
  joinTweetJson,
  NO_COUNTS,
} from './tweet-json.ts'

const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const count = fc.nat(Number.MAX_SAFE_INTEGER)
/** Any UTF-16, unpaired surrogates, quotes and line ends included. */
const text = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) })
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })

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
  votes: fc.constant([]),
})

const own = fc.record({ id, content: text, user: userCard })

function bodyOf(card: { id: number; user: UserCard }, given: Counts): CardBody {
  return { tweetId: card.id, authorId: card.user.id, json: JSON.stringify(card), counts: given, poll: null }
}

function wholeOf(card: object, given: Counts, flags: number, quote: unknown) {
  return {
    ...card,
    quote_tweet: quote,
    poll: null,
    like_count: given.likes,
    retweet_count: given.retweets,
    reply_count: given.replies,
    quote_count: given.quotes,
    bookmark_count: given.bookmarks,
    is_liked: (flags & FLAG_LIKED) !== 0,
    is_retweeted: (flags & FLAG_RETWEETED) !== 0,
    is_bookmarked: (flags & FLAG_BOOKMARKED) !== 0,
  }
}

const READING = {
  nowMs: 0,
  countsOf: () => null,
  flagsOf: () => 0,
  hides: () => false,
  retweetedBy: null,
}

const simple = (changes: Partial<Card> = {}): Card => ({
  tweetId: 1,
  authorId: 2,
  json: '{"id":1}',
  counts: NO_COUNTS,
  poll: null,
  revision: '1.1',
  quote: null,
  ...changes,
})

it('is what the whole tweet would be serialized to, to the byte', () => {
  fc.assert(
    fc.property(
      own,
      own,
      counts,
      fc.nat(7),
      fc.nat(7),
      maybe(userCard),
      (card, quoted, given, did, didQuoted, by) => {
        const joined = joinTweetJson(
          {
            ...bodyOf(card, given),
            revision: '',
            quote: { tweetId: quoted.id, body: bodyOf(quoted, NO_COUNTS) },
          },
          { ...READING, flagsOf: (tweet) => (tweet === card.id ? did : didQuoted), retweetedBy: by },
        )
        const quote = wholeOf(quoted, NO_COUNTS, quoted.id === card.id ? did : didQuoted, null)
        const whole = { ...wholeOf(card, given, did, quote), ...(by === null ? {} : { retweeted_by: by }) }
        expect(joined).toBe(JSON.stringify(whole))
      },
    ),
  )
})

it('takes fresher counts where they are known', () => {
  const joined = joinTweetJson(simple(), { ...READING, countsOf: () => ({ ...NO_COUNTS, likes: 5 }) })
  expect(JSON.parse(joined)).toMatchObject({ like_count: 5, retweet_count: 0 })
})

describe('a quoted tweet', () => {
  const body: CardBody = { tweetId: 9, authorId: 8, json: '{"id":9}', counts: NO_COUNTS, poll: null }
  const stub = { id: 9, unavailable: true }

  it('is a stub where it may not be seen by everybody', () => {
    const joined = joinTweetJson(simple({ quote: { tweetId: 9, body: null } }), READING)
    expect(JSON.parse(joined)).toMatchObject({ quote_tweet: stub })
  })

  it('is a stub for a reader from whom its author is hidden', () => {
    const card = simple({ quote: { tweetId: 9, body } })
    const joined = joinTweetJson(card, { ...READING, hides: (author) => author === 8 })
    expect(JSON.parse(joined)).toMatchObject({ quote_tweet: stub })
    expect(JSON.parse(joinTweetJson(card, READING))).toMatchObject({
      quote_tweet: { id: 9, quote_tweet: null },
    })
  })
})

describe('a poll', () => {
  const card = simple({
    poll: { endsAtMs: 1000, options: ['yes', 'no'] },
    counts: { ...NO_COUNTS, votes: [3, 1] },
  })

  it('shows its votes, and the reader’s own', () => {
    const flagsOf = () => FLAG_LIKED | (2 << FLAG_VOTE_SHIFT)
    const joined = JSON.parse(joinTweetJson(card, { ...READING, flagsOf }))
    expect(joined.poll).toEqual({
      id: 1,
      options: [
        { position: 0, text: 'yes', vote_count: 3 },
        { position: 1, text: 'no', vote_count: 1 },
      ],
      total_votes: 4,
      ends_at: '1970-01-01T00:00:01.000Z',
      is_closed: false,
      voted: [1],
    })
    expect(joined.is_liked).toBe(true)
  })

  it('is closed from its end on', () => {
    expect(JSON.parse(joinTweetJson(card, { ...READING, nowMs: 999 })).poll).toMatchObject({
      is_closed: false,
      voted: [],
    })
    expect(JSON.parse(joinTweetJson(card, { ...READING, nowMs: 1000 })).poll.is_closed).toBe(true)
  })
})

describe('whether a card is sensitive', () => {
  it('is found in it without parsing it, whatever its texts say', () => {
    const liar = fc.constantFrom('"is_sensitive":true', '\\"is_sensitive":true', '","is_sensitive":true,"')
    const content = fc.tuple(text, fc.oneof(liar, text), text).map((parts) => parts.join(''))
    fc.assert(
      fc.property(content, text, fc.boolean(), (said, name, is_sensitive) => {
        const json = JSON.stringify({ id: 1, user: { display_name: name }, content: said, is_sensitive })
        expect(isSensitiveBody({ ...simple({}), json })).toBe(is_sensitive)
      }),
    )
  })
})
