import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import { AppError } from '../../src/domain/errors.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { deleteTweet } from '../../src/services/delete-tweet.ts'
import type { Deps } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { likeTweet, unlikeTweet } from '../../src/services/like-tweet.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { retweetTweet, undoRetweet } from '../../src/services/retweet-tweet.ts'
import { settleTrends, TREND_STEP } from '../../src/services/settle-trends.ts'
import { sweepLedger } from '../../src/services/sweep-ledger.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { TOPICS, wrongTrends } from './harness/wrong-trends.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const USERS = 8
const TWEETS = 6
const TIMEOUT_MS = 120_000

const plain = {
  isSensitive: false,
  replyToId: null,
  quoteTweetId: null,
  poll: null,
  idempotencyKey: null,
}

const action = fc.record({
  type: fc.constantFrom(
    ...(['post', 'like', 'like', 'unlike', 'retweet', 'unretweet', 'reply', 'edit', 'delete'] as const),
    ...(['private', 'suspended', 'fold', 'settle', 'settle'] as const),
  ),
  who: fc.nat(USERS - 1),
  what: fc.nat(TWEETS - 1),
  words: fc.constantFrom(...TOPICS, 'heron and weir'),
  tag: fc.constantFrom('#one', '#two', '#one #two', ''),
})
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never

interface Scene {
  deps: Deps
  /** All of what is marked is due at once, and what was claimed is due again. */
  later: Deps
  users: UserId[]
  tweets: { id: TweetId; author: UserId }[]
}

async function newScene(users: UserId[]): Promise<Scene> {
  const { deps } = depsOn(db)
  await database.pool.query('update users set is_private = false, suspended_at = null')
  const scene: Scene = { deps, later: { ...deps, now: () => Date.now() + 90_000 }, users, tweets: [] }
  for (const author of users.slice(0, TWEETS)) {
    const { id } = await publishTweet(deps, viewerOf(author), { ...plain, content: `heron #one` })
    scene.tweets.push({ id: id as TweetId, author })
  }
  return scene
}

async function act(scene: Scene, { type, who, what, words, tag }: Action): Promise<unknown> {
  const { deps } = scene
  const tweet = scene.tweets[what]
  const user = scene.users[who]
  if (tweet === undefined || user === undefined) throw new Error('Nobody, or nothing')
  const [viewer, author] = [viewerOf(user), viewerOf(tweet.author)]
  const content = `${words} ${tag}`
  switch (type) {
    case 'post':
      return publishTweet(deps, viewer, { ...plain, content, isSensitive: what === 0 })
    case 'reply':
      return publishTweet(deps, viewer, { ...plain, content, replyToId: tweet.id })
    case 'like':
      return likeTweet(deps, viewer, tweet.id)
    case 'unlike':
      return unlikeTweet(deps, viewer, tweet.id)
    case 'retweet':
      return retweetTweet(deps, viewer, tweet.id)
    case 'unretweet':
      return undoRetweet(deps, viewer, tweet.id)
    case 'edit':
      return editTweet(deps, author, { id: tweet.id, content: `${content} ${who}` })
    case 'delete':
      return who % 4 === 0 && deleteTweet(deps, author, tweet.id)
    case 'private':
      return database.pool.query('update users set is_private = not is_private where id = $1', [user])
    case 'suspended':
      return database.pool.query(
        'update users set suspended_at = case when suspended_at is null and id % 2 = 0 then now() end where id = $1',
        [user],
      )
    case 'fold':
      return sweepLedger(deps)
    case 'settle':
      return settleTrends(scene.later, { ...TREND_STEP, authors: 3, tweets: 20 })
  }
}

/** An action may be refused for what others did meanwhile; it may not fail. */
async function orRefused(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => {
    if (error instanceof AppError && error.status < 500) return error.code
    throw error
  })
}

describe(`when ${USERS} people write, engage, hide and delete at once, while trends are counted`, () => {
  // Of two groups of users with ids in a row, all, and half of the second.
  it.each([1, 94 / 1009])(
    'the buckets are what the tables say once all is counted, with topics of a share of %s',
    async (trendSample) => {
      const users = await people.addUsers(USERS)
      await database.pool.query(
        'truncate tweets, tweet_hashtags, likes, retweets, trend_buckets, trend_contributions, trend_marks, counter_deltas',
      )
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 60, maxLength: 140 }), async (actions) => {
          const scene = await newScene(users)
          scene.deps.settings.trendSample = trendSample
          await Promise.all(actions.map((one) => orRefused(act(scene, one))))
          while ((await sweepLedger(scene.deps)) > 0);
          const much = { ...scene.deps, now: () => Date.now() + 200_000 }
          while ((await settleTrends(much)) > 0);
          expect((await database.pool.query('select from trend_marks')).rowCount).toBe(0)
          const sampled = trendSample === 1 ? 'true' : 'u.id % 1009 < 94'
          expect((await database.pool.query(wrongTrends(sampled))).rows).toEqual([])
        }),
        { numRuns: 6, endOnFailure: true },
      )
      const { rows } = await database.pool.query('select from trend_buckets where accounts > 0')
      expect(rows.length).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )
})
