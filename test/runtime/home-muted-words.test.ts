import { evictDurableObject } from 'cloudflare:test'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TimelineRpc } from '../../src/contracts/timeline.ts'
import { type EntryId, MAX_ID, newTweetId, type TweetId } from '../../src/domain/ids.ts'
import { bookmarkTweet } from '../../src/services/bookmark-tweet.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { moveMarker } from '../../src/services/home-marker.ts'
import { type HomePlace, readHomeAroundMarker } from '../../src/services/read-home-timeline.ts'
import type { TopRequest } from '../../src/services/read-top-timeline.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { act, bodyOf, post, postAndDeliver, runFanOut, spread } from './consumers.ts'
import { refuseDatabase } from './database-gate.ts'
import { fakeTimeline, timelineWith } from './fake-timeline.ts'
import { api, testDeps } from './harness.ts'
import { raiseFloor, readTop, scrollTop, idsOf as topIdsOf } from './home-tops.ts'
import { linesOf, parseHome, type ReadHome, readHome, rebuild, scrollHome, warmAbove } from './homes.ts'
import { mute, patient, type Saying, say, unmute } from './muting.ts'
import { insertFollowers, insertPeople, insertRetweets, timelineOf, tokenOf } from './people.ts'
import { StreamClient } from './stream-client.ts'

const HOUR_MS = 3_600_000

interface Scene {
  reader: Viewer
  /** Whom the reader follows, and whom not. */
  friend: Viewer
  stranger: Viewer
}

async function setScene({ warm = true } = {}): Promise<Scene> {
  const [reader, friend, stranger] = await insertPeople(3)
  if (!reader || !friend || !stranger) throw new Error('Nobody was inserted')
  await insertFollowers([reader], friend)
  if (warm) await readHome(reader)
  return { reader, friend, stranger }
}

const idsOf = ({ tweets }: ReadHome) => tweets.map(({ id }) => id)
const homeOf = async (reader: Viewer, replaced: Partial<Deps> = {}) =>
  idsOf(await readHome(reader, {}, replaced))

/** The reader's object is not there: for what it is told, or for what it is asked. */
const without = (reader: Viewer, parts: (keyof TimelineRpc)[]): Partial<Deps> => {
  const broken = fakeTimeline({
    page: async () => {
      throw new Error('The object broke')
    },
  })
  const timeline = timelineOf(reader)
  return {
    timeline: () =>
      timelineWith(
        timeline,
        Object.fromEntries(parts.map((part) => [part, broken[part]])) as Partial<TimelineRpc>,
      ),
  }
}

const quote = (by: Viewer, text: string, quoteTweetId: TweetId) => post(by, text, {}, { quoteTweetId })

/** What stands on the reader's home once they muted "cat", and what does not. */
const CASES: Record<string, { shown: boolean; make: (scene: Scene) => Promise<TweetId> }> = {
  'a tweet with the word': { shown: false, make: ({ friend }) => delivered(post(friend, 'My Cat!')) },
  'a tweet without it': { shown: true, make: ({ friend }) => delivered(post(friend, 'Concatenate')) },
  'one’s own tweet with it': { shown: true, make: ({ reader }) => delivered(post(reader, 'A cat')) },
  'a retweet of a tweet with it': {
    shown: false,
    make: async ({ friend, stranger }) => {
      const { id } = await post(stranger, 'A cat')
      await spread(await act(retweetTweet, friend, id))
      return id
    },
  },
  'one’s own retweet of a tweet with it': {
    shown: false,
    make: async ({ reader, stranger }) => {
      const { id } = await post(stranger, 'A cat')
      await spread(await act(retweetTweet, reader, id))
      return id
    },
  },
  'a retweet of one’s own tweet with it': {
    shown: true,
    make: async ({ reader, friend }) => {
      const { id } = await post(reader, 'A cat')
      await spread(await act(retweetTweet, friend, id))
      return id
    },
  },
  'a quote of a tweet with it': {
    shown: false,
    make: async ({ friend, stranger }) =>
      delivered(quote(friend, 'Look', (await post(stranger, 'A cat')).id)),
  },
  'a quote with it of a tweet without': {
    shown: false,
    make: async ({ friend, stranger }) =>
      delivered(quote(friend, 'No cat', (await post(stranger, 'A dog')).id)),
  },
  'a quote of one’s own tweet with it': {
    shown: true,
    make: async ({ reader, friend }) => delivered(quote(friend, 'Look', (await post(reader, 'A cat')).id)),
  },
  'one’s own quote of a tweet with it': {
    shown: true,
    make: async ({ reader, stranger }) =>
      delivered(quote(reader, 'Look', (await post(stranger, 'A cat')).id)),
  },
}

async function delivered(posting: ReturnType<typeof post>): Promise<TweetId> {
  const { id, outbox } = await posting
  await spread(outbox)
  return id
}

type Read = (reader: Viewer) => Promise<number[]>

const atTheTop: Read = async (reader) => topIdsOf(await readTop(reader))
/** How a home timeline is read. */
const READS: Record<string, Read> = {
  'from its object': (reader) => homeOf(reader),
  'from its object that has woken up': async (reader) => {
    await evictDurableObject(timelineOf(reader))
    return homeOf(reader)
  },
  'by rank': atTheTop,
  'after a build': async (reader) => {
    await rebuild(reader)
    return homeOf(reader)
  },
  'below what its object keeps': async (reader) => {
    await raiseFloor(reader, MAX_ID - 1)
    return homeOf(reader)
  },
  'by rank below what its object keeps': async (reader) => {
    await raiseFloor(reader, MAX_ID - 1)
    return atTheTop(reader)
  },
  'without its object': (reader) => homeOf(reader, without(reader, ['page'])),
  'by rank without its object': async (reader) =>
    topIdsOf(await readTop(reader, {}, without(reader, ['page']))),
  'around the marker': async (reader) => {
    await moveMarker(testDeps(), reader, 1)
    const deps = testDeps({ freshness: new FreshnessCache(0) })
    const page = idsOf(parseHome(await readHomeAroundMarker(deps, reader, 100)))
    await deps.settled()
    return page
  },
  'around the marker above what its object keeps': async (reader) => {
    await raiseFloor(reader, MAX_ID - 1)
    await moveMarker(testDeps(), reader, 1)
    const deps = testDeps({ freshness: new FreshnessCache(0) })
    const page = idsOf(parseHome(await readHomeAroundMarker(deps, reader, 100)))
    await deps.settled()
    return page
  },
  'without the database': async (reader) => {
    await homeOf(reader)
    using _gate = refuseDatabase()
    return homeOf(reader)
  },
}

describe('the home timeline', () => {
  it.each(Object.entries(READS))(
    'is without what holds a muted word from the next read on, but for what one wrote oneself: read %s',
    async (_how, read) => {
      const scene = await setScene()
      const { reader } = scene
      const tweets = new Map<string, TweetId>()
      for (const [name, { make }] of Object.entries(CASES)) tweets.set(name, await make(scene))
      await homeOf(reader)
      const word = await mute(reader, 'cat')
      const seen = await read(reader)
      const standing = Object.keys(CASES).filter((name) => seen.includes(tweets.get(name) ?? 0))
      expect(standing).toEqual(Object.keys(CASES).filter((name) => CASES[name]?.shown))
      await unmute(reader, word)
      expect(await homeOf(reader)).toEqual(expect.arrayContaining([...tweets.values()]))
    },
  )
})

describe('a muted word', () => {
  it('holds after a first read, too, when it was muted before', async () => {
    const { reader, friend } = await setScene({ warm: false })
    await mute(reader, 'cat')
    const [shown] = await say([
      { by: friend, text: 'A dog' },
      { by: friend, text: 'A cat' },
    ])
    expect(await homeOf(reader)).toEqual([shown])
  })

  it('that has expired holds no longer, without anybody saying so', async () => {
    const { reader, friend } = await setScene()
    const [tweet = 0] = await say([{ by: friend, text: 'A cat' }])
    await rebuild(reader)
    await mute(reader, 'cat', { expiresAtMs: Date.now() + HOUR_MS })
    const later = { now: () => Date.now() + HOUR_MS }
    const reads = [
      (replaced: Partial<Deps>) => homeOf(reader, replaced),
      (replaced: Partial<Deps>) => homeOf(reader, { ...without(reader, ['page']), ...replaced }),
      async (replaced: Partial<Deps>) => topIdsOf(await readTop(reader, {}, replaced)),
    ]
    for (const read of reads) {
      expect(await read({})).toEqual([])
      expect(await read(later)).toEqual([tweet])
    }
  })

  it('is set right by the outbox when the object was not told, in whatever order that comes', async () => {
    const { reader, friend } = await setScene()
    const tweet = await postAndDeliver(friend, 'A cat')
    const unheard = without(reader, ['apply'])
    const muted = await mute(reader, 'cat', unheard)
    expect(await homeOf(reader)).toEqual([tweet])
    await spread(muted.outbox)
    expect(await homeOf(reader)).toEqual([])
    const unmuted = await unmute(reader, muted, unheard)
    const again = await mute(reader, 'cat', unheard)
    const last = await unmute(reader, again, unheard)
    const bodies = [...last, ...again.outbox, ...unmuted].map(bodyOf)
    await Promise.all([runFanOut(bodies), runFanOut(bodies.toReversed())])
    expect(await homeOf(reader)).toEqual([tweet])
  })

  it('is nobody else’s', async () => {
    const { reader, friend } = await setScene()
    const [other] = await insertPeople(1)
    if (other === undefined) throw new Error('Nobody was inserted')
    await insertFollowers([other], friend)
    await readHome(other)
    const tweet = await postAndDeliver(friend, 'A cat')
    await mute(reader, 'cat')
    expect(await homeOf(reader)).toEqual([])
    expect(await homeOf(other)).toEqual([tweet])
  })

  it('hides nothing that is asked for by name', async () => {
    const { reader, friend } = await setScene()
    const tweet = await postAndDeliver(friend, 'A cat')
    await act(bookmarkTweet, reader, tweet)
    await mute(reader, 'cat')
    const token = await tokenOf(reader)
    for (const path of [
      `/api/users/${friend.id}/tweets`,
      '/api/bookmarks',
      `/api/timeline/user/${friend.id}`,
    ]) {
      const { body } = await api('GET', path, { token })
      expect(Object(body).tweets).toMatchObject([{ id: tweet }])
    }
    expect((await api('GET', `/api/tweets/${tweet}`, { token })).status).toBe(200)
    expect((await api('GET', `/api/tweets/${tweet}/thread`, { token })).status).toBe(200)
  })

  it('does not count in a quoted tweet that is hidden', async () => {
    const { reader, friend, stranger } = await setScene()
    const { id } = await quote(friend, 'Look', (await post(stranger, 'A cat')).id)
    await mute(reader, 'cat')
    await api('PUT', `/api/users/${stranger.id}`, {
      token: await tokenOf(stranger),
      body: { is_private: true },
    })
    await rebuild(reader)
    expect((await readHome(reader)).tweets).toMatchObject([{ id, quote_tweet: { unavailable: true } }])
  })
})

describe('an edit', () => {
  const edit = (author: Viewer, tweet: TweetId, content: string) =>
    act((deps, who, id) => editTweet(deps, who, { id, content }), author, tweet)

  it('that brings a muted word in takes the tweet away, and one that takes it out brings it back', async () => {
    const { reader, friend } = await setScene()
    await mute(reader, 'cat')
    const tweet = await postAndDeliver(friend, 'A dog')
    const client = await StreamClient.connect(reader)
    await spread(await edit(friend, tweet, 'A cat'))
    expect(await homeOf(reader)).toEqual([])
    await spread(await edit(friend, tweet, 'A dog again'))
    expect(await homeOf(reader)).toEqual([tweet])
    const [, ...frames] = await client.framesSoFar()
    expect(frames).toMatchObject([
      { type: 'tweet_deleted', data: { id: tweet } },
      { type: 'tweet_edited', data: { id: tweet, content: 'A dog again' } },
    ])
  })

  it('that the object has not heard of counts as the page shows it', async () => {
    const { reader, friend } = await setScene()
    await mute(reader, 'cat')
    const tweet = await postAndDeliver(friend, 'A dog')
    await homeOf(reader)
    await edit(friend, tweet, 'A cat')
    expect(await homeOf(reader)).toEqual([])
  })
})

describe('live frames', () => {
  it('are not sent of muted tweets, and resuming skips them, too', async () => {
    const { reader, friend, stranger } = await setScene()
    await mute(reader, 'cat')
    const client = await StreamClient.connect(reader)
    const since = client.seq
    await postAndDeliver(friend, 'A cat')
    const { id: quoted } = await post(stranger, 'A cat')
    await delivered(quote(friend, 'Look', quoted))
    await spread(await act(retweetTweet, friend, quoted))
    const own = await postAndDeliver(reader, 'My cat')
    const shown = await postAndDeliver(friend, 'A dog')
    for (const each of [client, await StreamClient.connect(reader, since)]) {
      await each.framesSoFar()
      expect(each.typesOf('tweet').map(({ data }) => Object(data).id)).toEqual([own, shown])
    }
  })

  it('are sent again once the word is unmuted or has expired', async () => {
    const { reader, friend } = await setScene()
    const word = await mute(reader, 'cat')
    await mute(reader, 'dog', { expiresAtMs: Date.now() + 500 })
    const client = await StreamClient.connect(reader)
    await postAndDeliver(friend, 'A cat')
    await unmute(reader, word)
    const cat = await postAndDeliver(friend, 'Another cat')
    let dog = 0
    do {
      dog = await postAndDeliver(friend, 'A dog')
      await client.framesSoFar()
    } while (client.typesOf('tweet').length < 2)
    expect(client.typesOf('tweet').map(({ data }) => Object(data).id)).toEqual([cat, dog])
  })
})

/** Pages of a home timeline in one direction, from a place on. */
async function pagesFrom(reader: Viewer, from: HomePlace, direction: 'older' | 'newer', limit: number) {
  const pages: ReadHome[] = []
  for (let place: HomePlace | null = from; place !== null; ) {
    const page = await readHome(reader, { limit, from: place }, patient())
    pages.push(page)
    place = page[direction]
    if (pages.length > 200) throw new Error('The pages do not end')
  }
  return pages
}

/** So many tweets of a friend's, of which every `nth` does not speak of cats, the newest first. */
async function sayMany(by: Viewer, count: number, nth: number): Promise<{ all: TweetId[]; kept: TweetId[] }> {
  const sayings = Array.from(
    { length: count },
    (_, n): Saying => ({ by, text: n % nth === 0 ? 'A dog' : 'A cat' }),
  )
  const all = await say(sayings)
  return { all, kept: all.filter((_, n) => n % nth === 0) }
}

describe('pages', () => {
  it.each([2, 5, 10])('are full, down and up again, where only every %i. tweet is not muted', async (nth) => {
    const { reader, friend } = await setScene({ warm: false })
    const { kept } = await sayMany(friend, 30 * nth, nth)
    await mute(reader, 'cat')
    const first = await readHome(reader, { limit: 10 }, patient())
    expect(idsOf(first)).toEqual(kept.slice(0, 10))
    const older = first.older === null ? [] : await pagesFrom(reader, first.older, 'older', 10)
    expect(older.slice(0, 2).map(idsOf)).toEqual([kept.slice(10, 20), kept.slice(20, 30)])
    expect(older.slice(2).flatMap(idsOf)).toEqual([])
    const up = older[1]?.newer ?? null
    const newer = up === null ? [] : await pagesFrom(reader, up, 'newer', 10)
    expect(newer.slice(0, 2).map(idsOf)).toEqual([kept.slice(10, 20), kept.slice(0, 10)])
  })

  it('have no gap and no repeat over all that the object keeps and what is below', async () => {
    const { reader, friend } = await setScene({ warm: false })
    const { all, kept } = await sayMany(friend, 120, 3)
    await mute(reader, 'cat')
    await warmAbove(reader, all[50] ?? 0)
    expect((await scrollHome(reader, 7)).map(([id]) => id)).toEqual(kept)
    const lowest = { after: (all.at(-1) ?? 0) - 1, top: all[0] as number as EntryId }
    const upwards = await pagesFrom(reader, lowest, 'newer', 7)
    expect(upwards.flatMap((page) => idsOf(page).toReversed())).toEqual(kept.toReversed())
  })

  it('by offset are full and follow each other, also where the object keeps no more', async () => {
    const { reader, friend } = await setScene({ warm: false })
    const { all, kept } = await sayMany(friend, 90, 3)
    await mute(reader, 'cat')
    const pageAt = (offset: number) => readHome(reader, { limit: 5, offset }, patient())
    await warmAbove(reader, all[60] ?? 0)
    for (const offset of [0, 5, 10, 15]) {
      expect(idsOf(await pageAt(offset))).toEqual(kept.slice(offset, offset + 5))
    }
    const below = idsOf(await pageAt(21))
    expect(below[0]).toBe(kept[21])
  })

  it('by rank are full, too, and a scroll shows each once', async () => {
    const { reader, friend } = await setScene({ warm: false })
    const { all, kept } = await sayMany(friend, 240, 8)
    await mute(reader, 'cat')
    let from: TopRequest['from'] = null
    for (const length of [7, 7, 7, 7, 2]) {
      const page = await readTop(reader, { limit: 7, from }, patient())
      expect(page.tweets).toHaveLength(length)
      from = page.next
    }
    const sorted = (ids: number[]) => ids.toSorted((a, b) => b - a)
    expect(sorted(await scrollTop(reader, 7))).toEqual(kept)
    // The object keeps no longer what was ranked.
    const seen = await scrollTop(reader, 7, async (page) => {
      if (page === 2) await raiseFloor(reader, all[10] ?? 0)
    })
    expect(sorted(seen)).toEqual(kept)
  })

  it('by rank lose what is muted while one scrolls, and nothing else', async () => {
    const { reader, friend } = await setScene({ warm: false })
    const { kept } = await sayMany(friend, 60, 2)
    const seen = await scrollTop(reader, 6, async (page) => {
      if (page === 1) await mute(reader, 'cat')
    })
    const first = seen.slice(0, 6)
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.slice(6).toSorted((a, b) => b - a)).toEqual(kept.filter((id) => !first.includes(id)))
  })

  it('show exactly what is not muted, whoever wrote or retweeted what', async () => {
    const text = fc.constantFrom('A dog', 'A dog', 'A cat', 'Cats', '#cat')
    const who = fc.constantFrom<keyof Scene>('reader', 'friend', 'friend', 'stranger')
    const step = fc.record({
      what: fc.constantFrom('tweet', 'tweet', 'retweet'),
      by: who,
      text,
      which: fc.nat(30),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 1, max: 6 }),
        fc.nat(25),
        async (steps, limit, floor) => {
          const scene = await setScene({ warm: false })
          const { reader } = scene
          const sayings: Saying[] = []
          for (const { by, text } of steps) sayings.push({ by: scene[by], text })
          const ids = await say(sayings)
          await mute(reader, 'cat')
          const retweets = steps.flatMap(({ what, by, which }, n) =>
            what === 'retweet' && by !== 'stranger'
              ? [
                  {
                    id: newTweetId(
                      Date.now() - 30_000 + n * 1000,
                      scene[by].id,
                      Math.random,
                    ) as number as EntryId,
                    by: scene[by],
                    tweet: ids[which % ids.length] ?? (0 as TweetId),
                  },
                ]
              : [],
          )
          const once = retweets.filter(
            (one, n) => retweets.findIndex(({ by, tweet }) => by === one.by && tweet === one.tweet) === n,
          )
          await insertRetweets(once)
          const isMuted = (id: TweetId) => {
            const saying = sayings[ids.indexOf(id)]
            return saying?.by !== reader && /\bcat\b/i.test(saying?.text ?? '')
          }
          const entries = [
            ...ids.flatMap((id, n) =>
              sayings[n]?.by === scene.stranger ? [] : [{ id: id as number, tweet: id, by: null }],
            ),
            ...once.map(({ id, tweet, by }) => ({ id: id as number, tweet, by: by.id })),
          ].toSorted((a, b) => b.id - a.id)
          const seen = new Set<number>()
          const expected = entries.flatMap(({ tweet, by }) => {
            if (seen.has(tweet)) return []
            seen.add(tweet)
            return isMuted(tweet) ? [] : [[tweet, by]]
          })
          await warmAbove(reader, ids[floor] ?? 0)
          expect(await scrollHome(reader, limit)).toEqual(expected)
          expect(linesOf(await readHome(reader, {}, without(reader, ['page'])))).toEqual(expected)
        },
      ),
      { numRuns: 15 },
    )
  })
})
