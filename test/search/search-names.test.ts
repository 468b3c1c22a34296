import { afterEach, beforeEach, expect, it } from 'vitest'
import type { HitPlace } from '../../src/contracts/search.ts'
import { DAY_MS, forgetAll, idAged, personOf, search, tweetOf } from './harness.ts'

const [ADA, ADAM, ADELE, BOB, ZOE] = [1, 2, 3, 4, 5].map((days) => idAged(days * DAY_MS))

beforeEach(async () => {
  await search.index({
    tweets: [
      tweetOf(idAged(1), '#cats #café #CatsOfWarbler'),
      tweetOf(idAged(2), '#cats again'),
      tweetOf(idAged(3), '#cat'),
    ],
    people: [
      personOf(ADA ?? 0, 'ada', { displayName: 'Ada Lovelace' }),
      personOf(ADAM ?? 0, 'adam_s', { displayName: 'Adam Smith', followerCount: 5000 }),
      personOf(ADELE ?? 0, 'TheRealAdele', { displayName: 'Adèle Żak', isVerified: true }),
      personOf(BOB ?? 0, 'bob', {
        displayName: '山田太郎',
        bio: 'Adamant about bread',
        followerCount: 1_000_000,
      }),
      personOf(ZOE ?? 0, 'zoe', { displayName: 'Zoé', followerCount: 3 }),
    ],
  })
})

afterEach(forgetAll)

async function people(text: string, limit = 10, after: HitPlace | null = null): Promise<number[]> {
  const { hits } = await search.searchUsers({ text, after, limit })
  return hits.map(({ id }) => id)
}

it('finds people as one types: the verified first, then by followers, then by bio', async () => {
  expect(await people('ad')).toEqual([ADELE, ADAM, ADA, BOB])
  expect(await people('adam s')).toEqual([ADAM])
  expect(await people('@adele')).toEqual([ADELE])
})

it('has whose handle was typed before everybody', async () => {
  expect((await people('ada'))[0]).toBe(ADA)
  expect((await people('@ADA'))[0]).toBe(ADA)
})

it('forgives diacritics and typing mistakes, and finds names of scripts without spaces', async () => {
  expect(await people('zak')).toEqual([ADELE])
  expect(await people('lovelase')).toEqual([ADA])
  expect(await people('山田')).toEqual([BOB])
  expect(await people('bread')).toEqual([BOB])
  expect(await people('nobody')).toEqual([])
})

async function peopleByOne(text: string): Promise<number[]> {
  const all: number[] = []
  let after: HitPlace | null = null
  for (;;) {
    const page = await search.searchUsers({ text, after, limit: 1 })
    all.push(...page.hits.map(({ id }) => id))
    after = page.hits.at(-1) ?? null
    if (!page.hasMore) return all
  }
}

it('goes on behind every hit without a repeat or a gap', async () => {
  expect(await people('ada')).toEqual([ADA, ADAM, BOB])
  expect(await peopleByOne('ada')).toEqual([ADA, ADAM, BOB])
})

it('looks up no near names behind the last whose name it is', async () => {
  expect(await people('adam')).toEqual([ADAM, BOB])
  expect(await peopleByOne('adam')).toEqual([ADAM, BOB])
})

it('goes on among many of the same tier, however near their ids are', async () => {
  const many = Array.from({ length: 30 }, (_, at) =>
    personOf(idAged(DAY_MS, 300 - 7 * at), `quill${at}`, {
      displayName: 'Quill Reader',
      isVerified: true,
    }),
  )
  await search.index({ tweets: [], people: many })
  const all: number[] = []
  let after: HitPlace | null = null
  while (all.length < 80) {
    const page = await search.searchUsers({ text: 'quill', after, limit: 1 })
    all.push(...page.hits.map(({ id }) => id))
    after = page.hits.at(-1) ?? null
    if (!page.hasMore) break
  }
  expect(all).toEqual(many.map(({ id }) => id))
})

it('finds hashtags as one types, the most used first, without regard to diacritics', async () => {
  const tags = async (text: string) =>
    (await search.searchHashtags({ text, limit: 5 })).hits.map(({ tag, tweetCount }) => [tag, tweetCount])
  expect(await tags('#ca')).toEqual([
    ['cats', 2],
    ['café', 1],
    ['cat', 1],
    ['catsofwarbler', 1],
  ])
  expect(await tags('cat')).toEqual([
    ['cat', 1],
    ['cats', 2],
    ['catsofwarbler', 1],
  ])
  expect(await tags('cafe')).toEqual([['café', 1]])
  expect(await tags('catz')).toEqual([
    ['cats', 2],
    ['cat', 1],
  ])
})

it('suggests no hashtag that sensitive tweets alone have, and forgets one when its tweet becomes sensitive', async () => {
  const id = idAged(DAY_MS)
  const tags = async () =>
    (await search.searchHashtags({ text: 'gore', limit: 5 })).hits.map(({ tag }) => tag)
  await search.index({ tweets: [tweetOf(id, '#gore', { isSensitive: true })], people: [] })
  expect(await tags()).toEqual([])
  await search.index({ tweets: [tweetOf(id, '#gore', { version: 2 })], people: [] })
  expect(await tags()).toEqual(['gore'])
  await search.index({ tweets: [tweetOf(id, '#gore', { version: 3, isSensitive: true })], people: [] })
  expect(await tags()).toEqual([])
})
