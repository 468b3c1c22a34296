import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/ids.ts'
import { type Audience, NOTIFICATION_TYPES, type NotificationType } from '../../src/domain/notifications.ts'
import { closePolls } from '../../src/services/close-polls.ts'
import { addPoll } from './harness/engagement.ts'
import { type NotificationScene, openScene } from './harness/notification-scene.ts'

const _DAY_MS = 86_400_000

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

/** Something of each type that somebody does to somebody. */
const ACTS: Record<NotificationType, (actor: UserId, recipient: UserId) => Promise<unknown>> = {
  like: async (actor, recipient) => scene.like(actor, await scene.tweetOf(recipient)),
  retweet: async (actor, recipient) => scene.retweet(actor, await scene.tweetOf(recipient)),
  quote: async (actor, recipient) =>
    scene.publish(actor, 'a quote', { quoteTweetId: await scene.tweetOf(recipient) }),
  reply: async (actor, recipient) =>
    scene.publish(actor, 'a reply', { replyToId: await scene.tweetOf(recipient) }),
  mention: (actor, recipient) => scene.publish(actor, `hello ${scene.nameOf(recipient)}`),
  follow: (actor, recipient) => scene.follow(actor, recipient),
  follow_request: async (actor, recipient) => {
    await scene.database.pool.query('update users set is_private = true where id = $1', [recipient])
    await scene.follow(actor, recipient)
  },
  poll: async (actor, recipient) => {
    const poll = await addPoll(scene.database.pool, actor, ['yes', 'no'], Date.now() - 1)
    await scene.database.pool.query(
      'insert into poll_votes (tweet_id, user_id, position) values ($1, $2, 0)',
      [poll, recipient],
    )
    await closePolls(scene.deps)
  },
  tweet: async (actor, recipient) => {
    await scene.database.pool.query(
      `insert into follows (follower_id, following_id, notify) values ($1, $2, true)
       on conflict (follower_id, following_id) do update set notify = true`,
      [recipient, actor],
    )
    await scene.publish(actor, 'news')
  },
}

const typesOf = async (user: UserId) => (await scene.inboxOf(user)).map(([type]) => type)

const set = (change: string) => (user: UserId) =>
  scene.database.pool.query(`update users set ${change} where id = $1`, [user])

/** What may stand against it, and come when it was done already. */
const AGAINST: Record<string, (actor: UserId, recipient: UserId) => Promise<unknown>> = {
  nothing: async () => {},
  'a mute that is over': (actor, recipient) =>
    scene.people.add('mutes', recipient, actor, { expires_at: new Date(Date.now() - 1000) }),
  'a mute': (actor, recipient) => scene.people.add('mutes', recipient, actor),
  'a block by the recipient': (actor, recipient) => scene.people.add('blocks', recipient, actor),
  'a block by the actor': (actor, recipient) => scene.people.add('blocks', actor, recipient),
  'that the actor was deactivated': (actor) => set('is_active = false')(actor),
  'that the actor was suspended': (actor) => set('suspended_at = now()')(actor),
  'that the recipient was deactivated': (_, recipient) => set('is_active = false')(recipient),
  'that the recipient was suspended': (_, recipient) => set('suspended_at = now()')(recipient),
}

/** By a name for each, what the recipients of this act were told, when all that was done is consumed at once. */
async function toldOf(
  act: (typeof ACTS)[NotificationType],
  before: Record<string, (actor: UserId, recipient: UserId) => Promise<unknown>>,
  after: typeof before = {},
): Promise<Record<string, NotificationType[]>> {
  const recipients: [string, UserId][] = []
  for (const [name, prepare] of Object.entries(before)) {
    const [actor, recipient] = await three()
    await prepare(actor, recipient)
    await act(actor, recipient)
    await after[name]?.(actor, recipient)
    recipients.push([name, recipient])
  }
  await scene.settle()
  const told = recipients.map(async ([name, recipient]) => {
    const types = await typesOf(recipient)
    expect(await scene.unreadOf(recipient)).toBe(types.length)
    return [name, types]
  })
  return Object.fromEntries(await Promise.all(told))
}

describe.each(NOTIFICATION_TYPES)('of a %s', (type) => {
  const everyOther = NOTIFICATION_TYPES.filter((other) => other !== type)

  it('one is told as one prefers of this type', async () => {
    const prefers = (audience: Audience, isFollowed: boolean) => async (actor: UserId, recipient: UserId) => {
      if (isFollowed) await scene.people.add('follows', recipient, actor)
      await scene.prefer(recipient, { [type]: audience })
    }
    const told = await toldOf(ACTS[type], {
      'everyone, by a stranger': prefers('everyone', false),
      'following, by a stranger': prefers('following', false),
      'following, by somebody followed': prefers('following', true),
      'nobody, by somebody followed': prefers('nobody', true),
      'nobody for every other type': (_, recipient) =>
        scene.prefer(recipient, Object.fromEntries(everyOther.map((other) => [other, 'nobody']))),
    })
    expect(told).toEqual({
      'everyone, by a stranger': [type],
      // Who asked to be told of tweets follows.
      'following, by a stranger': type === 'tweet' ? [type] : [],
      'following, by somebody followed': [type],
      'nobody, by somebody followed': [],
      'nobody for every other type': [type],
    })
  })

  it('one is not told across a block or a mute, nor by or as somebody who is gone meanwhile', async () => {
    const nothing = Object.fromEntries(Object.keys(AGAINST).map((name) => [name, async () => {}]))
    const told = await toldOf(ACTS[type], nothing, AGAINST)
    const silence = Object.fromEntries(Object.keys(AGAINST).map((name) => [name, []]))
    expect(told).toEqual({ ...silence, nothing: [type], 'a mute that is over': [type] })
  })
})

describe('a private author', () => {
  const turnPrivate = set('is_private = true')

  it('who replies, quotes or mentions is heard of only by followers', async () => {
    const [shy, follower, stranger] = await three()
    await scene.people.add('follows', follower, shy)
    for (const reader of [follower, stranger]) {
      for (const type of ['reply', 'quote', 'mention'] as const) await ACTS[type](shy, reader)
    }
    await turnPrivate(shy)
    await scene.settle()
    expect((await typesOf(follower)).toSorted()).toEqual(['mention', 'quote', 'reply'])
    expect(await typesOf(stranger)).toEqual([])
  })

  it('who likes, retweets or follows is heard of: one sees one’s own tweet', async () => {
    const [shy, , stranger] = await three()
    await turnPrivate(shy)
    for (const type of ['like', 'retweet', 'follow'] as const) await ACTS[type](shy, stranger)
    await scene.settle()
    expect((await typesOf(stranger)).toSorted()).toEqual(['follow', 'like', 'retweet'])
  })
})

describe('a muted conversation', () => {
  it('is silent: replies, likes and quotes of its tweets, but not a mention elsewhere', async () => {
    const [author, other] = await three()
    const root = await scene.publish(author, 'a conversation')
    const answer = await scene.publish(author, 'as it goes on', { replyToId: root })
    await scene.database.pool.query(
      'insert into muted_conversations (user_id, conversation_id) values ($1, $2)',
      [author, root],
    )
    await scene.publish(other, 'a reply', { replyToId: answer })
    await scene.publish(other, 'a quote', { quoteTweetId: answer })
    await scene.like(other, root)
    await scene.retweet(other, answer)
    const elsewhere = await scene.publish(other, `hello ${scene.nameOf(author)}`)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([['mention', other, elsewhere]])
  })

  it('is silent for those alone who muted it', async () => {
    const [author, other, third] = await three()
    const root = await scene.publish(author, 'a conversation')
    await scene.database.pool.query(
      'insert into muted_conversations (user_id, conversation_id) values ($1, $2)',
      [third, root],
    )
    const reply = await scene.publish(other, `${scene.nameOf(third)}, too`, { replyToId: root })
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([['reply', other, reply]])
    expect(await scene.inboxOf(third)).toEqual([])
  })
})
