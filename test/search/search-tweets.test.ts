import fc from 'fast-check'
import { afterEach, expect, it } from 'vitest'
import type { TweetDocument } from '../../src/contracts/search.ts'
import { relevance, topScore } from '../../src/domain/search/ranking.ts'
import { parseSearchQuery } from '../../src/domain/search-query.ts'
import { SearchIndex } from '../../src/search/ranges.ts'
import { searchTweets } from '../../src/search/search-tweets.ts'
import { writeChanges } from '../../src/search/write-changes.ts'
import {
  DAY_MS,
  find,
  forgetAll,
  HOUR_MS,
  idAged,
  idsOf,
  NOW_MS,
  search,
  searchEnv,
  tweetOf,
} from './harness.ts'

afterEach(forgetAll)

const [A, B, C] = [idAged(DAY_MS), idAged(2 * DAY_MS), idAged(3 * DAY_MS)]

function tell(...tweets: TweetDocument[]): Promise<void> {
  return search.index({ tweets, people: [] })
}

it('keeps to every operator, and to all of them together', async () => {
  await tell(
    tweetOf(A, 'Running in the rain @kim_lee', { replyTo: 'Ada' }),
    tweetOf(B, 'She runs a club #Rain', { username: 'Ada', hasMedia: true }),
    tweetOf(C, 'no rain here', { username: 'bob' }),
  )
  const latest = (text: string) => idsOf(text, { sort: 'latest' })
  expect(await latest('from:ada')).toEqual([B])
  expect(await latest('-from:ada')).toEqual([A, C])
  expect(await latest('to:ADA')).toEqual([A])
  expect(await latest('from:ada from:bob')).toEqual([B, C])
  expect(await latest('#rain')).toEqual([B])
  expect(await latest('rain -#rain')).toEqual([A, C])
  expect(await latest('@Kim_Lee')).toEqual([A])
  expect(await latest('-@kim_lee')).toEqual([B, C])
  expect(await latest('has:media')).toEqual([B])
  expect(await latest('-has:media -is:reply')).toEqual([C])
  expect(await latest('is:reply rain')).toEqual([A])
  expect(await latest('"in the rain"')).toEqual([A])
  expect(await latest('rain -"in the rain"')).toEqual([B, C])
  expect(await latest('run -running')).toEqual([B])
  const day = (ageDays: number) => new Date(NOW_MS - ageDays * DAY_MS).toISOString().slice(0, 10)
  expect(await latest(`since:${day(2)} until:${day(1)}`)).toEqual([B])
  expect(await latest(`run since:${day(1)} to:ada`)).toEqual([A])
})

it('leaves out the sensitive unless it is asked for, and what is newer than the beginning of the scroll', async () => {
  await tell(tweetOf(A, 'a storm'), tweetOf(B, 'a storm, be warned', { isSensitive: true }))
  for (const sort of ['latest', 'relevance', 'top'] as const) {
    expect(await idsOf('storm', { sort })).toEqual([A])
    expect(await idsOf('storm', { sort, withSensitive: true })).toEqual([A, B])
    expect(await idsOf('storm', { sort, withSensitive: true, asOfMs: NOW_MS - 2 * DAY_MS })).toEqual([B])
  }
})

it('ranks what was typed before other forms of it, and of equals the recent and the well received', async () => {
  const others = Array.from({ length: 20 }, (_, at) =>
    tweetOf(idAged((10 + at) * HOUR_MS), `company number${at}`),
  )
  await tell(
    ...others,
    tweetOf(A, 'we walk there'),
    tweetOf(B, 'we walking there'),
    tweetOf(C, 'we walk there', { engagement: 20 }),
  )
  expect(await idsOf('walking')).toEqual([B, C, A])
  expect(await idsOf('walk there', { sort: 'top' })).toEqual([C, A, B])
  expect(await idsOf('walk', { sort: 'latest' })).toEqual([A, B, C])
})

it('says what was meant where hardly anything holds what was typed, and goes on with that', async () => {
  const photos = Array.from({ length: 5 }, (_, at) =>
    tweetOf(idAged((5 - at) * HOUR_MS), `photography ${at} #Photography`),
  )
  await tell(...photos)
  const newestFirst = photos.map(({ id }) => id).toReversed()
  const first = await find('fotography -boring', { limit: 3, sort: 'latest' })
  expect(first).toMatchObject({ didYouMean: 'photography -"boring"', hasMore: true })
  const second = await find('fotography -boring', {
    limit: 3,
    sort: 'latest',
    after: first.hits.at(-1) ?? null,
  })
  expect(second).toMatchObject({ didYouMean: 'photography -"boring"', hasMore: false })
  expect([...first.hits, ...second.hits].map(({ id }) => id)).toEqual(newestFirst)
  expect(await find('#photografy')).toMatchObject({ didYouMean: '#photography' })
  expect(await find('photography')).toMatchObject({ didYouMean: null })
  expect(await find('xylophones')).toEqual({ hits: [], hasMore: false, didYouMean: null })
})

it('corrects only the words that nobody has, where there are some', async () => {
  const commoner = Array.from({ length: 5 }, (_, at) => tweetOf(idAged(HOUR_MS, at), 'what to wear'))
  await tell(tweetOf(A, 'a kingfisher at the weir'), ...commoner)
  expect(await find('kingfsher weir')).toMatchObject({ didYouMean: 'kingfisher weir', hits: [{ id: A }] })
  expect(await find('kingfisher wier')).toMatchObject({ didYouMean: 'kingfisher weir', hits: [{ id: A }] })
})

it.each(['latest', 'relevance', 'top'] as const)(
  'has what was typed before what was meant, by %s',
  async (sort) => {
    const meant = Array.from({ length: 4 }, (_, at) => tweetOf(idAged((at + 1) * HOUR_MS), 'what to wear'))
    await tell(tweetOf(A, 'a weir'), tweetOf(B, 'wear what you like at the weir'), ...meant)
    const first = await find('weir', { sort })
    expect(first).toMatchObject({ didYouMean: 'wear', hasMore: false })
    expect(
      first.hits
        .slice(0, 2)
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual([A, B].toSorted())
    expect(first.hits.slice(2).map(({ id }) => id)).toEqual(meant.map(({ id }) => id))
    const paged: number[] = []
    let page = await find('weir', { sort, limit: 3 })
    for (;;) {
      paged.push(...page.hits.map(({ id }) => id))
      if (!page.hasMore || paged.length > 10) break
      page = await find('weir', { sort, limit: 3, after: page.hits.at(-2) ?? null })
      paged.pop()
    }
    expect(paged).toEqual(first.hits.map(({ id }) => id))
  },
)

it('knows the engaging among more matches than it weighs, when the engagement came later, too', async () => {
  const index = new SearchIndex([searchEnv.SEARCH_DB_0], 10_000)
  const write = (tweets: TweetDocument[]) =>
    writeChanges(index, { tweets, people: [], removedTweets: [], removedPeople: [] })
  const tweets = Array.from({ length: 450 }, (_, at) => tweetOf(idAged((at + 1) * HOUR_MS), 'common word'))
  await write(tweets)
  const old = tweets.slice(-1)
  await write(old.map((tweet) => ({ ...tweet, engagement: 50_000 })))
  for (const sort of ['relevance', 'top'] as const) {
    const parsed = parseSearchQuery('common')
    if (!parsed.ok) throw new Error(parsed.message)
    const asked = { query: parsed.query, sort, asOfMs: NOW_MS, after: null, limit: 500, withSensitive: false }
    const { hits } = await searchTweets(index, asked)
    expect(hits.map(({ id }) => id)).toContain(old[0]?.id)
    if (sort === 'top') expect(hits[0]?.id).toBe(old[0]?.id)
  }
})

it('scores by the formulas that are documented', async () => {
  await tell(tweetOf(B, 'something', { username: 'ada', engagement: 250 }))
  const signals = { text: 0, engagement: 250, ageMs: 2 * DAY_MS }
  const [relevant] = (await find('from:ada')).hits
  expect(relevant?.score).toBeCloseTo(relevance(signals), 5)
  const [top] = (await find('from:ada', { sort: 'top' })).hits
  expect(top?.score).toBeCloseTo(topScore(signals), 5)
})

it('answers any text whatsoever that is a query', async () => {
  await tell(tweetOf(A, 'words NEAR(words) AND "quotes" * NOT ^ : {x} - + é 日本 🎉'))
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: fc.constantFrom(...`"'*^:(){}+-\\ ,.;%_#@\u0000\ud800aé日🎉`), maxLength: 20 }),
    fc.constantFrom(
      'words NEAR x',
      'a AND',
      'OR',
      'NOT a',
      'words: a',
      'rowid:1',
      '* *',
      '"a" + "b"',
      "'; drop table tweets",
    ),
  )
  await fc.assert(
    fc.asyncProperty(
      hostile,
      fc.constantFrom('latest' as const, 'relevance' as const),
      async (text, sort) => {
        const parsed = parseSearchQuery(text)
        if (!parsed.ok) return
        const asked = {
          query: parsed.query,
          sort,
          asOfMs: NOW_MS,
          after: null,
          limit: 5,
          withSensitive: true,
        }
        expect((await search.searchTweets(asked)).hits.length).toBeLessThanOrEqual(1)
        await search.searchUsers({ text, after: null, limit: 5 })
        await search.searchHashtags({ text, limit: 5 })
      },
    ),
    { numRuns: 150 },
  )
})
