import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KEPT_ENTRIES } from '../../src/contracts/timeline.ts'
import { array } from '../../src/db/client.ts'
import type { EntryId, TweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { likeTweet } from '../../src/services/like-tweet.ts'
import type { TopPlace } from '../../src/services/read-top-timeline.ts'
import { undoRetweet } from '../../src/services/retweet-tweet.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { act, follow, postAndDeliver, remove, spread } from './consumers.ts'
import { refuseDatabase } from './database-gate.ts'
import { fakeTimeline, timelineWith } from './fake-timeline.ts'
import { rows, testDeps } from './harness.ts'
import { idAgo, idsOf, raiseFloor, readTop, scrollTop, setTopScene, type TopScene } from './home-tops.ts'
import { insertPerson, insertRecentTweets, insertRetweets, insertTweets, timelineOf } from './people.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

const like = (tweet: number, likes: number) =>
  rows(sql`update tweets set like_count = ${likes} where id = ${tweet}`)

/** So many tweets of the scene's authors in turn, a minute apart, the newest first. */
async function insertMany({ ann, bob, cat }: TopScene, count: number): Promise<TweetId[]> {
  const authors = [ann, bob, cat]
  const tweets = Array.from({ length: count }, (_, n) => {
    const author = authors[n % authors.length] ?? ann
    return { id: idAgo<TweetId>((n + 1) * MINUTE_MS, author), author }
  })
  await insertTweets(tweets)
  return tweets.map(({ id }) => id)
}

const sorted = (ids: readonly number[]) => [...ids].sort((a, b) => b - a)

describe('the order', () => {
  it('weighs engagement against age', async () => {
    const scene = await setTopScene()
    const [recent, old, older] = [scene.ann, scene.bob, scene.cat].map((author, n) => ({
      id: idAgo<TweetId>(n * 4 * HOUR_MS + 1000, author),
      author,
    }))
    if (!recent || !old || !older) throw new Error('Three')
    await insertTweets([recent, old, older])
    expect(idsOf(await readTop(scene.reader))).toEqual([recent.id, old.id, older.id])
    await like(old.id, 20)
    expect(idsOf(await readTop(scene.reader))).toEqual([old.id, recent.id, older.id])
    await like(older.id, 1000)
    expect(idsOf(await readTop(scene.reader))).toEqual([older.id, old.id, recent.id])
  })

  it('moves the authors up whose tweets the reader likes', async () => {
    const { reader, ann, bob } = await setTopScene()
    const [anns, bobs] = [idAgo<TweetId>(MINUTE_MS, ann), idAgo<TweetId>(2 * MINUTE_MS, bob)]
    const liked = [20, 21, 22].map((hours) => ({ id: idAgo<TweetId>(hours * HOUR_MS, bob), author: bob }))
    await insertTweets([{ id: anns, author: ann }, { id: bobs, author: bob }, ...liked])
    expect(idsOf(await readTop(reader)).slice(0, 2)).toEqual([anns, bobs])
    for (const { id } of liked) await act(likeTweet, reader, id)
    expect(idsOf(await readTop(reader)).slice(0, 2)).toEqual([bobs, anns])
  })

  it('has no third tweet of an author in a row while there are others', async () => {
    const { reader, ann, bob } = await setTopScene()
    const anns = await insertRecentTweets(ann, 4)
    const bobs = { id: idAgo<TweetId>(HOUR_MS, bob), author: bob }
    await insertTweets([bobs])
    expect(idsOf(await readTop(reader))).toEqual([anns[0], anns[1], bobs.id, anns[2], anns[3]])
  })
})

interface Meanwhile {
  what: 'count' | 'post' | 'delete' | 'undo' | 'like'
  which: number
}

const meanwhile = fc.record({
  what: fc.constantFrom<Meanwhile['what']>('count', 'post', 'delete', 'undo', 'like'),
  which: fc.nat(60),
})

describe('a scroll', () => {
  it('shows each tweet once and loses none but the deleted, whatever happens between its pages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 4, max: 40 }),
        fc.uniqueArray(fc.nat(39), { maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        fc.array(meanwhile, { minLength: 4, maxLength: 8 }),
        async (count, retweeted, limit, between) => {
          const scene = await setTopScene()
          const { reader, ann, bob } = scene
          const ids = await insertMany(scene, count)
          const retweets = retweeted.flatMap((which, n) => {
            const tweet = ids[which]
            return tweet === undefined ? [] : [{ id: idAgo<EntryId>(n * 1000, bob), by: bob, tweet }]
          })
          await insertRetweets(retweets)
          const deleted: number[] = []
          const change = async (page: number) => {
            const step = between[page - 1]
            const tweet = ids[(step?.which ?? 0) % ids.length]
            if (step === undefined || tweet === undefined || deleted.includes(tweet)) return
            if (step.what === 'count') await like(tweet, 10 ** (step.which % 6))
            if (step.what === 'post') await postAndDeliver(ann)
            if (step.what === 'undo') await spread(await act(undoRetweet, bob, tweet).catch(() => []))
            if (step.what === 'like') await act(likeTweet, reader, tweet)
            if (step.what === 'delete') {
              const author = [scene.ann, scene.bob, scene.cat][ids.indexOf(tweet) % 3] ?? ann
              deleted.push(tweet)
              await spread(await remove(author, tweet))
            }
          }
          const seen = await scrollTop(reader, limit, change)
          expect(new Set(seen).size).toBe(seen.length)
          expect(sorted([...new Set([...seen, ...deleted])])).toEqual(sorted(ids))
        },
      ),
      { numRuns: 25 },
    )
  }, 120_000)

  it('goes through one window after the other, and tweets that arrive are not in it', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 230)
    for (const [n, id] of ids.entries()) if (n % 7 === 0) await like(id, n * n)
    const seen = await scrollTop(scene.reader, 33, () => postAndDeliver(scene.ann))
    expect(sorted(seen.slice(0, 100))).toEqual(ids.slice(0, 100))
    expect(seen.slice(0, 100)).not.toEqual(ids.slice(0, 100))
    expect(sorted(seen.slice(100, 200))).toEqual(ids.slice(100, 200))
    expect(sorted(seen.slice(200))).toEqual(ids.slice(200))
  })

  it('goes on by time below what the object keeps, to the end of history', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, KEPT_ENTRIES + 70)
    await like(ids[KEPT_ENTRIES + 50] ?? 0, 100_000)
    const seen = await scrollTop(scene.reader, 90)
    expect(sorted(seen)).toEqual(ids)
    expect(seen.slice(KEPT_ENTRIES)).toEqual(ids.slice(KEPT_ENTRIES))
  })

  it('keeps the order in which a window was ranked, however the counts change meanwhile', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 60)
    for (const [n, id] of ids.entries()) await like(id, (n * 37) % 60)
    const whole = idsOf(await readTop(scene.reader))
    expect(whole).not.toEqual(ids)
    const seen = await scrollTop(scene.reader, 7, (page) => like(ids[page * 6] ?? 0, 100_000))
    expect(seen).toEqual(whole)
  })

  it('shows a tweet where it stands now once its retweet in a window above is undone', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 130)
    const tweet = ids[110] ?? (0 as TweetId)
    await insertRetweets([{ id: idAgo<EntryId>(90.5 * MINUTE_MS, scene.bob), by: scene.bob, tweet }])
    const seen = await scrollTop(scene.reader, 20, async (page) => {
      if (page === 1) await spread(await act(undoRetweet, scene.bob, tweet))
    })
    expect(sorted(seen)).toEqual(ids)
    expect(seen.indexOf(tweet)).toBeGreaterThanOrEqual(99)
  })

  it('shows two tweets once each whose author posted them a multiple of four seconds apart', async () => {
    const { reader, ann } = await setTopScene()
    const first = idAgo<TweetId>(MINUTE_MS, ann)
    const spacing = 4096 * 4096
    const ids = [first, first - spacing, first - 5 * spacing] as TweetId[]
    await insertTweets(ids.map((id) => ({ id, author: ann })))
    expect(await scrollTop(reader, 1)).toEqual(ids)
  })

  it('loses nothing when many older tweets come into a window', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 60)
    const prolific = await insertPerson()
    await insertTweets(
      Array.from({ length: 150 }, (_, n) => ({
        id: idAgo<TweetId>(90_000 + n * 1000, prolific),
        author: prolific,
      })),
    )
    const seen = await scrollTop(scene.reader, 20, async (page) => {
      if (page === 1) await follow(scene.reader, prolific)
    })
    expect(new Set(seen).size).toBe(seen.length)
    expect(ids.filter((id) => !seen.includes(id))).toEqual([])
  })

  it('loses and repeats nothing of a window that the object keeps no longer', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 130)
    for (const [floor, page] of [
      [ids[60] ?? 0, 1],
      [ids[10] ?? 0, 2],
    ] as const) {
      const seen = await scrollTop(scene.reader, 20, async (done) => {
        if (done === page) await raiseFloor(scene.reader, floor)
      })
      expect(sorted(seen)).toEqual(ids)
    }
  })

  it('drops what was deleted, and shows nothing that was not asked about', async () => {
    const scene = await setTopScene()
    const { reader, ann, bob, cat } = scene
    await insertMany(scene, 40)
    const first = await readTop(reader, { limit: 5 })
    const whole = await scrollTop(reader, 100)
    const hidden = whole.slice(5, 30)
    await rows(sql`
      update tweets set is_deleted = true
      where id = any(${array(hidden, 'bigint')}) and user_id = any(${array([ann.id, bob.id, cat.id], 'bigint')})`)
    const seen = idsOf(first)
    for (let from: TopPlace | null = first.next; from !== null; ) {
      const page = await readTop(reader, { limit: 5, from })
      seen.push(...idsOf(page))
      from = page.next
    }
    expect(seen).toEqual(whole.filter((id) => !hidden.includes(id)))
  })

  it('drops whom one does not follow once they are private', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 12)
    const stranger = await insertPerson()
    const tweet = idAgo<TweetId>(HOUR_MS, stranger)
    await insertTweets([{ id: tweet, author: stranger }])
    await insertRetweets([{ id: idAgo<EntryId>(9.5 * MINUTE_MS, scene.ann), by: scene.ann, tweet }])
    expect(await scrollTop(scene.reader, 4)).toContain(tweet)
    const seen = await scrollTop(scene.reader, 4, async (page) => {
      if (page === 1) await rows(sql`update users set is_private = true where id = ${stranger.id}`)
    })
    expect(sorted(seen)).toEqual(ids)
  })

  it('begins after as many as an offset says', async () => {
    const scene = await setTopScene()
    await insertMany(scene, 130)
    const whole = await scrollTop(scene.reader, 100)
    for (const offset of [0, 7, 95, 120, 129, 130]) {
      const page = await readTop(scene.reader, { limit: 10, offset })
      expect(idsOf(page)).toEqual(whole.slice(offset, offset + 10))
      expect(page.next === null).toBe(offset + 10 >= 130)
    }
  })
})

describe('without the database', () => {
  it('a warm page is served as the object has it, by rank, and says so', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 9)
    await like(ids[4] ?? 0, 1000)
    const before = idsOf(await readTop(scene.reader))
    expect(before[0]).toBe(ids[4])
    using _gate = refuseDatabase()
    const page = await readTop(scene.reader)
    expect([idsOf(page), page.degraded]).toEqual([before, 'stale'])
  })

  it('a page that the next window was to fill up is served as far as it goes', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 130)
    const freshness = new FreshnessCache(60_000)
    await readTop(scene.reader, { limit: 50 })
    await rows(sql`update tweets set is_deleted = true where id = ${ids[50]} and user_id = ${scene.cat.id}`)
    const before = await readTop(scene.reader, { limit: 50 }, { freshness })
    using _gate = refuseDatabase()
    const page = await readTop(scene.reader, {}, { freshness })
    expect(page.tweets.slice(0, 50)).toEqual(before.tweets)
    expect([page.tweets.length, page.degraded, page.next?.ranked]).toEqual([99, 'stale', null])
  })

  it('nothing is served of what the object cannot show', async () => {
    const scene = await setTopScene()
    await insertMany(scene, 9)
    const deps = testDeps({ freshness: new FreshnessCache(0) })
    await timelineOf(scene.reader).page({ limit: 1, before: null, top: null, offset: 0 })
    using _gate = refuseDatabase()
    await expect(readTop(scene.reader, {}, deps)).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('with an object that fails', () => {
  const failing = fakeTimeline({ page: () => Promise.reject(new Error('restarting')) })

  it('a scroll goes by time, and says so', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 9)
    await like(ids[4] ?? 0, 1000)
    const first = await readTop(scene.reader, { limit: 5 }, { timeline: () => failing })
    const second = await readTop(scene.reader, { limit: 5, from: first.next }, { timeline: () => failing })
    expect([...idsOf(first), ...idsOf(second)]).toEqual(ids)
    expect([first.degraded, second.degraded, second.next]).toEqual(['timeline', 'timeline', null])
  })

  it('a scroll that began by rank goes on where it was', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 130)
    await like(ids[40] ?? 0, 1000)
    const whole = await scrollTop(scene.reader, 100)
    const first = await readTop(scene.reader, { limit: 30 })
    const second = await readTop(scene.reader, { limit: 30, from: first.next }, { timeline: () => failing })
    expect([...idsOf(first), ...idsOf(second)]).toEqual(whole.slice(0, 60))
    expect(second.degraded).toBe('timeline')
    const third = await readTop(scene.reader, { limit: 100, from: second.next })
    expect(sorted([...idsOf(first), ...idsOf(second), ...idsOf(third)])).toEqual(ids)
  })

  it('an object that fails once is asked again', async () => {
    const scene = await setTopScene()
    const ids = await insertMany(scene, 3)
    let calls = 0
    const timeline = (id: Viewer['id']) => {
      const real = testDeps().timeline(id)
      return timelineWith(real, {
        page: (request) => (++calls === 1 ? Promise.reject(new Error('restarting')) : real.page(request)),
      })
    }
    const page = await readTop(scene.reader, {}, { timeline })
    expect([idsOf(page), page.degraded]).toEqual([ids, null])
  })
})
