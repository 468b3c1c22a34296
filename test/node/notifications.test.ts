import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ensureTweetPartitionsSql } from '../../src/db/partitions.ts'
import { updateFollow } from '../../src/db/statements/follows.ts'
import { newTweetId, type TweetId, type UserId } from '../../src/domain/ids.ts'
import type { NotificationType } from '../../src/domain/notifications.ts'
import { type NotificationScene, openScene } from './harness/notification-scene.ts'
import { consumeRows, happeningBeforeWrite, notificationsOwed } from './harness/notifications.ts'
import { addTweet } from './harness/tweets.ts'

const DAY_MS = 86_400_000

let scene: NotificationScene

beforeAll(async () => {
  scene = await openScene()
})

afterAll(() => scene.stop())
afterEach(async () => {
  await scene.database.pool.query('delete from outbox')
  scene.told.timelines.clear()
})

async function three(): Promise<[UserId, UserId, UserId]> {
  const [a, b, c] = await scene.people.addUsers(3)
  if (a === undefined || b === undefined || c === undefined) throw new Error('Nobody is there')
  return [a, b, c]
}

async function idOf(user: UserId, type: NotificationType): Promise<number | undefined> {
  const { rows } = await scene.database.pool.query<{ id: number }>(
    'select id::float8 as id from notifications where user_id = $1 and type = $2 and withdrawn_at is null',
    [user, type],
  )
  return rows[0]?.id
}

describe('the notification', () => {
  it('of a like comes, goes with it, and comes back under its id', async () => {
    const [author, other] = await three()
    const tweet = await scene.tweetOf(author)
    await scene.warm(author)
    await scene.like(other, tweet)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([['like', other, tweet]])
    expect(await scene.unreadOf(author)).toBe(1)
    const [first] = scene.tellingsTo(author)
    if (first?.type !== 'notification') throw new Error('Nothing was told')
    expect(JSON.parse(first.notification.json)).toMatchObject({
      id: first.notification.id,
      type: 'like',
      actor: { id: other },
      tweet: { id: tweet, content: 'hello', user: { id: author } },
      is_read: false,
    })
    expect(first.unread.count).toBe(1)

    await scene.unlike(other, tweet)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([])
    expect(await scene.unreadOf(author)).toBe(0)
    expect(scene.tellingsTo(author).at(-1)).toMatchObject({
      type: 'notifications_withdrawn',
      ids: [first.notification.id],
      unread: { count: 0 },
    })

    await scene.like(other, tweet)
    await scene.settle()
    expect(scene.tellingsTo(author).at(-1)).toMatchObject({ notification: { id: first.notification.id } })
    expect(await scene.unreadOf(author)).toBe(1)
  })

  it('of a retweet, a follow and a request comes and goes', async () => {
    const [author, other] = await three()
    const tweet = await scene.tweetOf(author)
    const shy = await scene.people.addUser({ is_private: true })
    await scene.retweet(other, tweet)
    await scene.follow(other, author)
    await scene.follow(other, shy)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([
      ['follow', other, null],
      ['retweet', other, tweet],
    ])
    expect(await scene.inboxOf(shy)).toEqual([['follow_request', other, null]])
    await scene.unretweet(other, tweet)
    await scene.unfollow(other, author)
    await scene.unfollow(other, shy)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([])
    expect(await scene.inboxOf(shy)).toEqual([])
  })

  it('of a request becomes one of a follow when the account is public by then', async () => {
    const [other] = await three()
    const shy = await scene.people.addUser({ is_private: true })
    await scene.follow(other, shy)
    await scene.settle()
    await scene.database.pool.query('update users set is_private = false where id = $1', [shy])
    await scene.follow(other, shy)
    await scene.settle()
    expect(await scene.inboxOf(shy)).toEqual([['follow', other, null]])
    expect(await scene.unreadOf(shy)).toBe(1)
  })

  it('of a tweet of long ago, in a partition of its own, is as any', async () => {
    const [author, other] = await three()
    const thenMs = Date.now() - 200 * DAY_MS
    await scene.database.pool.query(ensureTweetPartitionsSql(thenMs, thenMs))
    const old = newTweetId(thenMs, author, Math.random)
    await addTweet(scene.database.pool, author, { id: old, conversation_id: old })
    await scene.warm(author)
    await scene.like(other, old)
    const quote = await scene.publish(other, 'as true as ever', { quoteTweetId: old })
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([
      ['quote', other, quote],
      ['like', other, old],
    ])
    expect(scene.tellingsTo(author)).toHaveLength(2)
  })
})

describe('one tweet', () => {
  it('is told of once to each: as a reply, else as a quote, else as a mention', async () => {
    const [author, other, third] = await three()
    const [tweet, theirs] = [await scene.tweetOf(author), await scene.tweetOf(third)]
    const [toAuthor, toThird] = [scene.nameOf(author), scene.nameOf(third)]
    const reply = await scene.publish(other, `${toAuthor} and ${toThird}, hello`, { replyToId: tweet })
    const quote = await scene.publish(other, `look, ${toAuthor}`, { quoteTweetId: tweet })
    const both = await scene.publish(other, 'once more', { replyToId: tweet, quoteTweetId: tweet })
    const mention = await scene.publish(other, `${toAuthor} only`)
    const answering = await scene.publish(other, 'as they say', { replyToId: tweet, quoteTweetId: theirs })
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([
      ['reply', other, answering],
      ['mention', other, mention],
      ['reply', other, both],
      ['quote', other, quote],
      ['reply', other, reply],
    ])
    expect(await scene.inboxOf(third)).toEqual([
      ['quote', other, answering],
      ['mention', other, reply],
    ])
    await scene.remove(other, reply)
    await scene.settle()
    expect(await scene.inboxOf(third)).toEqual([['quote', other, answering]])
    expect(await scene.unreadOf(author)).toBe(4)
  })

  it('tells nobody of what they did themselves', async () => {
    const [author] = await three()
    const tweet = await scene.publish(author, `me: ${scene.nameOf(author)}`)
    await scene.publish(author, `and again ${scene.nameOf(author)}`, { replyToId: tweet })
    await scene.publish(author, 'as I said', { quoteTweetId: tweet })
    await scene.like(author, tweet)
    await scene.retweet(author, tweet)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([])
  })

  it('that is edited withdraws a mention, and brings it back under its id', async () => {
    const [author, other, third] = await three()
    await scene.warm(other)
    const tweet = await scene.publish(author, `hello ${scene.nameOf(other)}`)
    await scene.settle()
    const id = await idOf(other, 'mention')
    await scene.edit(author, tweet, `hello ${scene.nameOf(third)}`)
    await scene.settle()
    expect(await scene.inboxOf(other)).toEqual([])
    expect(await scene.unreadOf(other)).toBe(0)
    expect(await scene.inboxOf(third)).toEqual([['mention', author, tweet]])
    await scene.edit(author, tweet, `hello ${scene.nameOf(third)} and ${scene.nameOf(other)}`)
    await scene.settle()
    expect(await idOf(other, 'mention')).toBe(id)
    expect(await scene.unreadOf(other)).toBe(1)
    expect(scene.tellingsTo(other).map(({ type }) => type)).toEqual([
      'notification',
      'notifications_withdrawn',
      'notification',
    ])
    expect(await scene.inboxOf(third)).toHaveLength(1)
  })

  it('that mentions a subscriber tells them so, and not also that there is a tweet', async () => {
    const [author, other, third] = await three()
    for (const fan of [other, third]) await scene.people.add('follows', fan, author, { notify: true })
    const tweet = await scene.publish(author, `news for ${scene.nameOf(other)}`)
    await scene.settle()
    expect(await scene.inboxOf(other)).toEqual([['mention', author, tweet]])
    expect(await scene.inboxOf(third)).toEqual([['tweet', author, tweet]])
    await scene.edit(author, tweet, `news for ${scene.nameOf(third)}`)
    await scene.settle()
    expect(await scene.inboxOf(third)).toEqual([
      ['mention', author, tweet],
      ['tweet', author, tweet],
    ])
  })
})

describe('a notification that was stored and not told', () => {
  it('is told when its message comes again, also beside younger ones of the same act', async () => {
    const [author, other] = await three()
    const tweet = await scene.tweetOf(author)
    const { database, deps } = scene
    await scene.warm(author)
    await scene.like(other, tweet)
    const unreachable = {
      ...deps,
      timeline: (user: UserId) => ({
        ...deps.timeline(user),
        apply: () => Promise.reject(new Error('The object was reset')),
      }),
    }
    await consumeRows(unreachable, await notificationsOwed(database.pool))
    await scene.unlike(other, tweet)
    await scene.like(other, tweet)
    const owed = await notificationsOwed(database.pool)
    expect(owed).toHaveLength(3)
    await consumeRows(deps, owed)
    expect(scene.tellingsTo(author)).toMatchObject([{ type: 'notification', unread: { count: 1 } }])
  })
})

describe('those who asked to be told', () => {
  it('hear of an author’s tweets, chunk by chunk, but not of replies, until they ask no more', async () => {
    const author = await scene.people.addUser()
    const followers = await scene.people.addUsers(230)
    for (const follower of followers) await scene.people.add('follows', follower, author, { notify: true })
    const tweet = await scene.publish(author, 'news')
    await scene.publish(author, 'more', { replyToId: tweet })
    await scene.settle()
    const told = async (id: TweetId) => {
      const { rows } = await scene.database.pool.query<{ id: UserId }>(
        `select user_id::float8 as id from notifications
         where type = 'tweet' and actor_id = $1 and tweet_id = $2 and withdrawn_at is null order by 1`,
        [author, id],
      )
      return rows.map(({ id }) => id)
    }
    const sorted = followers.toSorted((a, b) => a - b)
    expect(await told(tweet)).toEqual(sorted)
    const [first, ...others] = sorted
    await updateFollow(scene.db, first as UserId, { id: author }, { notify: false })
    const next = await scene.publish(author, 'more news')
    await scene.settle()
    expect(await told(next)).toEqual(others)
    await scene.remove(author, tweet)
    await scene.settle()
    expect(await told(tweet)).toEqual([])
  })
})

describe('between the plan and the write', () => {
  it('a tweet that is deleted takes back what is about to be told of it', async () => {
    const [author, other, third] = await three()
    const tweet = await scene.publish(author, `hello ${scene.nameOf(third)}`)
    await scene.like(other, tweet)
    const owed = await notificationsOwed(scene.database.pool)
    const db = happeningBeforeWrite(scene.db, () => scene.remove(author, tweet))
    await consumeRows({ ...scene.deps, db }, owed)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([])
    expect(await scene.inboxOf(third)).toEqual([])
    expect(await scene.unreadOf(author)).toBe(0)
  })

  it('a like that is taken back is not told', async () => {
    const [author, other] = await three()
    const tweet = await scene.tweetOf(author)
    await scene.like(other, tweet)
    const db = happeningBeforeWrite(scene.db, () => scene.unlike(other, tweet))
    await consumeRows({ ...scene.deps, db }, await notificationsOwed(scene.database.pool))
    expect(await scene.inboxOf(author)).toEqual([])
  })

  it('an edit that drops a mention is minded', async () => {
    const [author, other] = await three()
    const tweet = await scene.publish(author, `hello ${scene.nameOf(other)}`)
    const db = happeningBeforeWrite(scene.db, () => scene.edit(author, tweet, 'hello'))
    await consumeRows({ ...scene.deps, db }, await notificationsOwed(scene.database.pool))
    expect(await scene.inboxOf(other)).toEqual([])
  })

  it('people who are erased are nobody', async () => {
    const [author, other, third] = await three()
    const tweet = await scene.tweetOf(author)
    await scene.like(other, tweet)
    await scene.like(third, tweet)
    const erase = () => scene.database.pool.query('delete from users where id = $1', [other])
    const db = happeningBeforeWrite(scene.db, erase)
    const owed = await notificationsOwed(scene.database.pool)
    await consumeRows({ ...scene.deps, db }, owed).catch(() => {})
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([['like', third, tweet]])
  })
})
