import { describe, expect, it } from 'vitest'
import { NO_COUNTS, serializeCounts } from '../contracts/tweet-json.ts'
import { connect } from '../db/client.ts'
import type { TweetId, UserId } from '../domain/ids.ts'
import { type Freshness, FreshnessCache, freshen, type Line } from './freshen.ts'

const TTL_MS = 15_000
const TWEET = 1 as TweetId
const AUTHOR = 2 as UserId

/** A database that does not answer. */
const away = new Proxy(connect({ url: 'postgres://nobody:none@nowhere.test/none', endpoint: '' }), {
  get: () => () => Promise.reject(Object.assign(new Error('fetch failed'), { name: 'NeonDbError' })),
})

const card = {
  tweetId: TWEET,
  authorId: AUTHOR,
  json: '{"id":1}',
  counts: NO_COUNTS,
  poll: null,
  revision: '1.1',
  quote: null,
}
const line: Line = { tweetId: TWEET, authorId: AUTHOR, retweeterId: null, card }

function known(changes: Partial<Freshness>): FreshnessCache {
  const cache = new FreshnessCache(TTL_MS)
  const counts = serializeCounts({ ...NO_COUNTS, likes: 5 })
  cache.tweets.set(TWEET, { revision: '1.1', counts, gone: false, authorIsPrivate: false, ...changes }, 0)
  return cache
}

async function freshened(cache: FreshnessCache, nowMs: number, page: readonly Line[] = [line]) {
  const deferred: Promise<unknown>[] = []
  const result = await freshen(
    {
      db: away,
      viewerId: 9 as UserId,
      cache,
      now: () => nowMs,
      deadlineMs: 1000,
      ownCardChangedAtMs: 0,
      defer: (work) => deferred.push(work),
    },
    page,
  )
  await Promise.all(deferred)
  return result
}

describe('without the database', () => {
  it('what the cache knows is answered, also to who was to read it anew', async () => {
    const { freshness, stale } = await freshened(known({ gone: true }), (TTL_MS * 2) / 3)
    expect([freshness.get(TWEET)?.gone, stale]).toEqual([true, true])
  })

  it('what the cache knows is answered of a tweet whose card is outdated', async () => {
    const { freshness } = await freshened(known({ revision: '2.1', authorIsPrivate: true }), 0)
    expect(freshness.get(TWEET)).toMatchObject({ authorIsPrivate: true, counts: { counts: { likes: 5 } } })
  })

  it('a tweet without a card stays unknown: nobody could show it', async () => {
    const { freshness } = await freshened(known({}), 0, [{ ...line, card: null }])
    expect(freshness.has(TWEET)).toBe(false)
  })

  it('nothing is answered that is older than the cache keeps it', async () => {
    const { freshness, stale } = await freshened(known({}), TTL_MS)
    expect([freshness.size, stale]).toEqual([0, true])
  })
})
