import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engagementMessage } from '../../src/contracts/queues.ts'
import { connect, type Db } from '../../src/db/client.ts'
import { foldCounters } from '../../src/db/statements/counters.ts'
import { AppError } from '../../src/domain/errors.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { bookmarkTweet, removeBookmark } from '../../src/services/bookmark-tweet.ts'
import { deleteTweet } from '../../src/services/delete-tweet.ts'
import type { Deps } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { eraseDependants } from '../../src/services/erase-deleted.ts'
import { likeTweet, unlikeTweet } from '../../src/services/like-tweet.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { retweetTweet, undoRetweet } from '../../src/services/retweet-tweet.ts'
import { sweepLedger } from '../../src/services/sweep-ledger.ts'
import { voteInPoll } from '../../src/services/vote-in-poll.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { WRONG_COUNTERS } from './harness/wrong-counters.ts'

const USERS = 20
/** Some ten seconds on a quiet machine. */
const TIMEOUT_MS = 120_000
const TWEETS = 10

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const action = fc.record({
  type: fc.constantFrom(
    ...(['like', 'like', 'unlike', 'bookmark', 'unbookmark', 'retweet', 'unretweet'] as const),
    ...(['reply', 'quote', 'edit', 'delete', 'vote', 'vote', 'fold', 'erase'] as const),
  ),
  who: fc.nat(USERS - 1),
  what: fc.nat(TWEETS - 1),
  tag: fc.constantFrom('', '#one', '#two', '#one #three'),
  position: fc.nat(2),
})
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never

interface Scene {
  deps: Deps
  users: UserId[]
  tweets: { id: TweetId; author: UserId }[]
}

const plain = { isSensitive: false, replyToId: null, quoteTweetId: null, poll: null, idempotencyKey: null }
const POLL = { options: ['tea', 'coffee', 'water'], durationMinutes: 60 }

/** Ten tweets of ten people, every other with a poll. */
async function newScene(users: UserId[]): Promise<Scene> {
  const { deps } = depsOn(db)
  const ample = { ...deps.settings, likesPerDay: 1_000_000, tweetsPer3Hours: 1_000_000 }
  const scene: Scene = { deps: { ...deps, settings: ample }, users, tweets: [] }
  for (const [n, author] of users.slice(0, TWEETS).entries()) {
    const draft = { ...plain, content: `tweet ${n} #start`, poll: n % 2 === 0 ? POLL : null }
    const { id } = await publishTweet(scene.deps, viewerOf(author), draft)
    scene.tweets.push({ id: id as TweetId, author })
  }
  return scene
}

async function act(
  { deps, users, tweets }: Scene,
  { type, who, what, tag, position }: Action,
): Promise<unknown> {
  const tweet = tweets[what]
  const user = users[who]
  if (tweet === undefined || user === undefined) throw new Error('Nobody, or nothing')
  const [viewer, author] = [viewerOf(user), viewerOf(tweet.author)]
  const content = `${type} ${tag}`
  switch (type) {
    case 'like':
      return likeTweet(deps, viewer, tweet.id)
    case 'unlike':
      return unlikeTweet(deps, viewer, tweet.id)
    case 'bookmark':
      return bookmarkTweet(deps, viewer, tweet.id)
    case 'unbookmark':
      return removeBookmark(deps, viewer, tweet.id)
    case 'retweet':
      return retweetTweet(deps, viewer, tweet.id)
    case 'unretweet':
      return undoRetweet(deps, viewer, tweet.id)
    case 'reply':
      return publishTweet(deps, viewer, { ...plain, content, replyToId: tweet.id })
    case 'quote':
      return publishTweet(deps, viewer, { ...plain, content, quoteTweetId: tweet.id })
    case 'edit':
      return editTweet(deps, author, { id: tweet.id, content: `${content} ${who}` })
    case 'delete':
      // One in four: more and there would be nothing left to act on.
      return who % 4 === 0 && deleteTweet(deps, author, tweet.id)
    case 'vote':
      return voteInPoll(deps, viewer, tweet.id, position)
    case 'fold':
      return foldCounters(
        db,
        [
          { subject: 'tweet', id: tweet.id },
          { subject: 'user', id: user },
        ],
        1_000_000,
      )
    case 'erase':
      return eraseAll(deps)
  }
}

/** Does what deletions still owe, as the consumer does. */
async function eraseAll(deps: Deps): Promise<void> {
  const { rows } = await database.pool.query<{ id: number; message: unknown }>(
    `select id::float8 as id, message from outbox where message ->> 'type' = 'erase_dependants'`,
  )
  for (const { id, message } of rows) {
    const owed = engagementMessage.parse({ outbox_id: id, event: message })
    if (!('event' in owed) || owed.event.type !== 'erase_dependants') continue
    await eraseDependants(deps, { outbox_id: id, event: owed.event }, 2)
  }
}

const owedErasures = async () =>
  (await database.pool.query(`select from outbox where message ->> 'type' = 'erase_dependants'`)).rowCount

/** An action may be refused for what others did meanwhile; it may not fail. */
async function orRefused(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => {
    if (error instanceof AppError && error.status < 500) return error.code
    throw error
  })
}

describe(`when ${USERS} people act on ${TWEETS} tweets at once`, () => {
  it(
    'every counter is the number of its rows once the ledger is folded',
    async () => {
      const users = await people.addUsers(USERS)
      const done = new Set<string>()
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 150, maxLength: 300 }), async (actions) => {
          const scene = await newScene(users)
          await Promise.all(
            actions.map(async (one) => {
              const answer = await orRefused(act(scene, one))
              if (typeof answer !== 'string') done.add(one.type)
            }),
          )
          while (await owedErasures()) await eraseAll(scene.deps)
          while ((await sweepLedger(scene.deps)) > 0);
          expect((await database.pool.query(WRONG_COUNTERS)).rows).toEqual([])
          expect((await database.pool.query('select from counter_deltas')).rowCount).toBe(0)
        }),
        { numRuns: 5, endOnFailure: true },
      )
      expect(done.size).toBe(13)
    },
    TIMEOUT_MS,
  )
})
