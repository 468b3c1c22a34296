import { afterEach, expect, it } from 'vitest'
import { parseSearchQuery } from '../../src/domain/search-query.ts'
import { SearchIndex } from '../../src/search/ranges.ts'
import { searchHashtags } from '../../src/search/search-hashtags.ts'
import { searchTweets } from '../../src/search/search-tweets.ts'
import { searchUsers } from '../../src/search/search-users.ts'
import { forgetAll, idAged, NOW_MS, search, searchEnv, tweetOf } from './harness.ts'

afterEach(forgetAll)

/** How much a search of one database has taken: rows that were read, and statements. */
interface Spent {
  rows: number
  statements: number
}

/** An index of the first database, and what is spent there. */
function metered(): { index: SearchIndex; spent: Spent } {
  const spent: Spent = { rows: 0, statements: 0 }
  const known = new WeakMap<D1PreparedStatement, D1PreparedStatement>()
  const count = (result: D1Result<never>) => {
    spent.rows += result.meta.rows_read
    spent.statements++
    return result
  }
  const meter = (statement: D1PreparedStatement): D1PreparedStatement => {
    const metering = new Proxy(statement, {
      get: (target, name) => {
        if (name === 'bind') return (...values: unknown[]) => meter(target.bind(...values))
        if (name === 'run') return async () => count(await target.run())
        return Reflect.get(target, name)
      },
    })
    known.set(metering, statement)
    return metering
  }
  const database = new Proxy(searchEnv.SEARCH_DB_0, {
    get: (target, name) => {
      if (name === 'prepare') return (sql: string) => meter(target.prepare(sql))
      if (name !== 'batch') return Reflect.get(target, name)
      return async (statements: D1PreparedStatement[]) => {
        const results = await target.batch<never>(statements.map((each) => known.get(each) ?? each))
        return results.map(count)
      }
    },
  })
  return { index: new SearchIndex([database], 1000), spent }
}

it('reads a bounded part of the vocabulary for a misspelt query, however large it is and however much was typed', async () => {
  const grams = JSON.stringify(['^mo', 'mor', '#^mo', '@^mo', '@mor'])
  await searchEnv.SEARCH_DB_0.prepare(
    `with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 4000)
    insert into term_grams (gram, length, term)
    select value, 7, 'aa' || printf('%05d', n) from numbers, json_each(?1)`,
  )
    .bind(grams)
    .run()
  await search.index({ tweets: [tweetOf(idAged(1), 'a fine morning')], people: [] })
  const { index, spent } = metered()
  const ask = async (text: string) => {
    const parsed = parseSearchQuery(text)
    if (!parsed.ok) throw new Error(parsed.message)
    const options = {
      sort: 'relevance',
      asOfMs: NOW_MS,
      after: null,
      limit: 20,
      withSensitive: true,
    } as const
    return searchTweets(index, { query: parsed.query, ...options })
  }
  expect(await ask('mornimg')).toMatchObject({ didYouMean: 'morning' })
  expect(spent.rows).toBeLessThan(10_000)
  spent.rows = 0
  const words = Array.from('abcdefghijklmnopqrst', (letter) => `mornimg${letter}`)
  await ask(words.join(' '))
  expect(spent.rows).toBeLessThan(10_000)
  spent.rows = 0
  spent.statements = 0
  await searchUsers(index, { text: words.join(' '), after: null, limit: 20 })
  expect(spent.rows).toBeLessThan(30_000)
  expect(spent.statements).toBeLessThan(8)
})

it('reads a bounded number of hashtags, however many begin alike', async () => {
  await searchEnv.SEARCH_DB_0.prepare(
    `with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 20000)
    insert into hashtags (key, tag, tweets)
    select 'rain' || printf('%05d', n), 'rain' || printf('%05d', n), n from numbers`,
  ).run()
  await search.index({ tweets: [tweetOf(idAged(1), '#rai #rain')], people: [] })
  const { index, spent } = metered()
  for (const text of ['r', 'ra', 'rai', 'rain']) {
    spent.rows = 0
    const { hits } = await searchHashtags(index, { text, limit: 5 })
    const isTag = text.length > 2
    expect(hits.map(({ tweetCount }) => tweetCount)).toEqual([
      ...(isTag ? [1] : []),
      20_000,
      19_999,
      19_998,
      19_997,
      ...(isTag ? [] : [19_996]),
    ])
    expect(spent.rows).toBeLessThan(300)
  }
})
