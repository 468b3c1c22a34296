import fc from 'fast-check'
import { expect, it } from 'vitest'
import { unpackPage } from '../../src/contracts/packed-page.ts'
import type { PageRequest, TimelineOp, TimelinePage } from '../../src/contracts/timeline.ts'
import type { Card } from '../../src/contracts/tweet-json.ts'
import type { PulledAuthorEntry } from '../../src/db/statements/pulled-authors.ts'
import type { EntryId, TweetId, UserId } from '../../src/domain/ids.ts'
import { overlayOf, toAuthorEntries } from '../../src/views/overlay.ts'
import { ANN, BOB, cardOf, deliver, MAL, NOW_MS, OWNER, retract, retweet, undo, withStore } from './stores.ts'

/** A followee whose entries come with an overlay. */
const STAR = 15 as UserId
const SET = { hash: 'h', asOfMs: NOW_MS }

const tweetId = fc.integer({ min: 1, max: 20 })
const authorOf = (id: number) => [ANN, BOB, OWNER][id % 3] ?? ANN

const card = (id: number): fc.Arbitrary<Card> =>
  fc
    .record({
      content: fc.string({ unit: 'binary' }),
      asks: fc.boolean(),
      quotes: fc.option(tweetId, { nil: null }),
      revision: fc.integer({ min: 1, max: 9 }),
    })
    .map(({ content, asks, quotes, revision }) => ({
      ...cardOf(id, `${revision}.1`),
      authorId: authorOf(id),
      json: JSON.stringify({ id, content, emoji: '😀\t\n"' }),
      poll: asks ? { endsAtMs: NOW_MS, options: ['ja\t', 'nein\n'] } : null,
      quote: quotes === null ? null : { tweetId: quotes, body: { ...cardOf(quotes), authorId: MAL } },
    }))

const op: fc.Arbitrary<TimelineOp> = tweetId.chain((id) =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: card(id).map((made) => ({ ...deliver(id, authorOf(id)), card: made }) as TimelineOp),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(card(id), fc.nat(40))
        .map(([made, at]) => retweet(50 + at, id, { card: made, author: authorOf(id) })),
    },
    { weight: 3, arbitrary: card(id).map((made): TimelineOp => ({ type: 'revise', card: made })) },
    {
      weight: 2,
      arbitrary: fc
        .record({ flags: fc.nat(31), version: fc.nat(9) })
        .map((did): TimelineOp => ({ type: 'flags', acted: { tweetId: id as TweetId, ...did } })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(retract(id), undo(50 + id)),
    },
  ),
)

const pulled: fc.Arbitrary<PulledAuthorEntry[]> = fc
  .uniqueArray(fc.record({ id: fc.integer({ min: 100, max: 140 }), of: fc.option(tweetId, { nil: null }) }), {
    selector: ({ id }) => id,
    maxLength: 12,
  })
  .map((entries) =>
    entries
      .sort((a, b) => b.id - a.id)
      .map(({ id, of }) => ({
        id: id as EntryId,
        tweet_id: (of ?? id) as TweetId,
        author_id: of === null ? STAR : authorOf(of),
        is_retweet: of !== null,
        reply_to_user_id: null,
        quoted_id: id % 3 === 0 ? (7 as TweetId) : null,
        quoted_author_id: id % 3 === 0 ? MAL : null,
        card: null,
      })),
  )

const place = fc.integer({ min: 1, max: 150 })
const request: fc.Arbitrary<PageRequest> = fc.record({
  limit: fc.integer({ min: 1, max: 30 }),
  before: fc.option(place, { nil: null }),
  top: fc.option(place, { nil: null }) as fc.Arbitrary<EntryId | null>,
  offset: fc.nat(5),
  wantsAffinity: fc.boolean(),
})

function plain({ entries, ...page }: TimelinePage) {
  const cards = entries.map(({ card: given, ...entry }) => {
    if (given === null) return { ...entry, card: null }
    const { tweetId: id, authorId, json, counts, poll, revision, quote } = given
    return { ...entry, card: { tweetId: id, authorId, json, counts, poll, revision, quote } }
  })
  return { ...page, entries: cards }
}

it('a page of a store is the same page packed, with what came since it was packed before', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(op, { minLength: 5, maxLength: 25, size: 'max' }), { minLength: 1, maxLength: 3 }),
      fc.option(pulled, { nil: null }),
      fc.array(fc.tuple(request, fc.option(place, { nil: null })), {
        minLength: 1,
        maxLength: 4,
        size: 'max',
      }),
      (rounds, entries, requests) =>
        withStore(
          (store) => {
            if (entries !== null) store.takePullSet({ authors: [STAR], left: [] }, SET)
            for (const ops of rounds) {
              for (const one of ops) store.apply(one, NOW_MS)
              for (const [asked, above] of requests) {
                const range = { ...asked, ...(above === null ? {} : { after: above }), wanted: asked.limit }
                const authors = entries === null ? [] : [toAuthorEntries(STAR, entries, true)]
                const overlay = entries === null ? {} : { overlay: overlayOf(authors, range) }
                const { wanted: _wanted, ...page } = { ...range, ...overlay }
                expect(plain(unpackPage(store.packedPage(page)))).toEqual(plain(store.page(page)))
              }
            }
          },
          { followees: [ANN, BOB, MAL, STAR] },
        ),
    ),
    { numRuns: 60 },
  )
})

it('affinity counts the tweets on which the owner acted, each once however often it was retweeted', () =>
  withStore((store) => {
    for (const one of [deliver(1), deliver(2), deliver(3), retweet(60, 1), retweet(61, 2)])
      store.apply(one, NOW_MS)
    for (const id of [1, 2] as TweetId[]) {
      store.apply({ type: 'flags', acted: { tweetId: id, flags: 1, version: 1 } }, NOW_MS)
    }
    const page = store.page({ limit: 10, before: null, top: null, offset: 0, wantsAffinity: true })
    expect(page.entries.map(({ id, affinity }) => [id, affinity])).toEqual([
      [61, 2],
      [60, 2],
      [3, 2],
    ])
  }))
