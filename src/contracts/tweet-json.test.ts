import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { TweetCard, TweetCounts, ViewerFlags } from './http/tweets.ts'
import type { UserCard } from './http/users.ts'
import { FLAG_BOOKMARKED, FLAG_LIKED, FLAG_RETWEETED, joinTweetJson } from './tweet-json.ts'

const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const count = fc.nat(Number.MAX_SAFE_INTEGER)
/** Any UTF-16, unpaired surrogates, quotes and line ends included. */
const text = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) })
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
const indices = fc.tuple(fc.nat(280), fc.nat(280))

const userCard: fc.Arbitrary<UserCard> = fc.record({
  id,
  username: text,
  display_name: text,
  avatar_url: maybe(text),
  verified: fc.boolean(),
})

const tweetCard: fc.Arbitrary<TweetCard> = fc.record({
  id,
  user: userCard,
  content: text,
  media_urls: fc.array(text),
  media: fc.constant([]),
  reply_to_id: maybe(id),
  conversation_id: id,
  quote_tweet: fc.constant(null),
  poll: fc.constant(null),
  entities: fc.record({
    hashtags: fc.array(fc.record({ tag: text, indices })),
    mentions: fc.array(fc.record({ id, username: text, indices })),
    urls: fc.array(fc.record({ url: text, indices })),
  }),
  is_sensitive: fc.boolean(),
  edited_at: maybe(text),
  created_at: text,
})

const counts: fc.Arbitrary<TweetCounts> = fc.record({
  like_count: count,
  retweet_count: count,
  reply_count: count,
  quote_count: count,
  bookmark_count: count,
})
const flags: fc.Arbitrary<ViewerFlags> = fc.record({
  is_liked: fc.boolean(),
  is_retweeted: fc.boolean(),
  is_bookmarked: fc.boolean(),
})

function join(card: TweetCard, given: TweetCounts, did: ViewerFlags, retweetedBy: UserCard | null): string {
  return joinTweetJson(
    JSON.stringify(card),
    {
      likes: given.like_count,
      retweets: given.retweet_count,
      replies: given.reply_count,
      quotes: given.quote_count,
      bookmarks: given.bookmark_count,
    },
    (did.is_liked ? FLAG_LIKED : 0) |
      (did.is_retweeted ? FLAG_RETWEETED : 0) |
      (did.is_bookmarked ? FLAG_BOOKMARKED : 0),
    retweetedBy,
  )
}

it('is what the whole tweet would be serialized to, to the byte', () => {
  fc.assert(
    fc.property(tweetCard, counts, flags, maybe(userCard), (card, given, did, retweetedBy) => {
      const whole = {
        ...card,
        ...given,
        ...did,
        ...(retweetedBy === null ? {} : { retweeted_by: retweetedBy }),
      }
      expect(join(card, given, did, retweetedBy)).toBe(JSON.stringify(whole))
    }),
  )
})

it('takes no notice of flags that it does not know', () => {
  const joined = joinTweetJson(
    '{"id":1}',
    { likes: 0, retweets: 0, replies: 0, quotes: 0, bookmarks: 0 },
    8 | FLAG_LIKED,
  )
  expect(JSON.parse(joined)).toMatchObject({ is_liked: true, is_retweeted: false, is_bookmarked: false })
})
