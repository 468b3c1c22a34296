import { sql } from 'drizzle-orm'
import { describe, expect, it, vi } from 'vitest'
import { type TweetPage, tweetPage } from '../../src/contracts/http/tweets.ts'
import { unpackPage } from '../../src/contracts/packed-page.ts'
import { KEPT_ENTRIES } from '../../src/contracts/timeline.ts'
import { fromUtf8, type Utf8Text } from '../../src/contracts/utf8-text.ts'
import { ensureTweetPartitionsSql } from '../../src/db/partitions.ts'
import type { TweetId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { readHomeTimeline } from '../../src/services/read-home-timeline.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { follow, post, postAndDeliver, remove, spread, unfollow } from './consumers.ts'
import { api, rows, testDeps } from './harness.ts'
import {
  insertFollowers,
  insertPeople,
  insertRecentTweets,
  insertTweetsAt,
  timelineOf,
  tokenOf,
} from './people.ts'

const DAY_MS = 86_400_000

async function readerAndAuthor(): Promise<{ reader: Viewer; author: Viewer }> {
  const [reader, author] = await insertPeople(2)
  if (reader === undefined || author === undefined) throw new Error('Two people are needed')
  await insertFollowers([reader], author)
  return { reader, author }
}

async function home(reader: Viewer, query = ''): Promise<TweetPage & { degraded: string | null }> {
  const answer = await api('GET', `/api/timeline/home${query}`, { token: await tokenOf(reader) })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return { ...tweetPage.parse(answer.body), degraded: answer.headers.get('x-degraded') }
}

const idsOf = ({ tweets }: TweetPage) => tweets.map(({ id }) => id)

/** Scrolls to the end of history. `between` runs after each page. */
async function scroll(reader: Viewer, limit: number, between: () => Promise<unknown> = async () => {}) {
  const ids: number[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: TweetPage = await home(reader, `?limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`)
    ids.push(...idsOf(page))
    cursor = page.pagination.next_cursor
    await between()
  }
  return ids
}

describe('the author', () => {
  it('has their tweet on their next read', async () => {
    const { author } = await readerAndAuthor()
    await home(author)
    const { id } = await post(author)
    expect(idsOf(await home(author))[0]).toBe(id)
  })

  it('has it there although their timeline failed once', async () => {
    const { author } = await readerAndAuthor()
    await home(author)
    let calls = 0
    const failsOnce: Partial<Deps> = {
      timeline: (user) => {
        calls += 1
        if (calls === 1) throw new Error('restarting')
        return testDeps().timeline(user)
      },
    }
    const { id } = await post(author, 'Again', failsOnce)
    expect(calls).toBe(2)
    expect(idsOf(await home(author))[0]).toBe(id)
  })
})

describe('a follower', () => {
  it('has the newest tweets of an author they just followed, and none of one they unfollowed', async () => {
    const [reader, author] = await insertPeople(2)
    if (reader === undefined || author === undefined) throw new Error('Two people are needed')
    const tweets = await insertRecentTweets(author, 5)
    expect(idsOf(await home(reader))).toEqual([])
    await follow(reader, author)
    expect(idsOf(await home(reader))).toEqual(tweets)
    await unfollow(reader, author)
    expect(idsOf(await home(reader))).toEqual([])
  })

  it('sees a tweet go when it is deleted', async () => {
    const { reader, author } = await readerAndAuthor()
    await home(reader)
    const id = await postAndDeliver(author)
    expect(idsOf(await home(reader))).toEqual([id])
    await spread(await remove(author, id))
    expect(idsOf(await home(reader))).toEqual([])
  })
})

describe('pages', () => {
  it('go from the first entry to the end of history, past what the object keeps, without repeat or gap', async () => {
    const { reader, author } = await readerAndAuthor()
    const nowMs = Date.now()
    await rows(sql.raw(ensureTweetPartitionsSql(nowMs - 200 * DAY_MS, nowMs)))
    const count = KEPT_ENTRIES + 300
    const spacing = (190 * DAY_MS) / count
    const moments = Array.from({ length: count }, (_, index) => Math.floor(nowMs - 1000 - index * spacing))
    const tweets = await insertTweetsAt(author, moments)

    // New tweets arrive while one scrolls: they are in front of the scroll, not in it.
    const seen = await scroll(reader, 97, () => postAndDeliver(author))
    expect(seen).toEqual(tweets)
    const byOffset = await home(reader, '?limit=50&offset=790')
    expect(byOffset.tweets).toHaveLength(50)
    expect(byOffset.pagination).toMatchObject({ limit: 50, offset: 790, has_more: true })
  })

  it('by offset show the same as by cursor', async () => {
    const { reader, author } = await readerAndAuthor()
    const tweets = await insertRecentTweets(author, 45)
    const pages = await Promise.all([0, 20, 40].map((offset) => home(reader, `?limit=20&offset=${offset}`)))
    expect(pages.flatMap(idsOf)).toEqual(tweets)
    expect(pages.map(({ pagination }) => pagination.has_more)).toEqual([true, true, false])
  })

  it('are filled up where deleted tweets have thinned them', async () => {
    const { reader, author } = await readerAndAuthor()
    const tweets = await insertRecentTweets(author, 60)
    await home(reader)
    const gone = tweets.slice(0, 25)
    await rows(sql`update tweets set is_deleted = true where user_id = ${author.id} and id >= ${gone.at(-1)}`)
    // Another reader's isolate has not looked at these tweets: nothing is cached.
    const page = await readHomeTimeline(testDeps({ freshness: new FreshnessCache(15_000) }), reader, {
      limit: 20,
      offset: 0,
      from: null,
    })
    expect(page.tweets.map((tweet) => (JSON.parse(fromUtf8(tweet)) as { id: number }).id)).toEqual(
      tweets.slice(25, 45),
    )
  })

  it('have no gap after a follow whose author wrote more than is kept', async () => {
    const [reader, prolific, quiet] = await insertPeople(3)
    if (reader === undefined || prolific === undefined || quiet === undefined) throw new Error('Three')
    await insertFollowers([reader], quiet)
    const nowMs = Date.now()
    const old = await insertTweetsAt(quiet, [nowMs - 5 * DAY_MS, nowMs - 6 * DAY_MS])
    expect(await scroll(reader, 50)).toEqual(old)
    const many = await insertRecentTweets(prolific, KEPT_ENTRIES + 60)
    await follow(reader, prolific)
    expect(await scroll(reader, 100)).toEqual([...many, ...old])
  })
})

describe('freshening', () => {
  const fresh = (reader: Viewer, deps: Partial<Deps> = {}) =>
    readHomeTimeline(testDeps({ freshness: new FreshnessCache(15_000), ...deps }), reader, {
      limit: 20,
      offset: 0,
      from: null,
    })
  const parsed = (tweets: Utf8Text[]) =>
    tweets.map((bytes) => JSON.parse(fromUtf8(bytes)) as { id: number; like_count: number })

  it('shows counts as they are, and from the cache for its time', async () => {
    const { reader, author } = await readerAndAuthor()
    const [id] = await insertRecentTweets(author, 1)
    const freshness = new FreshnessCache(15_000)
    let nowMs = Date.now()
    const read = async () =>
      parsed((await fresh(reader, { freshness, now: () => nowMs })).tweets)[0]?.like_count
    expect(await read()).toBe(0)
    await rows(sql`update tweets set like_count = 7 where id = ${id}`)
    expect(await read()).toBe(0)
    nowMs += 15_001
    expect(await read()).toBe(7)
  })

  it('drops what was deleted, and a private author whom one does not follow', async () => {
    const { reader, author } = await readerAndAuthor()
    const [first, second] = await insertRecentTweets(author, 2)
    expect(parsed((await fresh(reader)).tweets).map(({ id }) => id)).toEqual([first, second])
    await rows(sql`update tweets set is_deleted = true where id = ${first}`)
    expect(parsed((await fresh(reader)).tweets).map(({ id }) => id)).toEqual([second])
    await rows(sql`update users set is_private = true where id = ${author.id}`)
    expect(parsed((await fresh(reader)).tweets).map(({ id }) => id)).toEqual([second])
  })

  it('shows an author’s new name', async () => {
    const { reader, author } = await readerAndAuthor()
    await insertRecentTweets(author, 1)
    await fresh(reader)
    await rows(
      sql`update users set display_name = 'Renamed', revision = revision + 1 where id = ${author.id}`,
    )
    const [tweet = '' as Utf8Text] = (await fresh(reader)).tweets
    expect(fromUtf8(tweet)).toContain('"display_name":"Renamed"')
  })

  it('is not waited for past its deadline: the page comes as the object has it and says so', async () => {
    const { reader, author } = await readerAndAuthor()
    const [id] = await insertRecentTweets(author, 1)
    await fresh(reader)
    await vi.waitFor(async () => {
      const result = await timelineOf(reader).page({ limit: 1, before: null, top: null, offset: 0 })
      expect(result.ok && unpackPage(result.page).entries[0]?.card).not.toBeNull()
    })
    const { settings } = testDeps()
    const page = await fresh(reader, { settings: { ...settings, freshenDeadlineMs: 0 } })
    expect(page.degraded).toBe('stale')
    expect(parsed(page.tweets).map((tweet) => tweet.id)).toEqual([id as TweetId])
  })
})

describe('without the database', () => {
  it('a warm timeline is served from its object, and says so', async () => {
    const { reader, author } = await readerAndAuthor()
    const [id] = await insertRecentTweets(author, 1)
    const deps = testDeps({ freshness: new FreshnessCache(15_000) })
    await readHomeTimeline(deps, reader, { limit: 20, offset: 0, from: null })
    await deps.settled()
    const broken = testDeps({
      freshness: new FreshnessCache(15_000),
      db: new Proxy(deps.db, {
        get: () => () => Promise.reject(Object.assign(new Error('fetch failed'), { name: 'NeonDbError' })),
      }),
    })
    const page = await readHomeTimeline(broken, reader, { limit: 20, offset: 0, from: null })
    expect(page.degraded).toBe('stale')
    expect(page.tweets.map((text) => (JSON.parse(fromUtf8(text)) as { id: number }).id)).toEqual([id])
  })
})
