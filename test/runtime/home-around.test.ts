import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { homePage } from '../../src/contracts/http/timelines.ts'
import { encodeCursor } from '../../src/domain/cursor.ts'
import { type EntryId, newTweetId, type TweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { type HomePage, type HomePlace, readHomeAroundMarker } from '../../src/services/read-home-timeline.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { act, post, spread } from './consumers.ts'
import { refuseDatabase } from './database-gate.ts'
import { fakeTimeline, timelineWith } from './fake-timeline.ts'
import { api, testDeps } from './harness.ts'
import { type Line, linesOf, parseHome, type ReadHome, readHome, warmAbove } from './homes.ts'
import {
  insertFollowers,
  insertPeople,
  insertRecentTweets,
  insertRetweets,
  insertTweets,
  type RetweetRow,
  timelineOf,
  tokenOf,
} from './people.ts'

const HOUR_MS = 3_600_000
const PEOPLE = ['reader', 'ann', 'bob', 'eve'] as const
type Name = (typeof PEOPLE)[number]
/** Ann and Bob are followed by the reader, Eve is not. */
type Scene = Record<Name, Viewer>

async function setScene(): Promise<Scene> {
  const [reader, ann, bob, eve] = await insertPeople(4)
  if (!reader || !ann || !bob || !eve) throw new Error('Nobody was inserted')
  for (const followee of [ann, bob]) await insertFollowers([reader], followee)
  return { reader, ann, bob, eve }
}

async function readAround(reader: Viewer, limit: number, replaced = {}): Promise<ReadHome> {
  const deps = testDeps({ freshness: new FreshnessCache(0), ...replaced })
  const page: HomePage = await readHomeAroundMarker(deps, reader, limit)
  await deps.settled()
  return parseHome(page)
}

/** All that lies beyond a page in one direction, page by page, each as it is shown. */
async function walk(
  reader: Viewer,
  start: ReadHome,
  direction: 'older' | 'newer',
  limit: number,
  meanwhile: () => Promise<void> = async () => {},
): Promise<ReadHome[]> {
  const pages: ReadHome[] = []
  for (let from: HomePlace | null = start[direction]; from !== null; ) {
    await meanwhile()
    const page = await readHome(reader, { limit, from })
    expect(page.tweets.length).toBeLessThanOrEqual(limit)
    pages.push(page)
    from = page[direction]
    if (pages.length > 200) throw new Error('The pages do not end')
  }
  return pages
}

/** Something that somebody does at a second of its own. */
interface Act {
  what: 'tweet' | 'retweet'
  by: Name
  /** Which of the tweets before is retweeted. */
  which: number
}

const acts = fc.array(
  fc.record({
    what: fc.constantFrom<Act['what']>('tweet', 'tweet', 'retweet'),
    by: fc.constantFrom<Name>('reader', 'ann', 'ann', 'bob', 'bob', 'eve'),
    which: fc.nat(40),
  }),
  { minLength: 0, maxLength: 30, size: 'max' },
)

interface Entry {
  id: number
  by: Name
  line: Line
}

/** Does it all, and answers what entries the reader's timeline is made of then, the newest first. */
async function makeHistory(scene: Scene, done: readonly Act[]): Promise<Entry[]> {
  const tweets: { id: TweetId; author: Viewer }[] = []
  const retweets: RetweetRow[] = []
  const entries: Entry[] = []
  for (const [n, { what, by, which }] of done.entries()) {
    const person = scene[by]
    const id = newTweetId(Date.now() - HOUR_MS + n * 1000, person.id, Math.random)
    const target = tweets[which % Math.max(1, tweets.length)]
    if (what === 'tweet' || target === undefined) {
      tweets.push({ id, author: person })
      entries.unshift({ id, by, line: [id, null] })
    } else if (!retweets.some((one) => one.by === person && one.tweet === target.id)) {
      retweets.push({ id: id as number as EntryId, by: person, tweet: target.id })
      entries.unshift({ id, by, line: [target.id, person.id] })
    }
  }
  await insertTweets(tweets)
  await insertRetweets(retweets)
  return entries.filter(({ by }) => by !== 'eve')
}

/** A tweet stands once: at its newest entry. */
function shownOf(entries: readonly Entry[]): Line[] {
  const seen = new Set<number>()
  return entries.flatMap(({ line }) => {
    if (seen.has(line[0])) return []
    seen.add(line[0])
    return [line]
  })
}

/** A place in a timeline: at an entry, between two, or beyond all of them. */
type Place = { at: 'entry' | 'between'; nth: number } | { at: 'oldest' | 'newest' | 'nowhere' }

const places = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ at: fc.constantFrom('entry' as const, 'between' as const), nth: fc.nat(40) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ at: fc.constantFrom('oldest' as const, 'newest' as const, 'nowhere' as const) }),
  },
)

function idOf(place: Place, entries: readonly Entry[]): number | null {
  const newest = (entries[0]?.id ?? 4096) + 1
  switch (place.at) {
    case 'oldest':
      return 1
    case 'newest':
      return newest
    case 'nowhere':
      return null
    default: {
      const { id } = entries[place.nth % Math.max(1, entries.length)] ?? { id: newest }
      return place.at === 'entry' ? id : id - 1
    }
  }
}

describe('the timeline around the reading position', () => {
  it('goes down to the end and up to the top: every line once, in order, whatever arrives meanwhile', {
    timeout: 90_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        acts,
        places,
        places,
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        async (done, marker, floor, limit, isBusy) => {
          const scene = await setScene()
          const { reader } = scene
          const entries = await makeHistory(scene, done)
          await warmAbove(reader, idOf(floor, entries) ?? 0)
          const markerId = idOf(marker, entries)
          if (markerId !== null) await timelineOf(reader).moveMarker(markerId)
          const start = await readAround(reader, limit)
          const meanwhile = isBusy ? () => somethingHappens(scene, entries) : async () => {}
          const below = await walk(reader, start, 'older', limit, meanwhile)
          const above = await walk(reader, start, 'newer', limit, meanwhile)
          const all = [...above.toReversed(), start, ...below].flatMap(linesOf)
          expect(all).toEqual(shownOf(entries))
          expect(start.tweets.length).toBeLessThanOrEqual(limit)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('shows the tweet of the position, with as much above it as below', async () => {
    const { reader, ann } = await setScene()
    const tweets = await insertRecentTweets(ann, 20)
    await timelineOf(reader).moveMarker(tweets[9] ?? 0)
    expect(linesOf(await readAround(reader, 6)).map(([id]) => id)).toEqual(tweets.slice(6, 12))
  })

  it('shows more below where there is little above', async () => {
    const { reader, ann } = await setScene()
    const tweets = await insertRecentTweets(ann, 20)
    await timelineOf(reader).moveMarker(tweets[1] ?? 0)
    const page = await readAround(reader, 6)
    expect(linesOf(page).map(([id]) => id)).toEqual(tweets.slice(0, 6))
    expect(page.newer).toBeNull()
  })

  it('leads up from a page of one tweet, too', async () => {
    const { reader, ann } = await setScene()
    const tweets = await insertRecentTweets(ann, 3)
    await timelineOf(reader).moveMarker(tweets[1] ?? 0)
    const page = await readAround(reader, 1)
    expect(linesOf(page).map(([id]) => id)).toEqual([tweets[1]])
    const above = await walk(reader, page, 'newer', 1)
    expect(above.flatMap(linesOf).map(([id]) => id)).toEqual([tweets[0]])
  })

  it('is the newest page before there is a position', async () => {
    const { reader, ann } = await setScene()
    const tweets = await insertRecentTweets(ann, 5)
    const page = await readAround(reader, 3)
    expect(linesOf(page).map(([id]) => id)).toEqual(tweets.slice(0, 3))
    expect(page.newer).toBeNull()
  })

  it('opens there although the timeline restarts meanwhile', async () => {
    const { reader, ann } = await setScene()
    const tweets = await insertRecentTweets(ann, 9)
    await timelineOf(reader).moveMarker(tweets[6] ?? 0)
    let calls = 0
    const page = await readAround(reader, 4, {
      timeline: () => {
        const real = timelineOf(reader)
        return timelineWith(testDeps().timeline(reader.id), {
          marker: async () => {
            calls += 1
            if (calls === 1) throw new Error('The object was reset')
            return real.marker()
          },
        })
      },
    })
    expect(linesOf(page).map(([id]) => id)).toEqual(tweets.slice(4, 8))
  })

  it('leads up to the top where the timeline fails after it has said the position', async () => {
    const { reader, ann } = await setScene()
    const tweets = await insertRecentTweets(ann, 12)
    await timelineOf(reader).moveMarker(tweets[9] ?? 0)
    const fails = async () => {
      throw new Error('The object was reset')
    }
    const timeline = () => fakeTimeline({ page: fails, marker: async () => timelineOf(reader).marker() })
    const start = await readAround(reader, 4, { timeline })
    expect([linesOf(start).map(([id]) => id), start.degraded]).toEqual([tweets.slice(7, 11), 'timeline'])
    await spread((await post(ann)).outbox)
    const above = await walk(reader, start, 'newer', 3)
    const below = await walk(reader, start, 'older', 3)
    const all = [...above.toReversed(), start, ...below].flatMap(linesOf)
    expect(all.map(([id]) => id)).toEqual(tweets)
  })

  it('shows what is kept above a position at the floor without the database', async () => {
    const { reader, ann } = await setScene()
    const tweets = await insertRecentTweets(ann, 10)
    const [floor = 0] = tweets.slice(4)
    await warmAbove(reader, floor)
    await timelineOf(reader).moveMarker(floor - 1)
    await readHome(reader)
    using _gate = refuseDatabase()
    const page = await readAround(reader, 6)
    expect([linesOf(page).map(([id]) => id), page.degraded]).toEqual([tweets.slice(2, 5), 'stale'])
    expect(page.older).not.toBeNull()
    // Of one tweet, it is that below the position, which nobody has.
    await expect(readAround(reader, 1)).rejects.toMatchObject({ code: 'unavailable' })
  })
})

/** A cursor of parts that ours never have. */
const madeUp = (...parts: unknown[]) => btoa(JSON.stringify([1, 'home', ...parts])).replaceAll('=', '')

/** Ann posts, and Bob shows an old tweet again. */
async function somethingHappens({ ann, bob }: Scene, entries: readonly Entry[]): Promise<void> {
  await spread((await post(ann)).outbox)
  const old = entries[Math.floor(Math.random() * entries.length)]
  if (old !== undefined) await spread(await act(retweetTweet, bob, old.line[0] as TweetId))
}

describe('a page read downwards', () => {
  it('leads back to exactly the page before', async () => {
    await fc.assert(
      fc.asyncProperty(acts, places, fc.integer({ min: 1, max: 7 }), async (done, floor, limit) => {
        const scene = await setScene()
        const { reader } = scene
        const entries = await makeHistory(scene, done)
        await warmAbove(reader, idOf(floor, entries) ?? 0)
        const first = await readHome(reader, { limit })
        expect(first.newer).toBeNull()
        const pages = [first, ...(await walk(reader, first, 'older', limit))]
        for (const [n, page] of pages.entries()) {
          const before = pages[n - 1]
          if (before === undefined) continue
          expect(page.newer).not.toBeNull()
          let back: Line[] = []
          let from = page.newer
          // A page that hidden entries have thinned is answered short, in either direction.
          while (from !== null && back.length < before.tweets.length) {
            const up: ReadHome = await readHome(reader, { limit, from })
            back = [...linesOf(up), ...back]
            from = up.newer
          }
          expect(back.slice(-before.tweets.length || back.length)).toEqual(linesOf(before))
          if (before.tweets.length === limit) expect(back).toEqual(linesOf(before))
        }
      }),
      { numRuns: 30 },
    )
  })
})

describe('GET /api/timeline/home?around=marker', () => {
  async function get(reader: Viewer, query: string) {
    const answer = await api('GET', `/api/timeline/home?${query}`, { token: await tokenOf(reader) })
    expect(answer.status, JSON.stringify(answer.body)).toBe(200)
    return homePage.parse(answer.body)
  }

  it('gives cursors that lead both ways', async () => {
    const { reader, ann } = await setScene()
    const tweets = await insertRecentTweets(ann, 17)
    await api('PUT', '/api/timeline/home/marker', {
      token: await tokenOf(reader),
      body: { last_read_id: tweets[8] },
    })
    const start = await get(reader, 'around=marker&limit=4')
    const ids = start.tweets.map(({ id }) => id)
    for (let cursor = start.pagination.next_cursor; cursor !== null; ) {
      const page = await get(reader, `limit=4&cursor=${cursor}`)
      ids.push(...page.tweets.map(({ id }) => id))
      cursor = page.pagination.next_cursor
      expect(page.pagination.has_more).toBe(cursor !== null)
    }
    for (let cursor = start.pagination.prev_cursor; cursor !== null; ) {
      const page = await get(reader, `limit=4&cursor=${cursor}`)
      ids.unshift(...page.tweets.map(({ id }) => id))
      cursor = page.pagination.prev_cursor
    }
    expect(ids).toEqual(tweets)
  })

  it.each([
    'around=marker&offset=0',
    'around=marker&offset=5',
    'around=marker&sort=top',
    `around=marker&cursor=${encodeCursor('home', [1, 1])}`,
    'around=marker&cursor=',
    'around=here',
    'around=',
    'around=marker&limit=0',
  ])('refuses %s', async (query) => {
    const { reader } = await setScene()
    const answer = await api('GET', `/api/timeline/home?${query}`, { token: await tokenOf(reader) })
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })

  it.each([
    ['is none', 'nonsense'],
    ['is of another list', encodeCursor('user', [1, 1])],
    ['is of the top', encodeCursor('top', [1, 1])],
    ['names nothing', encodeCursor('home', [])],
    ['names no top', encodeCursor('home', [1])],
    ['goes elsewhere', encodeCursor('home', [1, 1, 'sideways'])],
    ['goes nowhere', encodeCursor('home', [1, 1, ''])],
    ['says more', encodeCursor('home', [1, 1, 'newer', 1])],
    ['names no ids', encodeCursor('home', ['a', 'b'])],
    ['names zero', encodeCursor('home', [0, 1])],
    ['names less than zero', encodeCursor('home', [1, -1, 'newer'])],
    ['names a fraction', madeUp(1.5, 2)],
    ['names what no number holds', madeUp(2 ** 60, 2 ** 60)],
  ])('refuses a cursor that %s', async (_name, cursor) => {
    const { reader } = await setScene()
    const answer = await api('GET', `/api/timeline/home?cursor=${encodeURIComponent(cursor)}`, {
      token: await tokenOf(reader),
    })
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } })
  })
})
