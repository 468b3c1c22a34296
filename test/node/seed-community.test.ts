import { describe, expect, it } from 'vitest'
import { shardOf, timeOf } from '../../src/domain/ids.ts'
import { type Community, inventCommunity } from '../../tools/seed/community.ts'
import { composeText } from '../../tools/seed/compose.ts'
import { createIdMaker } from '../../tools/seed/id-maker.ts'
import { type Language, loadLibrary } from '../../tools/seed/library.ts'
import { inventProfiles, type Person } from '../../tools/seed/people.ts'
import { randomStream } from '../../tools/seed/random.ts'

const library = loadLibrary()

function invent(users: number, tweets: number): Community {
  return inventCommunity(
    {
      seed: 'test',
      nowMs: Date.UTC(2026, 9, 20),
      profiles: inventProfiles(users, { suffix: 'test', library, random: randomStream('people') }),
      averageFollowing: 30,
      tweets: { count: tweets, recency: 1 },
    },
    library,
  )
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)

describe('an invented community', () => {
  const { people, follows, tweets, likes } = invent(10_000, 20_000)

  it('follows about 30 people each, and few of them by far the most', () => {
    expect(follows.length / people.length).toBeGreaterThan(25)
    expect(follows.length / people.length).toBeLessThan(35)
    const byFame = people.map(({ followers }) => followers.length).sort((a, b) => b - a)
    expect(sum(byFame.slice(0, 100)) / follows.length).toBeGreaterThan(0.15)
    expect(byFame[0]).toBeGreaterThan(1_000)
    expect(byFame[5_000]).toBeLessThan(20)
  })

  it('follows in clusters: those of one interest or one language rather than anybody', () => {
    const alike = (a: Person, b: Person) =>
      a.language === b.language || a.interests.some((interest) => b.interests.includes(interest))
    const among = (pairs: [Person, Person][]) => pairs.filter(([a, b]) => alike(a, b)).length / pairs.length
    const random = randomStream('strangers')
    const strangers = follows.map(({ followee }): [Person, Person] => [random.pick(people), followee])
    const followed = follows.map(({ follower, followee }): [Person, Person] => [follower, followee])
    expect(among(followed)).toBeGreaterThan(among(strangers) + 0.3)
  })

  it('has authors of whom a few write much and most a little', () => {
    const byBusyness = people.map(({ tweetCount }) => tweetCount).sort((a, b) => b - a)
    expect(sum(byBusyness)).toBe(tweets.length)
    expect(byBusyness[0]).toBeGreaterThan(50)
    expect(byBusyness[0]).toBeLessThan(tweets.length / 50)
    expect(byBusyness[5_000]).toBeLessThan(4)
  })

  it('likes few tweets very much and many not at all', () => {
    const byLikes = tweets.map(({ likeCount }) => likeCount).sort((a, b) => b - a)
    expect(sum(byLikes.slice(0, 200)) / likes.length).toBeGreaterThan(0.2)
    expect(byLikes[10_000]).toBeLessThan(3)
  })

  it('is awake when its people are', () => {
    const inTokyo = tweets.filter(({ author }) => author.language === 'ja')
    const localHours = inTokyo.map(({ atMs }) => (new Date(atMs).getUTCHours() + 9) % 24)
    const between = (from: number, to: number) =>
      localHours.filter((hour) => hour >= from && hour < to).length
    expect(between(19, 22)).toBeGreaterThan(4 * between(2, 5))
  })

  it('speaks six languages, and everybody their own', () => {
    const random = randomStream('texts')
    const scripts: [Language, RegExp][] = [
      ['ja', /[\p{Script=Hiragana}\p{Script=Katakana}]/u],
      ['ar', /\p{Script=Arabic}/u],
      ['hi', /\p{Script=Devanagari}/u],
    ]
    for (const [language, script] of scripts) {
      const own = tweets.filter(({ author, repliesTo }) => author.language === language && repliesTo === null)
      const texts = own.map((tweet) => composeText(tweet, library, random))
      expect(texts.filter((text) => script.test(text)).length).toBe(texts.length)
      expect(texts.length).toBeGreaterThan(500)
    }
    expect(new Set(people.map(({ language }) => language)).size).toBe(6)
  })
})

describe('the library', () => {
  const languages: Language[] = ['en', 'es', 'ja', 'ar', 'de', 'hi']

  it('makes complete sentences of all topics', () => {
    const random = randomStream('sentences')
    for (const language of languages) {
      for (const topic of ['everyday', ...library.interestsOf(language)]) {
        const { sentence } = library.repertoire(language, topic)
        const texts = new Set(Array.from({ length: 400 }, () => sentence(random)))
        expect(texts.size).toBeGreaterThan(30)
        for (const text of texts) expect(text).toMatch(/^[^{}]{5,200}$/)
      }
    }
  })

  it('has something to say about several interests in each language', () => {
    for (const language of languages) expect(library.interestsOf(language).length).toBeGreaterThanOrEqual(3)
  })
})

describe('ids of a community', () => {
  it('differ even when many are made in one millisecond, and are never of a later one', () => {
    const atMs = Date.UTC(2026, 9, 20)
    const ids = createIdMaker(randomStream('ids'))
    const author = ids.userId(atMs)
    const made = Array.from({ length: 50 }, () => ids.tweetId(atMs, author))
    expect(new Set(made).size).toBe(50)
    for (const id of made) {
      expect(shardOf(id)).toBe(shardOf(author))
      expect(timeOf(id)).toBeLessThanOrEqual(atMs)
      expect(timeOf(id)).toBeGreaterThan(atMs - 100)
    }
  })
})
