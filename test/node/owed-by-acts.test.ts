import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { bookmarkTweet, removeBookmark } from '../../src/services/bookmark-tweet.ts'
import type { Deps } from '../../src/services/deps.ts'
import { followUser } from '../../src/services/follow-user.ts'
import { likeTweet, unlikeTweet } from '../../src/services/like-tweet.ts'
import { retweetTweet, undoRetweet } from '../../src/services/retweet-tweet.ts'
import { unfollowUser } from '../../src/services/unfollow-user.ts'
import { voteInPoll } from '../../src/services/vote-in-poll.ts'
import { type Community, communityIn } from './harness/community.ts'
import { viewerOf } from './harness/deps.ts'
import { addPoll } from './harness/engagement.ts'
import { notificationsOwedBy } from './harness/notifications-owed.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const owedBy = (work: (deps: Deps) => Promise<unknown>) => notificationsOwedBy(database, db, work)

async function scene() {
  const [viewer, author] = [await people.addUser(), await people.addUser()]
  return { viewer, author, tweet: await addTweet(database.pool, author) }
}

const ACTS = [
  ['a like', 'like_changed', likeTweet, unlikeTweet],
  ['a retweet', 'retweet_changed', retweetTweet, undoRetweet],
] as const

describe.each(ACTS)('%s', (_, type, act, undo) => {
  it('of another’s tweet is owed to its author, and so is its end', async () => {
    const { viewer, tweet } = await scene()
    const changed = { type, v: 1, actor_id: viewer, tweet_id: tweet }
    expect(await owedBy((deps) => act(deps, viewerOf(viewer), tweet))).toEqual([changed])
    expect(await owedBy((deps) => undo(deps, viewerOf(viewer), tweet))).toEqual([changed])
  })

  it('that is there already, or is not there to be taken back, owes nothing', async () => {
    const { viewer, tweet } = await scene()
    expect(await owedBy((deps) => undo(deps, viewerOf(viewer), tweet))).toEqual([])
    await owedBy((deps) => act(deps, viewerOf(viewer), tweet))
    expect(await owedBy((deps) => act(deps, viewerOf(viewer), tweet))).toEqual([])
  })

  it('of one’s own tweet owes nothing, either way', async () => {
    const { author, tweet } = await scene()
    expect(await owedBy((deps) => act(deps, viewerOf(author), tweet))).toEqual([])
    expect(await owedBy((deps) => undo(deps, viewerOf(author), tweet))).toEqual([])
  })

  it('that is refused owes nothing', async () => {
    const [viewer, shy] = [await people.addUser(), await people.addUser({ is_private: true })]
    const tweet = await addTweet(database.pool, shy)
    const refused = (work: Promise<unknown>) =>
      expect(work).rejects.toMatchObject({ code: 'tweet_not_found' })
    expect(await owedBy((deps) => refused(act(deps, viewerOf(viewer), tweet)))).toEqual([])
    expect(await owedBy((deps) => refused(undo(deps, viewerOf(viewer), tweet)))).toEqual([])
  })

  it('can be taken back from a deleted tweet, which is owed to its author as ever', async () => {
    const { viewer, tweet } = await scene()
    await owedBy((deps) => act(deps, viewerOf(viewer), tweet))
    await database.pool.query('update tweets set is_deleted = true where id = $1', [tweet])
    expect(await owedBy((deps) => undo(deps, viewerOf(viewer), tweet))).toEqual([
      { type, v: 1, actor_id: viewer, tweet_id: tweet },
    ])
  })
})

describe('what is nobody else’s business', () => {
  it('owes nothing: a bookmark, and a vote', async () => {
    const { viewer, author, tweet } = await scene()
    const poll = await addPoll(database.pool, author)
    expect(await owedBy((deps) => bookmarkTweet(deps, viewerOf(viewer), tweet))).toEqual([])
    expect(await owedBy((deps) => removeBookmark(deps, viewerOf(viewer), tweet))).toEqual([])
    expect(await owedBy((deps) => voteInPoll(deps, viewerOf(viewer), poll, 0))).toEqual([])
  })
})

describe('a follow', () => {
  const follow = (follower: UserId, id: UserId) =>
    owedBy((deps) => followUser(deps, viewerOf(follower), { ref: { id }, claimedId: null }))
  const unfollow = (follower: UserId, id: UserId) =>
    owedBy((deps) => unfollowUser(deps, viewerOf(follower), { ref: { id }, claimedId: null }))
  const changed = (follower_id: UserId, followee_id: UserId) => [
    { type: 'follow_changed', v: 1, follower_id, followee_id },
  ]

  it.each([
    ['and its end are', {}],
    ['request and its withdrawal are', { is_private: true }],
  ])('%s owed to whom they are about, once', async (_, columns) => {
    const [a, b] = [await people.addUser(), await people.addUser(columns)]
    expect(await unfollow(a, b)).toEqual([])
    expect(await follow(a, b)).toEqual(changed(a, b))
    expect(await follow(a, b)).toEqual([])
    expect(await unfollow(a, b)).toEqual(changed(a, b))
    expect(await unfollow(a, b)).toEqual([])
  })

  it('that a request has become is one change', async () => {
    const [a, b] = [await people.addUser(), await people.addUser({ is_private: true })]
    await follow(a, b)
    await database.pool.query('update users set is_private = false where id = $1', [b])
    expect(await follow(a, b)).toEqual(changed(a, b))
  })

  it('that is refused owes nothing', async () => {
    const [a, b] = [await people.addUser(), await people.addUser()]
    await people.add('blocks', b, a)
    const refused = owedBy(async (deps) => {
      await expect(followUser(deps, viewerOf(a), { ref: { id: b }, claimedId: null })).rejects.toMatchObject({
        code: 'blocked',
      })
    })
    expect(await refused).toEqual([])
  })
})
