import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Telling } from '../../src/contracts/timeline.ts'
import { connect, type Db } from '../../src/db/client.ts'
import { AppError } from '../../src/domain/errors.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { deleteTweet } from '../../src/services/delete-tweet.ts'
import type { Deps } from '../../src/services/deps.ts'
import { editTweet } from '../../src/services/edit-tweet.ts'
import { followUser } from '../../src/services/follow-user.ts'
import { likeTweet, unlikeTweet } from '../../src/services/like-tweet.ts'
import { publishTweet } from '../../src/services/publish-tweet.ts'
import { readAllNotifications, readNotification } from '../../src/services/read-notifications.ts'
import { retweetTweet, undoRetweet } from '../../src/services/retweet-tweet.ts'
import { settleFollow } from '../../src/services/settle-follow.ts'
import { unfollowUser } from '../../src/services/unfollow-user.ts'
import { atOnce } from './harness/at-once.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { deadlocksIn } from './harness/endpoint.ts'
import { consumeAll, consumeRows, dyingBefore, notificationsOwed } from './harness/notifications.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { WRONG_NOTIFICATIONS } from './harness/wrong-notifications.ts'

const USERS = 8
const TWEETS = 5
const ACTING_AT_ONCE = 6
const CONSUMERS = 4
/** Some fifteen seconds on a quiet machine. */
const TIMEOUT_MS = 180_000

let database: TestDatabase
let people: Community
let db: Db

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
})

afterAll(() => database.stop())

const ACTIONS = [
  ...(['both', 'delete', 'edit', 'follow', 'like', 'mention', 'quote', 'read', 'read-all'] as const),
  ...(['reply', 'retweet', 'unfollow', 'unlike', 'unretweet'] as const),
]
const OFTEN = ['like', 'like', 'unlike', 'follow', 'edit', 'read'] as const

const action = fc.record({
  type: fc.constantFrom(...ACTIONS, ...OFTEN),
  who: fc.nat(USERS - 1),
  whom: fc.nat(USERS),
  what: fc.nat(TWEETS - 1),
})
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never

interface Scene {
  /** Of those who act; what their own timelines are told of marks is in `told`, too. */
  deps: Deps
  users: UserId[]
  /** A private one, who does nothing. */
  shy: UserId
  /** What can be acted on: of what is written, the newest takes the place of another. */
  tweets: { id: TweetId; author: UserId }[]
  told: Map<UserId, Telling[]>
  /** What somebody who marked was answered. */
  answered: { user: UserId; version: number; count: number }[]
}

const plain = { isSensitive: false, replyToId: null, quoteTweetId: null, poll: null, idempotencyKey: null }

/** Beside those who act there are a private one, whom they ask to follow, and one who asked to be told of all tweets. */
async function newScene(): Promise<Scene> {
  const users = await people.addUsers(USERS)
  const [shy, fan] = [await people.addUser({ is_private: true }), await people.addUser()]
  await database.pool.query(`insert into timelines (user_id, epoch) select unnest($1::bigint[]), 1`, [
    [...users, shy, fan],
  ])
  const { deps: plainDeps } = depsOn(db)
  const ample = { likesPerDay: 1_000_000, followsPerDay: 1_000_000, tweetsPer3Hours: 1_000_000 }
  const deps = { ...plainDeps, settings: { ...plainDeps.settings, ...ample } }
  for (const user of users) {
    await followUser(deps, viewerOf(fan), { ref: { id: user }, claimedId: null })
    await settleFollow(deps, viewerOf(fan), { id: user }, { notify: true })
  }
  const scene: Scene = { deps, users, shy, tweets: [], told: new Map(), answered: [] }
  for (const author of users.slice(0, TWEETS)) {
    const { id } = await publishTweet(scene.deps, viewerOf(author), { ...plain, content: 'a tweet' })
    scene.tweets.push({ id: id as TweetId, author })
  }
  return scene
}

async function act(scene: Scene, { type, who, whom, what }: Action): Promise<unknown> {
  const { deps, users, shy, tweets } = scene
  const [tweet, user, other] = [tweets[what], users[who], users[whom] ?? shy]
  if (tweet === undefined || user === undefined) throw new Error('Nobody, or nothing')
  const [viewer, author] = [viewerOf(user), viewerOf(tweet.author)]
  const content = `${type} @user_${other - 1_000_000}`
  const write = async (changes: Partial<typeof plain> | object) => {
    const { id } = await publishTweet(deps, viewer, { ...plain, content, ...changes })
    tweets[what] = { id: id as TweetId, author: user }
  }
  switch (type) {
    case 'like':
      return likeTweet(deps, viewer, tweet.id)
    case 'unlike':
      return unlikeTweet(deps, viewer, tweet.id)
    case 'retweet':
      return retweetTweet(deps, viewer, tweet.id)
    case 'unretweet':
      return undoRetweet(deps, viewer, tweet.id)
    case 'follow':
      return followUser(deps, viewer, { ref: { id: other }, claimedId: null })
    case 'unfollow':
      return unfollowUser(deps, viewer, { ref: { id: other }, claimedId: null })
    case 'reply':
      return write({ replyToId: tweet.id })
    case 'quote':
      return write({ quoteTweetId: tweet.id })
    case 'both':
      return write({ replyToId: tweet.id, quoteTweetId: tweet.id })
    case 'mention':
      return write({})
    case 'edit':
      return editTweet(deps, author, { id: tweet.id, content: who % 2 === 0 ? content : `nobody ${who}` })
    case 'delete':
      // One in four: more and there would be nothing left to act on.
      return who % 4 === 0 && deleteTweet(deps, author, tweet.id)
    case 'read':
      return mark(scene, user, 'one', what)
    case 'read-all':
      return mark(scene, user, 'all', what)
  }
}

/** Marks one of their newest, or all as far as one of them. */
async function mark(scene: Scene, user: UserId, which: 'one' | 'all', nth: number): Promise<void> {
  const { rows } = await database.pool.query<{ id: number }>(
    'select id::float8 as id from notifications where user_id = $1 order by id desc limit 1 offset $2',
    [user, nth],
  )
  const id = rows[0]?.id
  if (id === undefined) return
  const { version, unread_count: count } = await (which === 'one'
    ? readNotification(scene.deps, viewerOf(user), id)
    : readAllNotifications(scene.deps, viewerOf(user), id))
  scene.answered.push({ user, version, count })
}

/** An action may be refused for what others did meanwhile; it may not fail. */
async function isDone(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    (error: unknown) => {
      if (error instanceof AppError && error.status < 500) return false
      throw error
    },
  )
}

const isChance = (of: number) => Math.random() < of
const shuffled = <Item>(items: readonly Item[]): Item[] =>
  items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)

/** What consumes: its timelines remember what they are told, and some calls fail before or after that. */
function consumerOf({ deps, told }: Scene, isFaulty: boolean): Deps {
  const mayFail = () => {
    if (isFaulty && isChance(0.05)) throw new Error('The object was reset')
  }
  const kind = Math.random()
  const dying = !isFaulty || kind > 0.2 ? db : dyingBefore(kind > 0.1 ? 'write' : 'settle', db)
  return {
    ...deps,
    db: dying,
    timeline: (user) => ({
      ...deps.timeline(user),
      apply: async (ops) => {
        mayFail()
        told.set(user, [...(told.get(user) ?? []), ...(ops as Telling[])])
        mayFail()
        return { ok: true, state: 'warm' }
      },
    }),
  }
}

/** Takes what is owed in any order, some of it twice, and together with the other consumers, until all has been done. */
async function consumeMeanwhile(scene: Scene, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const owed = shuffled(await notificationsOwed(database.pool)).slice(0, 12)
    const batch = isChance(0.3) ? [...owed, ...owed.slice(0, 2)] : owed
    await consumeRows(consumerOf(scene, true), batch, isChance(0.2)).catch((error: unknown) => {
      if (!String(error).includes('Killed')) throw error
    })
    if (owed.length === 0) await sleep(2)
  }
}

/** Whether the last word on each notification, by the inbox's version, is what holds, and so of the count. */
async function wrongWords({ told, answered, users }: Scene): Promise<unknown[]> {
  const { rows } = await database.pool.query<{ id: number; user: UserId; there: boolean }>(
    `select id::float8 as id, user_id::float8 as user, withdrawn_at is null as there
     from notifications where user_id = any($1)`,
    [users],
  )
  const { rows: inboxes } = await database.pool.query<{ user: UserId; count: number }>(
    'select user_id::float8 as user, unread_count as count from notification_inboxes where user_id = any($1)',
    [users],
  )
  const words = [...told].flatMap(([user, tellings]) =>
    tellings.flatMap((telling) => {
      if (telling.type === 'notification') {
        return [{ user, id: telling.notification.id, there: true, unread: telling.unread }]
      }
      if (telling.type !== 'notifications_withdrawn') return []
      return telling.ids.map((id) => ({ user, id, there: false, unread: telling.unread }))
    }),
  )
  const last = new Map<number, (typeof words)[number]>()
  for (const word of words) {
    if (word.unread.version >= (last.get(word.id)?.unread.version ?? 0)) last.set(word.id, word)
  }
  const untold = rows.filter(({ id, there }) => (last.get(id)?.there ?? false) !== there)
  const miscounted = inboxes.filter(({ user, count }) => {
    const said = [
      ...words.flatMap((word) => (word.user === user ? [word.unread] : [])),
      ...answered.filter((answer) => answer.user === user),
    ].sort((a, b) => b.version - a.version)
    return said[0] !== undefined && said[0].count !== count
  })
  return [...untold, ...miscounted]
}

/** It goes red without the locks of the inboxes, and without the claims on messages or their order. */
describe(`when ${USERS} people act at once, and ${CONSUMERS} consumers take what they owe twice, late, in any order and in parts`, () => {
  it(
    'there is what holds, counted and grouped, and the last word that was told of it is so',
    async () => {
      const done = new Set<string>()
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 150, maxLength: 250 }), async (actions) => {
          const scene = await newScene()
          let isOver = false
          const consumers = Array.from({ length: CONSUMERS }, () => consumeMeanwhile(scene, () => isOver))
          await atOnce(actions, ACTING_AT_ONCE, async (one) => {
            if (await isDone(act(scene, one))) done.add(one.type)
          })
          isOver = true
          await Promise.all(consumers)
          await consumeAll(database.pool, consumerOf(scene, false))
          expect((await database.pool.query(WRONG_NOTIFICATIONS)).rows).toEqual([])
          expect(await wrongWords(scene)).toEqual([])
        }),
        { numRuns: 4, endOnFailure: true },
      )
      expect([...done].sort()).toEqual([...ACTIONS])
      expect(await deadlocksIn(database.pool)).toBe(0)
    },
    TIMEOUT_MS,
  )
})
