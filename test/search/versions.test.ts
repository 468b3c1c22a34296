import fc from 'fast-check'
import { afterEach, expect, it } from 'vitest'
import type { PersonDocument, Removal, TweetDocument } from '../../src/contracts/search.ts'
import { DAY_MS, find, forgetAll, idAged, idsOf, personOf, search, tweetOf } from './harness.ts'

afterEach(forgetAll)

type Change =
  | { kind: 'tweet'; document: TweetDocument }
  | { kind: 'person'; document: PersonDocument }
  | { kind: 'no tweet' | 'no person'; removal: Removal }

const IDS = [idAged(DAY_MS), idAged(2 * DAY_MS)]
const VERSIONS = [1, 2, 3]

/** Each version of a document says something else, or that it is gone. */
const HISTORIES: Change[] = IDS.flatMap((id, at) =>
  VERSIONS.flatMap((version): Change[] => {
    const word = `word${version}`
    const tweet = tweetOf(id, `${word} always #tag${version} #ever`, {
      version,
      engagement: 10 ** (version + at),
    })
    if (version === 2 && at === 1)
      return [
        { kind: 'no tweet', removal: { id, version } },
        { kind: 'no person', removal: { id, version } },
      ]
    return [
      { kind: 'tweet', document: tweet },
      {
        kind: 'person',
        document: personOf(id, `name${version}_${at}`, { version, followerCount: 10 ** version }),
      },
    ]
  }),
)

async function tell(change: Change): Promise<void> {
  if (change.kind === 'tweet') await search.index({ tweets: [change.document], people: [] })
  else if (change.kind === 'person') await search.index({ tweets: [], people: [change.document] })
  else if (change.kind === 'no tweet')
    await search.remove({ removedTweets: [change.removal], removedPeople: [] })
  else await search.remove({ removedTweets: [], removedPeople: [change.removal] })
}

/** All that can be seen of the index. */
async function seen() {
  const words = VERSIONS.map((version) => `word${version}`)
  return {
    tweets: await Promise.all([...words, 'always', '#ever'].map((word) => idsOf(word, { sort: 'latest' }))),
    top: await find('always', { sort: 'top' }),
    people: await Promise.all(
      ['name', 'name1', 'name3'].map((text) => search.searchUsers({ text, after: null, limit: 9 })),
    ),
    hashtags: await Promise.all(['tag', 'ever'].map((text) => search.searchHashtags({ text, limit: 9 }))),
  }
}

it('comes to the same whatever the order and however often it is told', async () => {
  for (const change of HISTORIES) await tell(change)
  const expected = await seen()
  const [first, second] = IDS
  expect(expected.tweets).toEqual([[], [], [first, second], [first, second], [first, second]])
  expect(expected.hashtags).toMatchObject([
    { hits: [{ tag: 'tag3', tweetCount: 2 }] },
    { hits: [{ tag: 'ever', tweetCount: 2 }] },
  ])
  const order = fc
    .tuple(
      fc.array(fc.constantFrom(...HISTORIES), { maxLength: 8 }),
      fc.shuffledSubarray(HISTORIES, { minLength: HISTORIES.length }),
    )
    .map(([repeats, all]) => [...repeats, ...all])
  await fc.assert(
    fc.asyncProperty(order, async (changes) => {
      await forgetAll()
      for (const change of changes) await tell(change)
      expect(await seen()).toEqual(expected)
    }),
    { numRuns: 15 },
  )
})

it('keeps a removal for ever, and takes its word over what is said of the same version', async () => {
  const [id = 0] = IDS
  const tweet = tweetOf(id, 'here today #gone', { version: 4 })
  await search.remove({ removedTweets: [{ id, version: 4 }], removedPeople: [] })
  await search.index({ tweets: [tweet], people: [] })
  expect(await idsOf('today')).toEqual([])
  expect(await search.searchHashtags({ text: 'gone', limit: 1 })).toEqual({ hits: [] })
  await search.index({ tweets: [{ ...tweet, version: 5 }], people: [] })
  expect(await idsOf('today')).toEqual([id])
})

it('takes the last word where one call says several of a document', async () => {
  const [id = 0] = IDS
  const versions = [3, 1, 2].map((version) => tweetOf(id, `said${version}`, { version }))
  await search.index({ tweets: versions, people: [] })
  expect(await Promise.all(['said1', 'said2', 'said3'].map((word) => idsOf(word)))).toEqual([[], [], [id]])
})

it('learns of new engagement without a new version', async () => {
  const [id = 0, other = 0] = IDS
  await search.index({
    tweets: [tweetOf(id, 'same words'), tweetOf(other, 'same words', { engagement: 5 })],
    people: [],
  })
  expect(await idsOf('same', { sort: 'top' })).toEqual([other, id])
  await search.index({ tweets: [tweetOf(id, 'same words', { engagement: 5000 })], people: [] })
  expect(await idsOf('same', { sort: 'top' })).toEqual([id, other])
})
