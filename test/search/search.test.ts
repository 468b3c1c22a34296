import { expect, it } from 'vitest'
import { DAY_MS, find, idAged, idsOf, personOf, search, tweetOf } from './harness.ts'

it('finds tweets by words, stems, tags, authors and near words', async () => {
  const [a, b, c] = [idAged(DAY_MS), idAged(2 * DAY_MS), idAged(3 * DAY_MS)]
  await search.index({
    tweets: [
      tweetOf(a, 'Running in the rain, best #RainyDays'),
      tweetOf(b, 'She runs a photography club', { username: 'Ada', hasMedia: true, engagement: 120 }),
      tweetOf(c, '東京タワーに行きました', { replyTo: 'ada' }),
    ],
    people: [
      personOf(a + 1, 'ada_lovelace', { displayName: 'Ada Lovelace', followerCount: 10 }),
      personOf(b + 1, 'adam', { isVerified: true }),
    ],
  })
  expect(await idsOf('run')).toEqual([b, a])
  expect(await idsOf('東京')).toEqual([c])
  expect(await idsOf('#rainydays')).toEqual([a])
  expect(await idsOf('from:ada has:media')).toEqual([b])
  expect(await idsOf('-running', { sort: 'latest' })).toEqual([b, c])
  expect(await find('fotography')).toMatchObject({ didYouMean: 'photography', hits: [{ id: b }] })
  expect((await search.searchUsers({ text: 'ad', after: null, limit: 10 })).hits.map(({ id }) => id)).toEqual(
    [b + 1, a + 1],
  )
  expect(
    (await search.searchUsers({ text: 'lovelase', after: null, limit: 10 })).hits.map(({ id }) => id),
  ).toEqual([a + 1])
  expect(await search.searchHashtags({ text: '#rain', limit: 10 })).toMatchObject({
    hits: [{ tag: 'rainydays', tweetCount: 1 }],
  })
  expect(await search.searchHashtags({ text: 'rainydais', limit: 10 })).toMatchObject({
    hits: [{ tag: 'rainydays' }],
  })
})
