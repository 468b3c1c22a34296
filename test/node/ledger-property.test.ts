import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters } from '../../src/db/statements/counters.ts'
import { deleteTweet } from '../../src/db/statements/delete-tweet.ts'
import { deleteFollow, insertFollow } from '../../src/db/statements/follows.ts'
import { insertTweets } from '../../src/db/statements/publish-tweet.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { sweepLedger } from '../../src/services/sweep-ledger.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn } from './harness/deps.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { AMPLE_QUOTA, newPublication } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

/** What a counter is to be when the ledger is folded, and what it is: only where they differ. */
const WRONG_COUNTERS = `
  select 'user ' || id as counted, tweet_count, follower_count, following_count
  from users u
  where (tweet_count, follower_count, following_count) is distinct from (
    (select count(*) from tweets t where t.user_id = u.id and not t.is_deleted),
    (select count(*) from follows f where f.following_id = u.id),
    (select count(*) from follows f where f.follower_id = u.id))
  union all
  select 'hashtag ' || tag, tweet_count, null, null
  from hashtags h
  where tweet_count <> (
    select count(*) from tweet_hashtags x join tweets t on t.id = x.tweet_id
    where x.hashtag_id = h.id and not t.is_deleted)`

const TAGS = ['#one', '#two', '#three', '#one #two']
const action = fc.record({
  type: fc.constantFrom('publish', 'publish', 'delete', 'follow', 'unfollow', 'fold'),
  who: fc.nat(9),
  whom: fc.nat(9),
  tag: fc.constantFrom(...TAGS),
})
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never

describe('when ten people write, delete, follow and unfollow at once', () => {
  it('every counter is the number of its rows once the ledger is folded', async () => {
    const users = await people.addUsers(10)
    const published: TweetId[] = []
    const act = async ({ type, who, whom, tag }: Action): Promise<unknown> => {
      const user = users[who] as UserId
      const followee = { ref: { id: users[whom] as UserId }, claimedId: null }
      switch (type) {
        case 'publish': {
          const tweet = newPublication(user, `hello ${tag}`)
          const { outcome } = await insertTweets(db, tweet, AMPLE_QUOTA)
          return outcome === 'published' && published.push(tweet.id)
        }
        case 'delete': {
          const tweet = published[(who * 10 + whom) % Math.max(1, published.length)]
          return tweet !== undefined && deleteTweet(db, tweet, { id: user, isModerator: true })
        }
        case 'follow':
          return insertFollow(db, user, followee, {
            name: 'follows',
            limit: 1_000_000,
            windowSeconds: 86_400,
          })
        case 'unfollow':
          return deleteFollow(db, user, followee)
        case 'fold':
          return foldCounters(db, [{ subject: 'user', id: user }], 1_000_000)
      }
    }
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 40, maxLength: 120 }), async (actions) => {
        await Promise.all(actions.map(act))
        await sweepLedger(depsOn(db).deps)
        expect((await database.pool.query(WRONG_COUNTERS)).rows).toEqual([])
        expect((await database.pool.query('select from counter_deltas')).rowCount).toBe(0)
      }),
      { numRuns: 10, endOnFailure: true },
    )
  })
})
