import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { type HomePageJson, homePage } from '../../src/contracts/http/timelines.ts'
import type { TimelineRpc } from '../../src/contracts/timeline.ts'
import type { EntryId, TweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { PulledAuthors } from '../../src/views/pulled-authors.ts'
import { post, spread } from './consumers.ts'
import { gateDatabase, holdDatabase, refusal, refuseDatabase } from './database-gate.ts'
import { fakeTimeline, timelineWith } from './fake-timeline.ts'
import { type ApiAnswer, api, rows, testDeps } from './harness.ts'
import { linesOf, type ReadHome, readHome, rebuild, warmAbove } from './homes.ts'
import { insertFollowers, insertPeople, insertRecentTweets, insertRetweets, tokenOf } from './people.ts'

async function setScene() {
  const [reader, author, stranger] = await insertPeople(3)
  if (!reader || !author || !stranger) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  return { reader, author, stranger, token: await tokenOf(reader) }
}

/** The same, with a timeline that is warm and has its cards. */
async function setWarmScene(count: number) {
  const scene = await setScene()
  const tweets = await insertRecentTweets(scene.author, count)
  await readHome(scene.reader)
  return { ...scene, tweets }
}

const home = (token: string, query = '') => api('GET', `/api/timeline/home${query}`, { token })
const idsOf = ({ tweets }: HomePageJson | ReadHome) => tweets.map(({ id }) => id)

function shown(answer: ApiAnswer): HomePageJson & { degraded: string | null } {
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return { ...homePage.parse(answer.body), degraded: answer.headers.get('x-degraded') }
}

function expectUnavailable(answer: ApiAnswer): void {
  expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } })
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
}

/** Everything that a write of these two could have changed. */
async function stateOf(reader: Viewer, author: Viewer): Promise<unknown> {
  const ids = sql`(${reader.id}, ${author.id})`
  return rows(sql`
    select
      (select json_agg(u order by id) from users u where id in ${ids}) as users,
      (select json_agg(t order by id) from tweets t where user_id in ${ids}) as tweets,
      (select json_agg(r order by id) from retweets r where user_id in ${ids}) as retweets,
      (select json_agg(l order by tweet_id) from likes l where user_id in ${ids}) as likes,
      (select json_agg(b order by tweet_id) from bookmarks b where user_id in ${ids}) as bookmarks,
      (select json_agg(f order by following_id) from follows f where follower_id in ${ids}) as follows,
      (select json_agg(m) from home_markers m where user_id in ${ids}) as markers`)
}

describe('with the database down', () => {
  it('a warm page comes from the object and says that it is stale, in both its directions', async () => {
    const { tweets, token } = await setWarmScene(9)
    using _gate = refuseDatabase()
    const first = shown(await home(token, '?limit=4'))
    expect([idsOf(first), first.degraded]).toEqual([tweets.slice(0, 4), 'stale'])
    const second = shown(await home(token, `?limit=4&cursor=${first.pagination.next_cursor}`))
    expect([idsOf(second), second.degraded]).toEqual([tweets.slice(4, 8), 'stale'])
    const back = shown(await home(token, `?limit=4&cursor=${second.pagination.prev_cursor}`))
    expect([idsOf(back), back.degraded]).toEqual([tweets.slice(0, 4), 'stale'])
  })

  it('what the object has heard shows: the reader’s own flags and the newest counts an isolate knows', async () => {
    const { reader, tweets } = await setWarmScene(2)
    await rows(sql`update tweets set like_count = 5 where id = ${tweets[0]}`)
    const isolate = { freshness: new FreshnessCache(15_000), pulled: new PulledAuthors() }
    await readHome(reader, {}, isolate)
    using _gate = refuseDatabase()
    const page = await readHome(reader, {}, isolate)
    expect(page.tweets[0]).toMatchObject({ id: tweets[0], like_count: 5 })
    expect(page.degraded).toBeNull()
  })

  it('every write is refused, says when to come again, and changes nothing', async () => {
    const { reader, author, stranger, tweets, token } = await setWarmScene(3)
    const own = await post(reader)
    await readHome(reader)
    const before = await stateOf(reader, author)
    const [tweet] = tweets
    const writes: [method: string, path: string, body?: unknown][] = [
      ['POST', '/api/tweets', { content: 'Hello' }],
      ['POST', `/api/tweets/${tweet}/reply`, { content: 'Hello' }],
      ['POST', '/api/threads', { tweets: [{ content: 'One' }, { content: 'Two' }] }],
      ['PUT', `/api/tweets/${own.id}`, { content: 'Edited' }],
      ['DELETE', `/api/tweets/${own.id}`],
      ['POST', `/api/tweets/${tweet}/like`],
      ['POST', `/api/tweets/${tweet}/bookmark`],
      ['POST', `/api/tweets/${tweet}/retweet`],
      ['POST', `/api/users/${stranger.id}/follow`],
      ['DELETE', `/api/users/${author.id}/follow`],
      ['PUT', `/api/users/${reader.id}`, { display_name: 'Renamed' }],
    ]
    {
      using _gate = refuseDatabase()
      for (const [method, path, body] of writes) {
        const answer = await api(method, path, { token, ...(body === undefined ? {} : { body }) })
        expect([method, path, answer.status]).toEqual([method, path, 503])
        expectUnavailable(answer)
      }
      const page = shown(await home(token))
      expect(idsOf(page)).toEqual([own.id, ...tweets])
      expect(
        page.tweets.map(({ is_liked, is_bookmarked, is_retweeted }) => [
          is_liked,
          is_bookmarked,
          is_retweeted,
        ]),
      ).toEqual(page.tweets.map(() => [false, false, false]))
    }
    expect(await stateOf(reader, author)).toEqual(before)
    expect(idsOf(shown(await home(token)))).toEqual([own.id, ...tweets])
  })

  it('a cold timeline is unavailable', async () => {
    const { author, token } = await setScene()
    await insertRecentTweets(author, 1)
    using _gate = refuseDatabase()
    expectUnavailable(await home(token))
  })

  it('a page ends at the floor, and only below it is nothing left to show', async () => {
    const { reader, author, token } = await setScene()
    const tweets = await insertRecentTweets(author, 10)
    const [floor = 0] = tweets.slice(5)
    await warmAbove(reader, floor)
    await readHome(reader, { limit: 6 })
    let cursor: string | null
    {
      using _gate = refuseDatabase()
      const first = shown(await home(token, '?limit=4'))
      const second = shown(await home(token, `?limit=4&cursor=${first.pagination.next_cursor}`))
      expect([idsOf(second), second.degraded]).toEqual([tweets.slice(4, 6), 'stale'])
      cursor = second.pagination.next_cursor
      expectUnavailable(await home(token, `?limit=4&cursor=${cursor}`))
    }
    const rest = shown(await home(token, `?limit=4&cursor=${cursor}`))
    expect([idsOf(rest), rest.degraded]).toEqual([tweets.slice(6), null])
    expect(rest.pagination.next_cursor).toBeNull()
    using _gate = refuseDatabase()
    const back = shown(await home(token, `?limit=4&cursor=${rest.pagination.prev_cursor}`))
    expect([idsOf(back), back.degraded]).toEqual([tweets.slice(2, 6), 'stale'])
  })

  it('a page whose cards nobody has is unavailable, not empty', async () => {
    const { reader, author, token } = await setScene()
    const tweets = await insertRecentTweets(author, 3)
    await warmAbove(reader, 0)
    {
      using _gate = refuseDatabase()
      expectUnavailable(await home(token))
    }
    expect(idsOf(shown(await home(token)))).toEqual(tweets)
  })
})

describe('with a slow database', () => {
  const READS_FRESH = `'author_is_private'`

  it('a page is not waited for past the deadline, and what comes late is cached', async () => {
    const { reader, tweets } = await setWarmScene(3)
    await rows(sql`update tweets set like_count = 3 where id = ${tweets[0]}`)
    const isolate = { freshness: new FreshnessCache(15_000), pulled: new PulledAuthors() }
    const deps = testDeps()
    const settings = { ...deps.settings, freshenDeadlineMs: 40 }
    const deferred: Promise<unknown>[] = []
    using held = holdDatabase(({ text }) => text.includes(READS_FRESH), 'before')
    const page = await readHome(reader, {}, { ...isolate, settings, defer: (work) => deferred.push(work) })
    await held.reached
    expect([idsOf(page), page.degraded, page.tweets[0]?.like_count]).toEqual([tweets, 'stale', 0])
    held.release()
    await Promise.all(deferred)
    using _gate = refuseDatabase()
    const next = await readHome(reader, {}, isolate)
    expect([idsOf(next), next.degraded, next.tweets[0]?.like_count]).toEqual([tweets, null, 3])
  })

  it('is as good as down for who asks next, who does not wait longer', async () => {
    const { reader, tweets } = await setWarmScene(3)
    const { settings } = testDeps()
    using _held = holdDatabase(() => true, 'before')
    const startMs = performance.now()
    const page = await readHome(
      reader,
      {},
      {
        pulled: new PulledAuthors(),
        settings: { ...settings, freshenDeadlineMs: 50 },
        defer: () => {},
      },
    )
    expect([idsOf(page), page.degraded]).toEqual([tweets, 'stale'])
    expect(performance.now() - startMs).toBeLessThan(5_000)
  })
})

describe('with an object that fails', () => {
  const failing = async () => {
    throw new Error('The object was reset')
  }
  const always = { timeline: () => fakeTimeline({ page: failing, marker: failing, apply: failing }) }

  function failingOnce(): { timeline: (user: Viewer['id']) => TimelineRpc } {
    let calls = 0
    return {
      timeline: (user) => {
        const real = testDeps().timeline(user)
        return timelineWith(real, {
          page: (request) => {
            calls += 1
            return calls === 1 ? failing() : real.page(request)
          },
        })
      },
    }
  }

  it('once, it is asked again, and nobody hears of it', async () => {
    const { reader, tweets } = await setWarmScene(4)
    const page = await readHome(reader, { limit: 3 }, failingOnce())
    expect([idsOf(page), page.degraded]).toEqual([tweets.slice(0, 3), null])
  })

  it('for long, pages come from Postgres and say so, in both directions', async () => {
    const { reader, tweets } = await setWarmScene(11)
    const pages: ReadHome[] = [await readHome(reader, { limit: 3 }, always)]
    for (let from = pages[0]?.older ?? null; from !== null; from = pages.at(-1)?.older ?? null) {
      pages.push(await readHome(reader, { limit: 3, from }, always))
    }
    expect(pages.flatMap(idsOf)).toEqual(tweets)
    expect(new Set(pages.map(({ degraded }) => degraded))).toEqual(new Set(['timeline']))
    expect(pages[0]?.newer).toBeNull()
    const back = await readHome(reader, { limit: 3, from: pages[2]?.newer ?? null }, always)
    expect(linesOf(back)).toEqual(linesOf(pages[1] ?? back))
  })

  it('leads up to where the scroll began and no further, although tweets arrive', async () => {
    const { reader, author, tweets } = await setWarmScene(8)
    let page = await readHome(reader, { limit: 3 })
    while (page.older !== null) page = await readHome(reader, { limit: 3, from: page.older })
    await spread((await post(author)).outbox)
    const ids = idsOf(page)
    while (page.newer !== null) {
      page = await readHome(reader, { limit: 3, from: page.newer }, always)
      ids.unshift(...idsOf(page))
    }
    expect(ids).toEqual(tweets)
  })

  it('shows what the object would: no blocked and no muted authors, and each tweet once', async () => {
    const { reader, author, stranger, tweets } = await setWarmScene(3)
    await retweetBy(author, tweets[0] ?? 0, tweets[2] ?? 0)
    const [muted] = await insertPeople(1)
    if (muted === undefined) throw new Error('Nobody')
    await insertFollowers([reader], muted)
    await insertRecentTweets(muted, 2)
    await insertRecentTweets(stranger, 2)
    await rows(sql`insert into mutes (muter_id, muted_id) values (${reader.id}, ${muted.id})`)
    const page = await readHome(reader, {}, always)
    expect(linesOf(page)).toEqual([
      [tweets[2], author.id],
      [tweets[0], null],
      [tweets[1], null],
    ])
  })

  it.each([
    ['there and back', [false, true, false, true]],
    ['back', [true, false, false, false]],
    ['away', [false, true, true, true]],
  ])('%s, a scroll goes on without gap or repeat, although tweets arrive', async (_name, fails) => {
    const { reader, author, tweets } = await setWarmScene(10)
    await retweetBy(author, tweets[0] ?? 0, tweets[8] ?? 0)
    await rebuild(reader)
    const lines: (readonly [number, number | null])[] = []
    let from: ReadHome['older'] = null
    for (let n = 0; n === 0 || from !== null; n++) {
      const page: ReadHome = await readHome(reader, { limit: 3, from }, fails[n % fails.length] ? always : {})
      expect(page.degraded).toBe(fails[n % fails.length] ? 'timeline' : null)
      lines.push(...linesOf(page))
      from = page.older
      await spread((await post(author)).outbox)
    }
    expect(lines).toEqual([
      [tweets[8], author.id],
      ...tweets.filter((_, index) => index !== 8).map((id) => [id, null]),
    ])
  })

  it('and the database down, nothing can be shown', async () => {
    const { reader } = await setWarmScene(2)
    using _gate = refuseDatabase()
    await expect(readHome(reader, {}, always)).rejects.toMatchObject({
      code: 'unavailable',
      retryAfterSeconds: expect.any(Number),
    })
  })

  it('and a database that goes away within the page: what there is is shown, with a cursor to the rest', async () => {
    const { reader, author, tweets } = await setWarmScene(8)
    // It stands at its retweet: where it stood, the page is a line short, and is filled up.
    await retweetBy(author, tweets[0] ?? 0, tweets[5] ?? 0)
    await rebuild(reader)
    let reads = 0
    let page: ReadHome
    {
      using _gate = gateDatabase((trip, carry) => {
        if (trip.text.includes('entry_id')) reads += 1
        return reads > 1 ? refusal() : carry()
      })
      page = await readHome(reader, { limit: 7 }, always)
    }
    expect(reads).toBe(2)
    expect([linesOf(page), page.degraded]).toEqual([
      [[tweets[5], author.id], ...tweets.slice(0, 5).map((id) => [id, null])],
      'stale',
    ])
    expect(idsOf(await readHome(reader, { from: page.older }))).toEqual(tweets.slice(6))
  })
})

/** A retweet that is newer than its author's newest tweet and older than what comes. */
async function retweetBy(by: Viewer, newest: number, tweet: number): Promise<void> {
  await insertRetweets([{ id: (newest + 5) as EntryId, by, tweet: tweet as TweetId }])
}
