import { afterEach, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { HitPlace, SearchSort, TweetDocument, TweetHits } from '../../src/contracts/search.ts'
import { parseSearchQuery } from '../../src/domain/search-query.ts'
import { SearchIndex } from '../../src/search/ranges.ts'
import { searchHashtags } from '../../src/search/search-hashtags.ts'
import { searchTweets } from '../../src/search/search-tweets.ts'
import { searchUsers } from '../../src/search/search-users.ts'
import { writeChanges } from '../../src/search/write-changes.ts'
import { forgetAll, HOUR_MS, idAged, NOW_MS, personOf, searchEnv, tweetOf } from './harness.ts'

afterEach(forgetAll)

const LIMIT = 20
const DATABASES = [searchEnv.SEARCH_DB_0, searchEnv.SEARCH_DB_1]

/** What another isolate knows: nothing yet, and later what it knew then. */
const isolate = () => new SearchIndex(DATABASES, LIMIT)

/** Oldest first. */
function tweetsOf(count: number): TweetDocument[] {
  return Array.from({ length: count }, (_, at) =>
    tweetOf(idAged((count - at) * HOUR_MS), `many words number${at} #many`, {
      engagement: at % 7 === 0 ? 10 ** (at % 4) : 0,
    }),
  )
}

function write(index: SearchIndex, tweets: TweetDocument[]): Promise<void> {
  return writeChanges(index, { tweets, people: [], removedTweets: [], removedPeople: [] })
}

async function idsIn(database: D1Database): Promise<number[]> {
  const { results } = await database.prepare('select id from tweets order by id').run()
  return z
    .array(z.object({ id: z.number() }))
    .parse(results)
    .map(({ id }) => id)
}

function find(
  index: SearchIndex,
  text: string,
  sort: SearchSort,
  limit: number,
  after: HitPlace | null = null,
): Promise<TweetHits> {
  const parsed = parseSearchQuery(text)
  if (!parsed.ok) throw new Error(parsed.message)
  const { query } = parsed
  return searchTweets(index, { query, sort, asOfMs: NOW_MS, after, limit, withSensitive: true })
}

async function allPages(
  index: SearchIndex,
  text: string,
  sort: SearchSort,
  limit: number,
): Promise<number[]> {
  const ids: number[] = []
  let after: HitPlace | null = null
  for (;;) {
    const page: TweetHits = await find(index, text, sort, limit, after)
    ids.push(...page.hits.map(({ id }) => id))
    after = page.hits.at(-1) ?? null
    if (!page.hasMore) return ids
  }
}

it('goes on in the next database when one is full, and finds what is in either', async () => {
  const index = isolate()
  const tweets = tweetsOf(50)
  for (const tweet of tweets) await write(index, [tweet])
  const [old, recent] = await Promise.all(DATABASES.map(idsIn))
  expect(old).toEqual(tweets.slice(0, LIMIT).map(({ id }) => id))
  expect(recent).toEqual(tweets.slice(LIMIT).map(({ id }) => id))
  const newestFirst = tweets.map(({ id }) => id).toReversed()
  expect(await allPages(index, 'many', 'latest', 7)).toEqual(newestFirst)
  for (const sort of ['relevance', 'top'] as const) {
    const found = await allPages(index, 'many', sort, 7)
    expect(found).toHaveLength(50)
    expect(new Set(found)).toEqual(new Set(newestFirst))
  }
  expect(await searchHashtags(index, { text: 'many', limit: 5 })).toMatchObject({
    hits: [{ tag: 'many', tweetCount: 50 }],
  })
})

it('writes what comes late to the database that its id belongs to', async () => {
  const index = isolate()
  const tweets = tweetsOf(40)
  await write(index, tweets.slice(1, 30))
  await write(index, tweets.slice(30))
  const [first] = tweets
  if (first === undefined) throw new Error('There are tweets')
  await write(index, [first, { ...first, id: first.id + 1, content: 'late' }])
  const [old = []] = await Promise.all(DATABASES.map(idsIn))
  expect(old.slice(0, 2)).toEqual([first.id, first.id + 1])
})

it('loses and doubles nothing when isolates that know old ranges write and read at once', async () => {
  const tweets = tweetsOf(90)
  const isolates = Array.from({ length: 6 }, isolate)
  await Promise.all(isolates.map((index) => index.open()))
  await Promise.all(
    isolates.map(async (index, number) => {
      for (let at = number; at < tweets.length; at += isolates.length)
        await write(index, tweets.slice(at, at + 1))
    }),
  )
  const [old = [], recent = []] = await Promise.all(DATABASES.map(idsIn))
  expect([...old, ...recent]).toEqual(tweets.map(({ id }) => id))
  expect(recent.length).toBeGreaterThan(0)
  for (const index of isolates) expect(await allPages(index, 'many', 'latest', 40)).toHaveLength(90)
})

it('writes nothing to a database that another isolate has closed, but to the next', async () => {
  const stale = isolate()
  await stale.open()
  const tweets = tweetsOf(LIMIT + 1)
  await write(isolate(), tweets.slice(0, LIMIT))
  await write(stale, tweets.slice(LIMIT))
  expect(await idsIn(searchEnv.SEARCH_DB_0)).toHaveLength(LIMIT)
  expect(await idsIn(searchEnv.SEARCH_DB_1)).toEqual([tweets.at(-1)?.id])
})

it.each(['latest', 'relevance', 'top'] as const)(
  'finds by %s what is in a database that was opened since',
  async (sort) => {
    const stale = isolate()
    await stale.open()
    const tweets = tweetsOf(LIMIT + 1)
    for (const tweet of tweets) await write(isolate(), [tweet])
    expect(await allPages(stale, `number${LIMIT}`, sort, 5)).toEqual([tweets.at(-1)?.id])
  },
)

it('asks each database once, in one statement', async () => {
  const index = isolate()
  for (const tweet of tweetsOf(LIMIT + 5)) await write(index, [tweet])
  const ada = personOf(idAged(1), 'ada', { bio: 'many' })
  await writeChanges(index, { tweets: [], people: [ada], removedTweets: [], removedPeople: [] })
  const known = isolate()
  await known.open()
  const prepared = DATABASES.map((database) => vi.spyOn(database, 'prepare'))
  const statements = async (ask: () => Promise<unknown>) => {
    for (const spy of prepared) spy.mockClear()
    await ask()
    return prepared.map((spy) => spy.mock.calls.length)
  }
  for (const sort of ['latest', 'relevance', 'top'] as const)
    expect(await statements(() => find(known, 'many', sort, 100))).toEqual([1, 1])
  expect(await statements(() => find(known, 'many', 'latest', 3))).toEqual([0, 1])
  expect(await statements(() => searchUsers(known, { text: 'ad', after: null, limit: 5 }))).toEqual([1, 1])
  expect(await statements(() => searchHashtags(known, { text: 'ma', limit: 5 }))).toEqual([1, 1])
  for (const spy of prepared) spy.mockRestore()
})

it('opens the next database although the isolate that closed one was gone before it could', async () => {
  const tweets = tweetsOf(LIMIT + 1)
  await write(isolate(), tweets.slice(0, 5))
  await searchEnv.SEARCH_DB_0.prepare('update id_range set until_id = ?1').bind(tweets[5]?.id).run()
  await write(isolate(), tweets.slice(5))
  expect(await idsIn(searchEnv.SEARCH_DB_1)).toEqual(tweets.slice(5).map(({ id }) => id))
})

it('takes more than it should rather than nothing when the last database is full, and says so', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue()
  const index = isolate()
  const tweets = tweetsOf(3 * LIMIT)
  for (const tweet of tweets) await write(index, [tweet])
  expect(await allPages(index, 'many', 'latest', 100)).toHaveLength(3 * LIMIT)
  expect(warn.mock.calls.flat().join()).toContain('search_index_full')
  warn.mockRestore()
})
