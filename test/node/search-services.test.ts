import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AS_TYPED, type HitPlace, type SearchRpc, type TweetSearch } from '../../src/contracts/search.ts'
import { connect, type Db } from '../../src/db/client.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { checkReadiness } from '../../src/services/check-readiness.ts'
import type { Deps } from '../../src/services/deps.ts'
import { searchHashtags } from '../../src/services/search-hashtags.ts'
import { searchTweets } from '../../src/services/search-tweets.ts'
import { searchUsers } from '../../src/services/search-users.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

/** An index of what it is given, the best first: whatever is asked for, it finds all of it. */
class FakeIndex {
  readonly asked: TweetSearch[] = []
  didYouMean: string | null = null
  #hits: HitPlace[]

  constructor(ids: readonly number[]) {
    this.#hits = ids.map((id, index) => ({ id, score: ids.length - index }))
  }

  add(hit: HitPlace) {
    this.#hits = [...this.#hits, hit].toSorted((a, b) => b.score - a.score || b.id - a.id)
  }

  /** As what is posted meanwhile changes what a word weighs. */
  changeScores(by: number) {
    this.#hits = this.#hits.map((hit) => ({ ...hit, score: hit.score + by }))
  }

  page(after: HitPlace | null, limit: number) {
    const behind = this.#hits.filter(
      ({ score, id }) => after === null || score < after.score || (score === after.score && id < after.id),
    )
    return { hits: behind.slice(0, limit), hasMore: behind.length > limit }
  }

  get rpc(): SearchRpc {
    const notHere = () => Promise.reject(new Error('Not in this test'))
    return {
      index: notHere,
      remove: notHere,
      searchTweets: async (search) => {
        this.asked.push(search)
        return { ...this.page(search.after, search.limit), didYouMean: this.didYouMean }
      },
      searchUsers: async ({ after, limit }) => this.page(after, limit),
      searchHashtags: async ({ limit }) => ({
        hits: this.page(null, limit).hits.map(({ id, score }) => ({
          tag: `tag${id}`,
          tweetCount: id,
          score,
        })),
      }),
    }
  }
}

const withIndex = (index: FakeIndex): Deps => depsOn(db, { search: index.rpc }).deps

const ASKED = { text: 'hello', sort: 'relevance', limit: 3, offset: 0, place: null } as const

async function tweetsOf(author: UserId, count: number, columns: object = {}): Promise<TweetId[]> {
  const ids: TweetId[] = []
  for (let n = 0; n < count; n++) ids.push(await addTweet(database.pool, author, { ...columns }))
  return ids
}

/** All pages of a search, as one list of ids. */
async function scroll(deps: Deps, viewer: UserId, asked: Partial<Parameters<typeof searchTweets>[2]> = {}) {
  const pages: number[][] = []
  let place: Parameters<typeof searchTweets>[2]['place'] = null
  do {
    const found = await searchTweets(deps, viewerOf(viewer), { ...ASKED, ...asked, place })
    pages.push(found.tweets.map(({ id }) => id))
    place = found.next
  } while (place !== null)
  return pages
}

describe('tweets that are found', () => {
  it('are shown with the viewer’s flags and what was searched for, in one round trip', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser()]
    const [id = 0] = await tweetsOf(author, 1, { content: 'Well, hello hello' })
    const deps = withIndex(new FakeIndex([id]))
    const found = await searchTweets(deps, viewerOf(viewer), ASKED)
    expect(found).toMatchObject({
      tweets: [
        {
          id,
          is_liked: false,
          highlights: [
            [6, 11],
            [12, 17],
          ],
        },
      ],
      didYouMean: null,
      next: null,
    })
    expect(await roundTripsOf(database, () => searchTweets(deps, viewerOf(viewer), ASKED))).toBe(1)
  })

  it('are each there once, in the index’s order, however they are paged', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser()]
    const ids = await tweetsOf(author, 10)
    const deps = withIndex(new FakeIndex(ids))
    for (const limit of [1, 2, 3, 9, 10, 11]) {
      const pages = await scroll(deps, viewer, { limit })
      expect(pages.flat()).toEqual(ids)
      expect(pages.every((page) => page.length === limit || page === pages.at(-1))).toBe(true)
    }
    const skipped = await searchTweets(deps, viewerOf(viewer), { ...ASKED, offset: 4 })
    expect(skipped.tweets.map(({ id }) => id)).toEqual(ids.slice(4, 7))
  })

  it.each([2.5, -2.5])(
    'are each there once, though all scores change by %i while one scrolls',
    async (by) => {
      const [viewer, author] = [await people.addUser(), await people.addUser()]
      const ids = await tweetsOf(author, 10)
      const index = new FakeIndex(ids)
      const deps = withIndex(index)
      const seen: number[] = []
      let place: Parameters<typeof searchTweets>[2]['place'] = null
      do {
        const found = await searchTweets(deps, viewerOf(viewer), { ...ASKED, place })
        seen.push(...found.tweets.map(({ id }) => id))
        place = found.next
        index.changeScores(by)
      } while (place !== null)
      expect(seen).toEqual(ids)
    },
  )

  it('make full pages where many of them may not be seen', async () => {
    const viewer = await people.addUser()
    const [author, hidden, gone, blocked, muted] = [
      await people.addUser(),
      await people.addUser({ is_private: true }),
      await people.addUser({ is_active: false }),
      await people.addUser(),
      await people.addUser(),
    ]
    await people.add('blocks', blocked, viewer)
    await people.add('mutes', viewer, muted)
    const ids: TweetId[] = []
    const shown: TweetId[] = []
    for (let n = 0; n < 6; n++) {
      const [one] = await tweetsOf(author, 1)
      if (one === undefined) throw new Error('No tweet')
      shown.push(one)
      ids.push(one)
      for (const other of [hidden, gone, blocked, muted]) ids.push(...(await tweetsOf(other, 1)))
      ids.push(...(await tweetsOf(author, 1, { is_deleted: true })))
    }
    const index = new FakeIndex(ids)
    const pages = await scroll(withIndex(index), viewer)
    expect(pages).toEqual([shown.slice(0, 3), shown.slice(3)])
    expect(index.asked).toHaveLength(1)
    const deep = new FakeIndex([...(await tweetsOf(hidden, 60)), ...shown])
    const short = await scroll(withIndex(deep), viewer)
    expect(short.flat()).toEqual(shown)
  })

  it('are sensitive only for who wants to see that, or wrote it; the index is asked to leave it out', async () => {
    const [viewer, shows] = [await people.addUser(), await people.addUser({ hide_sensitive: false })]
    const author = await people.addUser()
    const sensitive = await tweetsOf(author, 70, { is_sensitive: true })
    const plain = await tweetsOf(author, 2)
    const index = new FakeIndex([...sensitive, ...plain])
    expect((await scroll(withIndex(index), viewer)).flat()).toEqual(plain)
    expect(index.asked.map(({ withSensitive }) => withSensitive).slice(0, 2)).toEqual([true, false])
    expect((await scroll(withIndex(index), shows)).flat()).toEqual([...sensitive, ...plain])
    expect((await scroll(withIndex(index), author)).flat()).toEqual([...sensitive, ...plain])
  })

  it('are those of the muted where they are asked for by name', async () => {
    const [viewer, muted] = [await people.addUser(), await people.addUser({ username: 'Quiet_one' })]
    await people.add('mutes', viewer, muted)
    const ids = await tweetsOf(muted, 2)
    const deps = withIndex(new FakeIndex(ids))
    expect((await scroll(deps, viewer)).flat()).toEqual([])
    expect((await scroll(deps, viewer, { text: 'hello from:quiet_ONE' })).flat()).toEqual(ids)
  })

  it('are each there once where they are of what was meant, whoever may not be seen among them', async () => {
    const [viewer, author, muted] = [await people.addUser(), await people.addUser(), await people.addUser()]
    await database.pool.query('insert into mutes (muter_id, muted_id) values ($1, $2)', [viewer, muted])
    const seen = await tweetsOf(author, 8)
    const index = new FakeIndex([...seen.slice(0, 2), ...(await tweetsOf(muted, 2)), ...seen.slice(2)])
    index.didYouMean = 'halo'
    expect(await scroll(withIndex(index), viewer, { limit: 2 })).toEqual([
      seen.slice(0, 2),
      seen.slice(2, 4),
      seen.slice(4, 6),
      seen.slice(6, 8),
    ])
  })

  it('tell no word of what was meant to who may see no tweet with it', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser({ is_private: true })]
    const index = new FakeIndex(await tweetsOf(author, 2))
    index.didYouMean = 'secret'
    const found = await searchTweets(withIndex(index), viewerOf(viewer), ASKED)
    expect(found).toMatchObject({ tweets: [], didYouMean: null })
  })

  it('are of what was meant, and say so', async () => {
    const [viewer, author] = [await people.addUser(), await people.addUser()]
    const index = new FakeIndex(await tweetsOf(author, 1, { content: 'the heron' }))
    index.didYouMean = 'heron'
    const found = await searchTweets(withIndex(index), viewerOf(viewer), { ...ASKED, text: 'herron' })
    expect(found).toMatchObject({ didYouMean: 'heron', tweets: [{ highlights: [[4, 9]] }] })
  })

  it('are as they were typed first, and what was meant is told only to who may see a tweet with it', async () => {
    const [viewer, author, hidden] = [
      await people.addUser(),
      await people.addUser(),
      await people.addUser({ is_private: true }),
    ]
    const [typed = 0] = await tweetsOf(author, 1, { content: 'my herron' })
    const [secret = 0] = await tweetsOf(hidden, 1, { content: 'the heron' })
    const index = new FakeIndex([secret])
    index.add({ id: typed, score: AS_TYPED + 1 })
    index.didYouMean = 'heron'
    const asked = { ...ASKED, text: 'herron' }
    const found = await searchTweets(withIndex(index), viewerOf(viewer), asked)
    expect(found).toMatchObject({ didYouMean: null, tweets: [{ highlights: [[3, 9]] }] })
    const [seen = 0] = await tweetsOf(author, 1, { content: 'the heron' })
    index.add({ id: seen, score: 0.5 })
    const more = await searchTweets(withIndex(index), viewerOf(viewer), asked)
    expect(more).toMatchObject({
      didYouMean: 'heron',
      tweets: [{ highlights: [[3, 9]] }, { highlights: [[4, 9]] }],
    })
  })

  it('are refused for a query that cannot be read, with where it is wrong', async () => {
    const viewer = viewerOf(await people.addUser())
    await expect(
      searchTweets(withIndex(new FakeIndex([])), viewer, { ...ASKED, text: 'a since:never' }),
    ).rejects.toMatchObject({
      code: 'validation_failed',
      errors: [{ path: 'query.q', message: expect.stringContaining('character 3') }],
    })
  })

  it('are missed by the readiness of the API, but do not decide it', async () => {
    const failing = {
      ...new FakeIndex([]).rpc,
      searchHashtags: () => Promise.reject(new Error('D1 is away')),
    }
    const { deps } = depsOn(db, { search: failing })
    const passwords = { ...deps.passwords, verify: async () => ({ matches: false, outdated: false }) }
    const { ready, checks } = await checkReadiness({ ...deps, passwords })
    expect({ ready, database: checks.database?.ok, search: checks.search?.ok }).toEqual({
      ready: true,
      database: true,
      search: false,
    })
  })

  it('are not available while the search Worker fails', async () => {
    const failing = { ...new FakeIndex([]).rpc, searchTweets: () => Promise.reject(new Error('D1 is away')) }
    const { deps } = depsOn(db, { search: failing })
    await expect(searchTweets(deps, viewerOf(await people.addUser()), ASKED)).rejects.toMatchObject({
      code: 'unavailable',
      retryAfterSeconds: 2,
    })
  })
})

describe('people who are found', () => {
  const find = (deps: Deps, viewer: UserId, asked: Partial<Parameters<typeof searchUsers>[2]> = {}) =>
    searchUsers(deps, viewerOf(viewer), { text: 'user', limit: 3, offset: 0, place: null, ...asked })

  async function everybody(deps: Deps, viewer: UserId, limit: number): Promise<number[]> {
    const ids: number[] = []
    let place: Parameters<typeof searchUsers>[2]['place'] = null
    do {
      const found = await find(deps, viewer, { limit, place })
      ids.push(...found.users.map(({ id }) => id))
      place = found.next
    } while (place !== null)
    return ids
  }

  it('are those first whom one follows, then the verified, each once however they are paged', async () => {
    const viewer = await people.addUser()
    const ids = await people.addUsers(12)
    const [first = 0 as UserId, second = 0 as UserId] = [ids[7], ids[9]]
    await people.add('follows', viewer, first)
    await database.pool.query('update users set verified = true where id = any($1)', [[ids[4], second]])
    const deps = withIndex(new FakeIndex(ids))
    const expected = [first, ids[4], second, ...ids.filter((id) => ![first, ids[4], second].includes(id))]
    for (const limit of [1, 3, 5, 12, 20]) expect(await everybody(deps, viewer, limit)).toEqual(expected)
    const { users } = await find(deps, viewer)
    expect(users[0]).toMatchObject({ id: first, relationship: { is_following: true } })
    expect((await find(deps, viewer, { offset: 2 })).users.map(({ id }) => id)).toEqual(expected.slice(2, 5))
    expect(await roundTripsOf(database, () => find(deps, viewer))).toBe(1)
  })

  it('are not across a block, nor those who are gone', async () => {
    const viewer = await people.addUser()
    const [blocking, blocked, gone, there] = [
      await people.addUser(),
      await people.addUser(),
      await people.addUser({ suspended_at: new Date() }),
      await people.addUser({ is_private: true }),
    ]
    await people.add('blocks', blocking, viewer)
    await people.add('blocks', viewer, blocked)
    const deps = withIndex(new FakeIndex([blocking, blocked, gone, there]))
    expect(await everybody(deps, viewer, 3)).toEqual([there])
  })

  it('are neither missed nor repeated beyond the first hundred, whoever comes meanwhile', async () => {
    const viewer = await people.addUser()
    const ids = await people.addUsers(230)
    await database.pool.query('update users set verified = true where id = any($1)', [
      [ids[50], ids[120], ids[229]],
    ])
    const index = new FakeIndex(ids)
    const deps = withIndex(index)
    const seen: number[] = []
    let place: Parameters<typeof searchUsers>[2]['place'] = null
    let score = 230
    do {
      const found = await find(deps, viewer, { limit: 17, place })
      seen.push(...found.users.map(({ id }) => id))
      place = found.next
      index.add({ id: await people.addUser(), score: score - 0.5 })
      score -= 20
    } while (place !== null)
    const known = seen.filter((id) => ids.includes(id as UserId))
    expect(new Set(seen).size).toBe(seen.length)
    expect(new Set(known)).toEqual(new Set(ids))
  })
})

describe('hashtags that are found', () => {
  it('are each there once, however they are paged', async () => {
    const deps = withIndex(new FakeIndex([5, 4, 3, 2, 1]))
    const seen: string[] = []
    let after: Parameters<typeof searchHashtags>[1]['after'] = null
    do {
      const found = await searchHashtags(deps, { text: 't', limit: 2, offset: 0, after })
      seen.push(...found.hashtags.map(({ name }) => name))
      after = found.nextAfter
    } while (after !== null)
    expect(seen).toEqual(['tag5', 'tag4', 'tag3', 'tag2', 'tag1'])
    const skipped = await searchHashtags(deps, { text: 't', limit: 2, offset: 3, after: null })
    expect(skipped).toMatchObject({ hashtags: [{ name: 'tag2', tweet_count: 2 }, { name: 'tag1' }] })
  })
})
