import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OVERLAY, OVERLAY_COLUMNS, type Overlay, type TimelinePage } from '../contracts/timeline.ts'
import type { PulledAuthorEntry } from '../db/statements/pulled-authors.ts'
import type { EntryId, TweetId, UserId } from '../domain/ids.ts'
import { EntryList, type KeptEntry } from '../durable-objects/timeline/entry-list.ts'
import { type PageSource, readPage } from '../durable-objects/timeline/page.ts'
import { type AuthorEntries, newerRetweet, overlayOf, toAuthorEntries } from './overlay.ts'

const OWNER = 1 as UserId
/** Followees whose entries are delivered. */
const FRIENDS = [11, 12] as UserId[]
/** Followees whose entries come with an overlay. */
const STARS = [21, 22, 23] as UserId[]
/** Whom the owner does not follow, and whom the owner mutes. */
const STRANGER = 31 as UserId
const MUTED = 32 as UserId
const EVERYBODY = [...FRIENDS, ...STARS, ...STARS, STRANGER, MUTED]

interface Posted {
  id: number
  tweetId: number
  authorId: UserId
  by: UserId
  replyTo: UserId | null
}

interface World {
  /** All that ever happened, oldest first: ids count from 10 in tens. */
  posts: Posted[]
  gone: Set<number>
  /** The object holds what is not below. */
  floor: number
  /** Of each star's entries so many, the newest, are known. */
  known: number
  /** What the object was told of stars, when they were not yet. */
  delivered: Set<number>
}

const happening = fc.record({
  by: fc.constantFrom(...EVERYBODY),
  /** Which tweet before is retweeted, when one is. */
  retweets: fc.option(fc.nat(200), { nil: null, freq: 2 }),
  replyTo: fc.option(fc.constantFrom(OWNER, STRANGER, ...FRIENDS, ...STARS), { nil: null, freq: 3 }),
  luck: fc.nat(9),
})

const world: fc.Arbitrary<World> = fc
  .record({
    happenings: fc.array(happening, { minLength: 20, maxLength: 90, size: 'max' }),
    floor: fc.oneof(fc.constant(0), fc.nat(500)),
    known: fc.oneof(fc.constant(1000), fc.integer({ min: 3, max: 40 })),
  })
  .map(({ happenings, floor, known }) => {
    const posts: Posted[] = []
    const gone = new Set<number>()
    const delivered = new Set<number>()
    for (const [n, { by, retweets, replyTo, luck }] of happenings.entries()) {
      const id = (n + 1) * 10
      const tweets = posts.filter((post) => post.id === post.tweetId)
      const tweet = retweets === null ? undefined : tweets[retweets % Math.max(1, tweets.length)]
      const isRepeated = posts.some((post) => post.by === by && post.tweetId === tweet?.id)
      if (tweet !== undefined && !isRepeated) posts.push({ ...tweet, id, by, replyTo: null })
      else posts.push({ id, tweetId: id, authorId: by, by, replyTo: replyTo === by ? null : replyTo })
      if (luck === 0) gone.add(posts.at(-1)?.tweetId ?? 0)
      if (luck < 4) delivered.add(id)
    }
    return { posts, gone, floor, known, delivered }
  })

const hears = (user: UserId) => user === OWNER || FRIENDS.includes(user) || STARS.includes(user)

/** Whether fan-out would have told the owner's timeline of it. */
function isForOwner({ gone }: World, { tweetId, authorId, by, replyTo }: Posted): boolean {
  return !gone.has(tweetId) && authorId !== MUTED && hears(by) && (replyTo === null || hears(replyTo))
}

/** What cannot be seen below: of some star there is more than is known. */
function floorOf(given: World): number {
  const floors = STARS.map((star) => knownOf(given, star)).map(({ floor }) => floor)
  return Math.max(given.floor, ...floors)
}

function knownOf({ posts, known }: World, star: UserId): AuthorEntries {
  const all = posts.filter(({ by }) => by === star).toReversed()
  const entries = all.slice(0, known).map(
    ({ id, tweetId, authorId, replyTo }): PulledAuthorEntry => ({
      id: id as EntryId,
      tweet_id: tweetId as TweetId,
      author_id: authorId,
      is_retweet: id !== tweetId,
      reply_to_user_id: replyTo,
      quoted_id: null,
      quoted_author_id: null,
      card: null,
    }),
  )
  return toAuthorEntries(star, entries, all.length <= known)
}

/** What the timeline shows of a world down to its floor, put simply: newest first, each tweet where it was last told of. */
function shownIn(given: World, top: number): number[] {
  const told = given.posts.filter((post) => post.id <= top && isForOwner(given, post)).toReversed()
  const first = told.filter((post, at) => told.findIndex(({ tweetId }) => tweetId === post.tweetId) === at)
  return first.map(({ id }) => id).filter((id) => id >= floorOf(given))
}

function sourceOf(given: World): PageSource {
  const kept = given.posts
    .filter((post) => post.id >= given.floor && isForOwner(given, post))
    .filter(({ id, by }) => !STARS.includes(by) || given.delivered.has(id))
    .map(
      ({ id, tweetId, authorId, by }): KeptEntry => ({
        id: id as EntryId,
        tweetId: tweetId as TweetId,
        authorId,
        retweeterId: id === tweetId ? null : by,
        retweeter: null,
        seq: 0,
        card: null,
      }),
    )
  return {
    entries: new EntryList(kept.toReversed()),
    floor: given.floor,
    pulled: { hash: 'h', authors: new Set(STARS) },
    ownCardChangedAtMs: 0,
    mutedWords: null,
    hidesSensitive: true,
    hears,
    isDropped: (user) => user === MUTED,
    isSilent: () => false,
    isGone: (id) => given.gone.has(id),
    isOwner: (user) => user === OWNER,
    flagsOf: () => 0,
    cardOf: () => null,
    isUnwanted: () => false,
  }
}

interface Asked {
  before?: number | null
  after?: number
  top: number | null
  limit: number
  /** How many entries the overlay is asked for. */
  wanted: number
  offset?: number
}

/** A page as the Worker reads it: with an overlay, and without what a star retweeted further up. */
function read(given: World, { before = null, after, top, limit, wanted, offset = 0 }: Asked) {
  const authors = STARS.map((star) => knownOf(given, star))
  const range = { before, top: top as EntryId | null, ...(after === undefined ? {} : { after }) }
  const overlay = overlayOf(authors, { ...range, wanted })
  const page = readPage(sourceOf(given), { ...range, limit, offset, overlay })
  const entries = page.entries.filter(({ id, tweetId }) => !newerRetweet(authors, tweetId, id, page.top))
  return { page, overlay, ids: entries.map(({ id }) => id as number) }
}

const limit = fc.integer({ min: 1, max: 30 })
const wanted = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(100))
const place = fc.nat(92).map((n) => n * 10)

const inRange = (ids: readonly number[], from: number, to: number) =>
  ids.filter((id) => id >= from && id <= to)

describe('a page of older entries', () => {
  it('has all that the timeline shows from where it begins to where it has come', () => {
    fc.assert(
      fc.property(
        world,
        limit,
        wanted,
        fc.option(place, { nil: null }),
        place,
        (given, most, want, before, top) => {
          const { page, ids } = read(given, { before, top, limit: most, wanted: want })
          const shown = shownIn(given, top)
          expect(ids).toEqual(inRange(shown, page.reached, (before ?? 10_000) - 1))
          expect(page.entries.length).toBeLessThanOrEqual(most)
          expect(page).toMatchObject({ top, floor: floorOf(given) })
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is full, or has come to the end of what is known', () => {
    fc.assert(
      fc.property(world, limit, wanted, place, (given, most, want, top) => {
        const { page, overlay } = read(given, { top, limit: most, wanted: want })
        const isFull = page.entries.length === most
        expect(isFull || page.reached === Math.max(floorOf(given), overlay.reaches)).toBe(true)
      }),
    )
  })

  it('goes on where the one before has ended, to the floor, and nothing is missing or comes twice', () => {
    fc.assert(
      fc.property(world, limit, wanted, (given, most, want) => {
        const seen: number[] = []
        let top: number | null = null
        let before: number | null = null
        do {
          const { page, ids }: { page: TimelinePage; ids: number[] } = read(given, {
            before,
            top,
            limit: most,
            wanted: want,
          })
          seen.push(...ids)
          expect(page.reached).toBeLessThan(before ?? 10_000)
          top = page.top
          before = page.reached
        } while (before > floorOf(given))
        expect(seen).toEqual(shownIn(given, 10_000))
      }),
      { numRuns: 300 },
    )
  })

  it('begins at the newest that is shown', () => {
    fc.assert(
      fc.property(world, limit, wanted, (given, most, want) => {
        const { page } = read(given, { top: null, limit: most, wanted: want })
        const [newest = 0] = shownIn({ ...given, floor: 0, known: 1000 }, 10_000)
        if (newest >= floorOf(given)) expect(page.top).toBe(newest)
      }),
    )
  })
})

describe('a page of newer entries', () => {
  it('has all that the timeline shows from where it begins to where it has come', () => {
    fc.assert(
      fc.property(world, limit, wanted, place, place, (given, most, want, above, top) => {
        const after = Math.max(above, floorOf(given) - 1)
        const { page, ids } = read(given, { after, top, limit: most, wanted: want })
        expect(ids).toEqual(inRange(shownIn(given, top), after + 1, page.reached))
      }),
      { numRuns: 500 },
    )
  })

  it('goes on where the one before has ended, to the top, and nothing is missing or comes twice', () => {
    fc.assert(
      fc.property(world, limit, wanted, place, (given, most, want, top) => {
        const seen: number[] = []
        let after = floorOf(given) - 1
        while (after < top) {
          const { page, ids } = read(given, { after, top, limit: most, wanted: want })
          seen.unshift(...ids)
          expect(page.reached).toBeGreaterThan(after)
          after = page.reached
        }
        expect(seen).toEqual(shownIn(given, top))
      }),
      { numRuns: 300 },
    )
  })
})

describe('an overlay', () => {
  const rowIds = ({ rows }: Pick<Overlay, 'rows'>) =>
    Array.from(rows).filter((_cell, at) => at % OVERLAY_COLUMNS === OVERLAY.id)

  it('says how far it reaches: further than its last row only when there is nothing more', () => {
    fc.assert(
      fc.property(world, wanted, place, (given, want, top) => {
        const authors = STARS.map((star) => knownOf(given, star))
        const whole = rowIds(overlayOf(authors, { before: null, top, wanted: Number.POSITIVE_INFINITY }))
        const cut = overlayOf(authors, { before: null, top, wanted: want })
        expect(rowIds(cut)).toEqual(whole.filter((id) => id >= cut.reaches))
        expect(rowIds(cut)).toEqual(whole.slice(0, rowIds(cut).length))
      }),
    )
  })

  it('has each tweet once, where its newest entry is', () => {
    fc.assert(
      fc.property(world, place, (given, top) => {
        const authors = STARS.map((star) => knownOf(given, star))
        const { rows, floor } = overlayOf(authors, { before: null, top, wanted: Number.POSITIVE_INFINITY })
        const told = given.posts.filter(({ id, by }) => STARS.includes(by) && id <= top && id >= floor)
        const newest = new Map(told.map(({ id, tweetId }) => [tweetId, id]))
        expect(rowIds({ rows })).toEqual([...newest.values()].sort((a, b) => b - a))
      }),
    )
  })

  it('of nobody is empty and reaches to the beginning', () => {
    const nothing = overlayOf([], { before: null, top: null, wanted: 5 })
    expect(nothing).toEqual({ rows: [], authors: [], floor: 0, reaches: 0 })
  })
})
