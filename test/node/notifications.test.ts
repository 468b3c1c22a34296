import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Telling } from '../../src/contracts/timeline.ts'
import { connect, type Db } from '../../src/db/client.ts'
import { deleteTweet } from '../../src/db/statements/delete-tweet.ts'
import { deleteEngagement, insertEngagement } from '../../src/db/statements/engagement.ts'
import { deleteFollow, insertFollow } from '../../src/db/statements/follows.ts'
import { deleteRetweet, insertRetweet } from '../../src/db/statements/retweets.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import type { Deps } from '../../src/services/deps.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, type Told } from './harness/deps.ts'
import { AMPLE_LIKES, newEntryId } from './harness/engagement.ts'
import { consumeAll, consumeRows, notificationsOwed } from './harness/notifications.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet, publish } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db
let deps: Deps
let told: Told

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  ;({ deps, told } = depsOn(db))
})

afterAll(() => database.stop())
afterEach(async () => {
  await database.pool.query('delete from outbox')
  told.timelines.clear()
})

const like = (viewer: UserId, tweet: TweetId) => insertEngagement(db, 'like', viewer, tweet, AMPLE_LIKES)
const unlike = (viewer: UserId, tweet: TweetId) => deleteEngagement(db, 'like', viewer, tweet)
const AMPLE_FOLLOWS = { name: 'follows', limit: 1_000_000, windowSeconds: 86_400 } as const
const follow = (follower: UserId, id: UserId) =>
  insertFollow(db, follower, { ref: { id }, claimedId: null }, AMPLE_FOLLOWS)
const unfollow = (follower: UserId, id: UserId) =>
  deleteFollow(db, follower, { ref: { id }, claimedId: null })
const settle = () => consumeAll(database.pool, deps)

async function warm(...users: UserId[]): Promise<void> {
  for (const user of users)
    await database.pool.query('insert into timelines (user_id, epoch) values ($1, 1)', [user])
}

/** What somebody has been notified of and holds, newest first: type, actor, tweet. */
async function inboxOf(user: UserId): Promise<[string, UserId, TweetId | null][]> {
  const { rows } = await database.pool.query<{ type: string; actor: UserId; tweet: TweetId | null }>(
    `select type, actor_id::float8 as actor, tweet_id::float8 as tweet
     from notifications where user_id = $1 and withdrawn_at is null order by id desc`,
    [user],
  )
  return rows.map(({ type, actor, tweet }) => [type, actor, tweet])
}

async function unreadOf(user: UserId): Promise<number> {
  const { rows } = await database.pool.query<{ n: number }>(
    'select unread_count as n from notification_inboxes where user_id = $1',
    [user],
  )
  return rows[0]?.n ?? 0
}

const tellingsTo = (user: UserId) => (told.timelines.get(user) ?? []) as Telling[]

async function scene() {
  const [author, other] = await people.addUsers(2)
  if (author === undefined || other === undefined) throw new Error('Nobody is there')
  return { author, other, tweet: await addTweet(database.pool, author) }
}

describe('the notification', () => {
  it('of a like comes, goes with it, and comes back under its id', async () => {
    const { author, other, tweet } = await scene()
    await warm(author)
    await like(other, tweet)
    await settle()
    expect(await inboxOf(author)).toEqual([['like', other, tweet]])
    expect(await unreadOf(author)).toBe(1)
    const [first] = tellingsTo(author)
    if (first?.type !== 'notification') throw new Error('Nothing was told')
    expect(JSON.parse(first.notification.json)).toMatchObject({
      id: first.notification.id,
      type: 'like',
      actor: { id: other },
      tweet: { id: tweet, content: 'hello', user: { id: author } },
      is_read: false,
    })
    expect(first.unread.count).toBe(1)

    await unlike(other, tweet)
    await settle()
    expect(await inboxOf(author)).toEqual([])
    expect(await unreadOf(author)).toBe(0)
    expect(tellingsTo(author).at(-1)).toMatchObject({
      type: 'notifications_withdrawn',
      ids: [first.notification.id],
      unread: { count: 0 },
    })

    await like(other, tweet)
    await settle()
    expect(tellingsTo(author).at(-1)).toMatchObject({ notification: { id: first.notification.id } })
    expect(await unreadOf(author)).toBe(1)
  })

  it('of a retweet, a follow and a request comes and goes', async () => {
    const { author, other, tweet } = await scene()
    const shy = await people.addUser({ is_private: true })
    await insertRetweet(db, other, tweet, newEntryId(other))
    await follow(other, author)
    await follow(other, shy)
    await settle()
    expect(await inboxOf(author)).toEqual([
      ['follow', other, null],
      ['retweet', other, tweet],
    ])
    expect(await inboxOf(shy)).toEqual([['follow_request', other, null]])
    await deleteRetweet(db, other, tweet)
    await unfollow(other, author)
    await unfollow(other, shy)
    await settle()
    expect(await inboxOf(author)).toEqual([])
    expect(await inboxOf(shy)).toEqual([])
  })

  it('of a reply or a quote is not also one of a mention', async () => {
    const { author, other, tweet } = await scene()
    const third = await people.addUser()
    const [, named] = (
      await database.pool.query(`select username from users where id = any($1) order by id = $2`, [
        [author, third],
        third,
      ])
    ).rows
    const {
      rows: [writer],
    } = await database.pool.query('select username from users where id = $1', [author])
    const reply = await publish(db, other, `@${writer.username} and @${named.username}, hello`, {
      replyToId: tweet,
    })
    const quote = await publish(db, other, `look, @${writer.username}`, { quoteTweetId: tweet })
    const mention = await publish(db, other, `@${writer.username} only`)
    await settle()
    expect(await inboxOf(author)).toEqual([
      ['mention', other, mention],
      ['quote', other, quote],
      ['reply', other, reply],
    ])
    expect(await inboxOf(third)).toEqual([['mention', other, reply]])
    await deleteTweet(db, reply, { id: other, isModerator: false })
    await settle()
    expect(await inboxOf(third)).toEqual([])
    expect(await unreadOf(author)).toBe(2)
  })

  it('is told again when its message comes again, and counted once', async () => {
    const { author, other, tweet } = await scene()
    await warm(author)
    await like(other, tweet)
    const owed = await notificationsOwed(database.pool)
    const failing = depsOn(db, {
      timeline: () => ({
        ...deps.timeline(author),
        apply: () => Promise.reject(new Error('The object was reset')),
      }),
    })
    expect(await consumeRows(failing.deps, owed)).toEqual({ acked: [], retried: owed.map(({ id }) => id) })
    expect(await unreadOf(author)).toBe(1)
    expect(await consumeRows(deps, owed, true)).toEqual({ acked: owed.map(({ id }) => id), retried: [] })
    expect(tellingsTo(author)).toHaveLength(1)
    expect(await unreadOf(author)).toBe(1)
    expect(await notificationsOwed(database.pool)).toEqual([])
  })
})

describe('a notification that was stored and not told', () => {
  it('is told when its message comes again, also beside younger ones of the same act', async () => {
    const { author, other, tweet } = await scene()
    await warm(author)
    await like(other, tweet)
    const unreachable = depsOn(db, {
      timeline: () => ({
        ...deps.timeline(author),
        apply: () => Promise.reject(new Error('The object was reset')),
      }),
    })
    await consumeRows(unreachable.deps, await notificationsOwed(database.pool))
    await database.pool.query('update outbox set attempts = 1')
    await unlike(other, tweet)
    await like(other, tweet)
    const owed = await notificationsOwed(database.pool)
    expect(owed).toHaveLength(3)
    await consumeRows(deps, owed)
    expect(tellingsTo(author)).toMatchObject([{ type: 'notification', unread: { count: 1 } }])
  })
})

describe('those who asked to be told', () => {
  it('hear of an author’s tweets, chunk by chunk, but not of replies', async () => {
    const author = await people.addUser()
    const followers = await people.addUsers(230)
    for (const follower of followers) await people.add('follows', follower, author, { notify: true })
    const tweet = await publish(db, author, 'news')
    await publish(db, author, 'more', { replyToId: tweet })
    await settle()
    const { rows } = await database.pool.query(
      `select user_id::float8 as id from notifications where type = 'tweet' and actor_id = $1 and tweet_id = $2 order by 1`,
      [author, tweet],
    )
    expect(rows.map(({ id }) => id)).toEqual(followers.toSorted((a, b) => a - b))
    await deleteTweet(db, tweet, { id: author, isModerator: false })
    await settle()
    const { rowCount } = await database.pool.query(
      'select from notifications where actor_id = $1 and withdrawn_at is null',
      [author],
    )
    expect(rowCount).toBe(0)
  })
})
