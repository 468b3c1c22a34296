import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { explore, trendingHashtags, trendingTopics } from '../../src/contracts/http/discovery.ts'
import { tweetPage } from '../../src/contracts/http/tweets.ts'
import { writeTrendRankings } from '../../src/db/statements/trend-rankings.ts'
import type { TweetId } from '../../src/domain/ids.ts'
import type { Trend } from '../../src/domain/trends/ranking.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { likeTweet } from '../../src/services/like-tweet.ts'
import { listTrends } from '../../src/services/list-trends.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { rankTrends } from '../../src/services/rank-trends.ts'
import { sweepLedger } from '../../src/services/sweep-ledger.ts'
import { TrendsCache } from '../../src/views/trends.ts'
import { api, rows, testDeps, uniqueName } from './harness.ts'
import { insertFollowers, insertPeople, insertPerson, tokenOf } from './people.ts'

const plain = { isSensitive: false, replyToId: null, quoteTweetId: null, poll: null, idempotencyKey: null }

async function tweetBy(author: Viewer, content: string, changes: { isSensitive?: boolean } = {}) {
  const { id } = await publishTweet(testDeps(), author, { ...plain, content, ...changes })
  return id as TweetId
}

const named = (name: string): Trend => ({ name, score: 2.5, tweet_count: 3 })

/** What cron would have ranked: never fewer than two, for other tests look for a second page meanwhile. */
async function ranked(names: string[], tweets: TweetId[] = [], at = Date.now()): Promise<void> {
  const trends = {
    at,
    hashtags: names.map(named),
    topics: names.map(named),
    tweets,
    tweet_floor: 0,
  }
  await writeTrendRankings(testDeps().db, trends, [])
}

/** As who is signed in, whom no cache answers. */
async function trending(kind: 'hashtags' | 'topics', token: string, query = '') {
  const { status, body } = await api('GET', `/api/trending/${kind}${query}`, { token })
  expect(status).toBe(200)
  const page = kind === 'hashtags' ? trendingHashtags.parse(body) : trendingTopics.parse(body)
  const listed = 'hashtags' in page ? page.hashtags : page.topics
  return { listed, names: listed.map(({ name }) => name), pagination: page.pagination }
}

async function explored(token?: string) {
  const { status, body } = await api('GET', '/api/explore', token === undefined ? {} : { token })
  expect(status).toBe(200)
  return explore.parse(body)
}

describe('trends', () => {
  it.each(['hashtags', 'topics'] as const)('of %s come in pages, the best first', async (kind) => {
    const token = await tokenOf(await insertPerson())
    await ranked(['one', 'two', 'three'])
    const { listed, names, pagination } = await trending(kind, token, '?limit=2')
    expect(listed[0]).toEqual({ name: 'one', score: 2.5, tweet_count: 3, window_hours: 24 })
    expect(names).toEqual(['one', 'two'])
    expect(pagination).toMatchObject({ limit: 2, offset: 0, has_more: true })
    const second = await trending(kind, token, `?limit=2&cursor=${pagination.next_cursor}`)
    expect(second.names).toEqual(['three'])
    expect(second.pagination).toMatchObject({ has_more: false, next_cursor: null })
    expect((await trending(kind, token, '?offset=1')).names).toEqual(['two', 'three'])
    expect((await api('GET', `/api/trending/${kind}`)).status).toBe(200)
  })

  it('are shown without those that hold a word which the reader mutes', async () => {
    const reader = await insertPerson()
    const token = await tokenOf(reader)
    for (const phrase of ['storm', '#weir']) {
      expect((await api('POST', '/api/muted-words', { token, body: { phrase } })).status).toBe(201)
    }
    await ranked(['storm', 'winter storm', 'weir', 'heron'])
    expect((await trending('topics', token)).names).toEqual(['weir', 'heron'])
    expect((await trending('hashtags', token)).names).toEqual(['heron'])
  })

  it('are read once a minute by an isolate for all who are signed out', async () => {
    const times = { nowMs: Date.now() }
    const deps = testDeps({ trends: new TrendsCache(), now: () => times.nowMs })
    const names = async () =>
      (await listTrends(deps, null, 'hashtags', { offset: 0, limit: 5 })).trends.map(({ name }) => name)
    await ranked(['before', 'then'])
    expect(await names()).toEqual(['before', 'then'])
    await ranked(['after', 'then'])
    times.nowMs += 39_000
    expect(await names()).toEqual(['before', 'then'])
    times.nowMs += 21_000
    expect(await names()).toEqual(['after', 'then'])
  })

  it.each([
    ['a minute after they were ranked, however late they were read', 30_000, 30_000],
    ['ten seconds after they were read, where the next ranking is late', 90_000, 10_000],
  ])('are read again %s', async (_, age, shownMs) => {
    const times = { nowMs: Date.now() }
    const deps = testDeps({ trends: new TrendsCache(), now: () => times.nowMs })
    const names = async () =>
      (await listTrends(deps, null, 'hashtags', { offset: 0, limit: 5 })).trends.map(({ name }) => name)
    await ranked(['before', 'then'], [], times.nowMs - age)
    expect(await names()).toEqual(['before', 'then'])
    await ranked(['after', 'then'])
    times.nowMs += shownMs - 1
    expect(await names()).toEqual(['before', 'then'])
    times.nowMs += 1
    expect(await names()).toEqual(['after', 'then'])
  })
})

describe('what is posted and liked', () => {
  it('trends once it is counted and ranked: its hashtag, its words, and the tweet', async () => {
    const people = await insertPeople(6)
    const [author, fan] = people
    if (author === undefined || fan === undefined) throw new Error('Nobody was inserted')
    const letters = 'abcdefghij'
    const word = `q${[...crypto.randomUUID().replace(/\D/g, '')].map((digit) => letters[Number(digit)]).join('')}`
    const tweets: TweetId[] = []
    for (const person of people)
      tweets.push(await tweetBy(person, `The ${word} and ${word}er #${word} #${word}er`))
    for (const person of people) await likeTweet(testDeps(), person, tweets[0] as TweetId)
    const later = testDeps({ now: () => Date.now() + 120_000 })
    await vi.waitFor(async () => {
      while ((await sweepLedger(later)) > 0);
      await rankTrends(later)
      const token = await tokenOf(fan)
      expect((await trending('hashtags', token, '?limit=100')).names).toContain(word)
      expect((await trending('topics', token, '?limit=100')).names).toContain(word)
      expect((await explored(token)).tweets.map(({ id }) => id)).toContain(tweets[0])
    })
  })
})

describe('explore', () => {
  it('shows trending tweets in their order, trends, and people', async () => {
    const [reader, friend, theirs, author] = await insertPeople(4)
    if (!reader || !friend || !theirs || !author) throw new Error('Nobody was inserted')
    await insertFollowers([reader], friend)
    await insertFollowers([friend], theirs)
    const tweets = [await tweetBy(author, 'one'), await tweetBy(author, 'two')].toReversed()
    await ranked(['heron', 'weir'], tweets)
    const page = await explored(await tokenOf(reader))
    expect(page.tweets.map(({ id }) => id)).toEqual(tweets)
    expect(page.topics.map(({ name }) => name)).toEqual(['heron', 'weir'])
    expect(page.hashtags.map(({ name }) => name)).toEqual(['heron', 'weir'])
    expect(page.users.map(({ id }) => id)).toContain(theirs.id)
    expect(page.users[0]).toMatchObject({
      relationship: { is_following: false },
      reason: { type: 'followed_by' },
    })
    const open = await explored()
    expect(open.tweets.map(({ id }) => id)).toEqual(tweets)
    expect(open.users.every((user) => !('relationship' in user) && user.reason.type === 'popular')).toBe(true)
  })

  it('shows no tweet that its reader may not or does not want to see', async () => {
    const people = await insertPeople(9)
    const [reader, liked, ...others] = people
    const [muted, blocked, blocking, locked, gone, wordy, prude] = others
    if (!reader || !liked || !muted || !blocked || !blocking || !locked || !gone || !wordy || !prude) {
      throw new Error('Nobody was inserted')
    }
    const token = await tokenOf(reader)
    await insertFollowers([reader], locked)
    const mine = await tweetBy(reader, 'my own zither')
    const seen = await tweetBy(liked, 'seen')
    const unseen: TweetId[] = []
    for (const author of [muted, blocked, blocking, locked, gone])
      unseen.push(await tweetBy(author, 'unseen'))
    unseen.push(await tweetBy(wordy, 'a zither'), await tweetBy(prude, 'bare', { isSensitive: true }))
    const deleted = await tweetBy(liked, 'deleted')
    await api('DELETE', `/api/tweets/${deleted}`, { token: await tokenOf(liked) })
    await api('POST', '/api/muted-words', { token, body: { phrase: 'zither' } })
    await api('POST', `/api/users/${muted.id}/mute`, { token })
    await api('POST', `/api/users/${blocked.id}/block`, { token })
    await api('POST', `/api/users/${reader.id}/block`, { token: await tokenOf(blocking) })
    await rows(sql`update users set is_private = true where id = ${locked.id}`)
    await rows(sql`update users set suspended_at = now() where id = ${gone.id}`)
    await api('POST', `/api/tweets/${seen}/like`, { token })
    await ranked(['heron', 'weir'], [...unseen, deleted, seen, mine])
    const { tweets } = await explored(token)
    expect(tweets.map(({ id }) => id)).toEqual([seen, mine])
    expect(tweets[0]).toMatchObject({ is_liked: true })
  })
})

describe('the tweets with a hashtag', () => {
  let tag: string
  let author: Viewer

  beforeEach(async () => {
    tag = uniqueName('Tag')
    author = await insertPerson()
  })

  async function tagged(path: string, token?: string) {
    const { status, body } = await api('GET', `/api/hashtags/${path}`, token === undefined ? {} : { token })
    expect(status).toBe(200)
    const { tweets, pagination } = tweetPage.parse(body)
    return { ids: tweets.map(({ id }) => id), pagination }
  }

  it('come newest first, in pages, however the tag is typed', async () => {
    const ids: number[] = []
    for (const text of ['a', 'b', 'c']) ids.unshift(await tweetBy(author, `${text} #${tag}`))
    for (const typed of [tag, tag.toUpperCase(), `%23${tag}`, `＃${tag.toLowerCase()}`]) {
      expect((await tagged(`${typed}/tweets`)).ids).toEqual(ids)
    }
    const first = await tagged(`${tag}/tweets?limit=2`)
    expect(first.ids).toEqual(ids.slice(0, 2))
    expect((await tagged(`${tag}/tweets?limit=2&cursor=${first.pagination.next_cursor}`)).ids).toEqual(
      ids.slice(2),
    )
    expect((await tagged(`${tag}/tweets?offset=2`)).ids).toEqual(ids.slice(2))
    expect((await tagged(`${tag}/tweets?limit=3`)).pagination.next_cursor).toBeNull()
  })

  it.each([
    'nobody_used_it',
    '%00',
    'a%00b',
    '%F0%9F%90%A6',
    '%E0%A4%A',
    '..%2f..%2fauth',
    "1'%20or%20'1'='1",
  ])('are none of a tag that nobody has used: %s', async (unknown) => {
    expect(await tagged(`${unknown}/tweets`)).toMatchObject({ ids: [], pagination: { has_more: false } })
  })

  it('are those that the reader may see, and fill the page', async () => {
    const [reader, locked, muted] = await insertPeople(3)
    if (!reader || !locked || !muted) throw new Error('Nobody was inserted')
    const token = await tokenOf(reader)
    const old = await tweetBy(author, `old #${tag}`)
    const mutedOne = await tweetBy(muted, `muted #${tag}`)
    const lockedOne = await tweetBy(locked, `locked #${tag}`)
    const bare = await tweetBy(author, `bare #${tag}`, { isSensitive: true })
    await rows(sql`update users set is_private = true where id = ${locked.id}`)
    await api('POST', `/api/users/${muted.id}/mute`, { token })
    expect((await tagged(`${tag}/tweets?limit=1`, token)).ids).toEqual([old])
    expect((await tagged(`${tag}/tweets`)).ids).toEqual([mutedOne, old])
    expect((await tagged(`${tag}/tweets`, await tokenOf(author))).ids).toEqual([bare, mutedOne, old])
    await insertFollowers([reader], locked)
    await rows(sql`update users set hide_sensitive = false where id = ${reader.id}`)
    expect((await tagged(`${tag}/tweets`, token)).ids).toEqual([bare, lockedOne, old])
  })

  it('go on behind a thousand that may not be seen', async () => {
    const old = await tweetBy(author, `old #${tag}`)
    const hidden = await insertPerson()
    const newest = await tweetBy(hidden, `new #${tag}`)
    await rows(sql`
      with made as (
        insert into tweets (id, nonce, user_id, content, entities, conversation_id)
        select ${newest}::bigint + n, gen_random_uuid(), ${hidden.id}, '', '{"hashtags": [], "mentions": [], "urls": []}', 1
        from generate_series(1, 1100) n
        returning id)
      insert into tweet_hashtags (tweet_id, hashtag_id)
      select made.id, h.id from made, hashtags h where h.tag = ${tag.toLowerCase()}`)
    await rows(sql`update users set is_private = true where id = ${hidden.id}`)
    const first = await tagged(`${tag}/tweets`)
    expect(first).toMatchObject({ ids: [], pagination: { has_more: true } })
    const second = await tagged(`${tag}/tweets?cursor=${first.pagination.next_cursor}`)
    expect(second).toMatchObject({ ids: [old], pagination: { has_more: false } })
  })
})
