import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import type { EntryId, TweetId } from '../../src/domain/ids.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { gateDatabase, holdDatabase, type RoundTrip, refuseDatabase, watchDatabase } from './database-gate.ts'
import { api, rows, type TestDeps, testDeps } from './harness.ts'
import { getHome, readHome } from './homes.ts'
import { homeIds, insertFollowers, insertPeople, insertRecentTweets, timelineOf, tokenOf } from './people.ts'
import { warmObject } from './stores.ts'

const TTL_MS = 15_000

interface Scene {
  reader: Viewer
  author: Viewer
  /** The author's tweets, the newest first. */
  tweets: TweetId[]
}

/** A reader who follows an author with two tweets. */
async function setScene(): Promise<Scene> {
  const [reader, author] = await insertPeople(2)
  if (reader === undefined || author === undefined) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  return { reader, author, tweets: await insertRecentTweets(author, 2) }
}

interface Clocked extends TestDeps {
  advance(ms: number): void
}

/** An isolate of its own, with a clock of its own. */
function isolateDeps(replaced: Partial<Deps> = {}): Clocked {
  let nowMs = Date.now()
  const deps = testDeps({ freshness: new FreshnessCache(TTL_MS), now: () => nowMs, ...replaced })
  return {
    ...deps,
    advance: (ms) => {
      nowMs += ms
    },
  }
}

/** Reads once, so that the object has the cards. */
async function warmCards(reader: Viewer): Promise<void> {
  const deps = isolateDeps()
  await readHome(deps, reader)
  await deps.settled()
}

const freshens = ({ text }: RoundTrip) => text.includes('author_is_private')
const likesOf = ({ tweets }: { tweets: { like_count: number }[] }) =>
  tweets.map(({ like_count }) => like_count)

describe('counts', () => {
  it('are at most 15 seconds old, and cost no statement meanwhile', async () => {
    const { reader, tweets } = await setScene()
    const deps = isolateDeps()
    await readHome(deps, reader)
    await rows(sql`update tweets set like_count = 5 where id = ${tweets[0]}`)
    using database = watchDatabase()
    deps.advance(TTL_MS - 1)
    expect(likesOf(await readHome(deps, reader))).toEqual([0, 0])
    expect(database.trips).toEqual([])
    deps.advance(1)
    expect(likesOf(await readHome(deps, reader))).toEqual([5, 0])
    expect(database.trips).toHaveLength(1)
  })

  it('of an edited tweet come with its new card, which the object keeps', async () => {
    const { reader, tweets } = await setScene()
    await warmCards(reader)
    await rows(sql`update tweets set content = 'Edited', revision = revision + 1 where id = ${tweets[1]}`)
    const deps = isolateDeps()
    const contents = ({ tweets: shown }: Awaited<ReturnType<typeof readHome>>) => shown[1]?.content
    expect(contents(await readHome(deps, reader))).toBe('Edited')
    await deps.settled()
    using _gate = refuseDatabase()
    expect(contents(await readHome(isolateDeps(), reader))).toBe('Edited')
  })
})

describe('what may no longer be seen', () => {
  it('is gone after 15 seconds when it was deleted', async () => {
    const { reader, tweets } = await setScene()
    const deps = isolateDeps()
    await readHome(deps, reader)
    await rows(sql`update tweets set is_deleted = true where id = ${tweets[0]}`)
    expect((await readHome(deps, reader)).ids).toEqual(tweets)
    deps.advance(TTL_MS)
    expect((await readHome(deps, reader)).ids).toEqual(tweets.slice(1))
    // And stays so, known from the cache.
    expect((await readHome(deps, reader)).ids).toEqual(tweets.slice(1))
  })

  it('is gone after 15 seconds when its author was suspended or deactivated', async () => {
    const { reader, author } = await setScene()
    const deps = isolateDeps()
    for (const change of [sql`suspended_at = now()`, sql`suspended_at = null, is_active = false`]) {
      await rows(sql`update users set suspended_at = null where id = ${author.id}`)
      deps.advance(TTL_MS)
      expect((await readHome(deps, reader)).ids).toHaveLength(2)
      await rows(sql`update users set ${change} where id = ${author.id}`)
      deps.advance(TTL_MS)
      expect((await readHome(deps, reader)).ids).toEqual([])
    }
  })

  it('is gone after 15 seconds when its author became private, but for followers', async () => {
    const [reader, followed, other] = await insertPeople(3)
    if (!reader || !followed || !other) throw new Error('Nobody was inserted')
    const [ofFollowed] = await insertRecentTweets(followed, 1)
    const [ofOther] = await insertRecentTweets(other, 1)
    if (!ofFollowed || !ofOther) throw new Error('Nothing was inserted')
    const entry = (id: TweetId, { id: author }: Viewer) => ({
      id: id as number as EntryId,
      tweet_id: id,
      author_id: author,
      flags: 0,
    })
    const entries = [entry(ofOther, other), entry(ofFollowed, followed)].sort((a, b) => b.id - a.id)
    await warmObject(timelineOf(reader), reader.id, { entries, followees: [followed.id], dropped: [] })
    const deps = isolateDeps()
    expect((await readHome(deps, reader)).ids.toSorted()).toEqual([ofFollowed, ofOther].toSorted())
    await rows(sql`update users set is_private = true where id in (${followed.id}, ${other.id})`)
    deps.advance(TTL_MS)
    expect((await readHome(deps, reader)).ids).toEqual([ofFollowed])
  })
})

describe('a slow database', () => {
  it('is awaited until the deadline: then the page is served as it is kept, and says so', async () => {
    const { reader, tweets } = await setScene()
    await warmCards(reader)
    await rows(sql`update tweets set like_count = 7 where id = ${tweets[0]}`)
    const token = await tokenOf(reader)
    const held = holdDatabase(freshens, 'before')
    const page = await getHome(token)
    expect(page).toMatchObject({ ids: tweets, degraded: 'stale' })
    expect(likesOf(page)).toEqual([0, 0])
    held.release()
    // What came too late serves the next read.
    await expect.poll(async () => likesOf(await getHome(token))).toEqual([7, 0])
    held[Symbol.dispose]()
    expect((await getHome(token)).degraded).toBeNull()
  })

  it('is awaited longer for a card, without which there would be a hole', async () => {
    const { reader, tweets } = await setScene()
    const deps = isolateDeps()
    using _gate = gateDatabase(async (trip, carry) => {
      if (freshens(trip)) await scheduler.wait(deps.settings.freshenDeadlineMs + 100)
      return carry()
    })
    expect(await readHome(deps, reader)).toMatchObject({ ids: tweets, stale: false })
  })
})

describe('without the database', () => {
  it('a warm timeline is served, and says so', async () => {
    const { reader, tweets } = await setScene()
    await warmCards(reader)
    const token = await tokenOf(reader)
    using _gate = refuseDatabase()
    expect(await getHome(token)).toMatchObject({ ids: tweets, degraded: 'stale' })
  })

  it('a cold one is not available: try again', async () => {
    const { reader } = await setScene()
    const token = await tokenOf(reader)
    using _gate = refuseDatabase()
    const { status, body, headers } = await api('GET', '/api/timeline/home', { token })
    expect([status, headers.get('retry-after')]).toEqual([503, '2'])
    expect(body).toMatchObject({ code: 'unavailable' })
  })

  it('a page ends where a card is missing, and goes on there when the database is back', async () => {
    const { reader, tweets } = await setScene()
    const [newest, older] = tweets
    const deps = isolateDeps()
    expect((await readHome(deps, reader, { limit: 1 })).ids).toEqual([newest])
    await deps.settled()
    const database = refuseDatabase()
    const page = await readHome(isolateDeps(), reader)
    expect(page).toMatchObject({ ids: [newest], nextBefore: newest, stale: true })
    const next = readHome(isolateDeps(), reader, { before: page.nextBefore })
    await expect(next).rejects.toMatchObject({ code: 'unavailable' })
    database[Symbol.dispose]()
    const rest = await readHome(isolateDeps(), reader, { before: page.nextBefore })
    expect(rest).toMatchObject({ ids: [older], nextBefore: null, stale: false })
  })

  it('a page ends where what is kept ends', async () => {
    const { reader, author } = await setScene()
    await insertRecentTweets(author, 900)
    const all = await homeIds(reader)
    expect(all).toHaveLength(800)
    const deps = isolateDeps()
    const before = all[789] as EntryId
    const kept = all.slice(790)
    const whole = await readHome(deps, reader, { before })
    expect(whole.ids.slice(0, 10)).toEqual(kept)
    expect(whole.ids).toHaveLength(20)
    await deps.settled()
    using _gate = refuseDatabase()
    const page = await readHome(deps, reader, { before })
    expect(page).toMatchObject({ ids: kept, nextBefore: kept.at(-1), stale: true })
  })
})
