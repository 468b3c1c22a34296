import type { Telling } from '../../../src/contracts/timeline.ts'
import { connect, type Db } from '../../../src/db/client.ts'
import { changePreferences } from '../../../src/db/statements/notifications.ts'
import type { TweetId, UserId } from '../../../src/domain/ids.ts'
import type { Audience, NotificationType } from '../../../src/domain/notifications.ts'
import { deleteTweet } from '../../../src/services/delete-tweet.ts'
import type { Deps } from '../../../src/services/deps.ts'
import { editTweet } from '../../../src/services/edit-tweet.ts'
import { followUser } from '../../../src/services/follow-user.ts'
import { likeTweet, unlikeTweet } from '../../../src/services/like-tweet.ts'
import { retweetTweet, undoRetweet } from '../../../src/services/retweet-tweet.ts'
import { unfollowUser } from '../../../src/services/unfollow-user.ts'
import { type Community, communityIn } from './community.ts'
import { depsOn, type Told, viewerOf } from './deps.ts'
import {
  consumeAll,
  inboxOf,
  notificationsOwed,
  type OwedRow,
  pushRowsOwed,
  unreadOf,
} from './notifications.ts'
import { startTestDatabase, type TestDatabase } from './postgres.ts'
import { addTweet, publish } from './tweets.ts'

/** People who do things to each other, and what comes of it, in a database of its own. */
export interface NotificationScene {
  database: TestDatabase
  people: Community
  db: Db
  deps: Deps
  told: Told
  stop(): Promise<void>
  /** What the outbox owes to the notifications' queue, oldest first. */
  owed(): Promise<OwedRow[]>
  /** The same to the pushes' queue. */
  pushesOwed(): Promise<OwedRow[]>
  /** Nothing is owed any more. */
  settle(): Promise<void>
  /** Their timelines take what is told. */
  warm(...users: UserId[]): Promise<void>
  tellingsTo(user: UserId): Telling[]
  /** The ids of the notifications that they were told of, as often as they were. */
  newsTo(user: UserId): number[]
  /** Gives them a browser that can be pushed to. */
  subscribe(...users: UserId[]): Promise<void>
  /** What somebody has been notified of and holds, newest first: type, actor, tweet. */
  inboxOf(user: UserId): Promise<[NotificationType, UserId, TweetId | null][]>
  unreadOf(user: UserId): Promise<number>
  /** The `@name` of somebody. */
  nameOf(user: UserId): string
  prefer(user: UserId, preferences: Partial<Record<NotificationType, Audience>>): Promise<unknown>

  /** A tweet that was there before. */
  tweetOf(author: UserId): Promise<TweetId>
  /** A tweet that is published now, so that it can be edited. */
  publish(author: UserId, content: string, changes?: Parameters<typeof publish>[3]): Promise<TweetId>
  edit(author: UserId, id: TweetId, content: string): Promise<unknown>
  remove(author: UserId, id: TweetId): Promise<unknown>
  like(who: UserId, tweet: TweetId): Promise<unknown>
  unlike(who: UserId, tweet: TweetId): Promise<unknown>
  retweet(who: UserId, tweet: TweetId): Promise<unknown>
  unretweet(who: UserId, tweet: TweetId): Promise<unknown>
  follow(who: UserId, whom: UserId): Promise<unknown>
  unfollow(who: UserId, whom: UserId): Promise<unknown>

  /** A tweet of somebody whose timeline is warm, liked by another; that is owed. */
  likedTweet(): Promise<{ author: UserId; other: UserId; tweet: TweetId }>
  /** An author, and so many who asked to be told of their tweets, by id, with warm timelines. */
  subscribed(count: number): Promise<{ author: UserId; fans: UserId[] }>
}

/** The scene's world, but that calls of these timelines fail, for as long as it is wanted. */
export function failingFor({ deps }: NotificationScene, isFailing: (user: UserId) => boolean): Deps {
  return {
    ...deps,
    timeline: (user) => ({
      ...deps.timeline(user),
      apply: (ops) =>
        isFailing(user) ? Promise.reject(new Error('The object was reset')) : deps.timeline(user).apply(ops),
    }),
  }
}

const AMPLE = { likesPerDay: 1_000_000, followsPerDay: 1_000_000, tweetsPer3Hours: 1_000_000 }

export async function openScene(): Promise<NotificationScene> {
  const database = await startTestDatabase()
  const { pool } = database
  const people = communityIn(pool)
  const db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  const { deps: world, told } = depsOn(db)
  const deps = { ...world, settings: { ...world.settings, ...AMPLE } }
  /** What they do tells their own timelines of it, too; what these are told here is not looked at. */
  const acting = { ...deps, timeline: depsOn(db).deps.timeline }
  let moment = Date.now()
  const scene: NotificationScene = {
    database,
    people,
    db,
    deps,
    told,
    stop: () => database.stop(),
    owed: () => notificationsOwed(pool),
    pushesOwed: () => pushRowsOwed(pool),
    settle: () => consumeAll(pool, deps),
    async warm(...users) {
      await pool.query('insert into timelines (user_id, epoch) select unnest($1::bigint[]), 1', [users])
    },
    tellingsTo: (user) => (told.timelines.get(user) ?? []) as Telling[],
    newsTo: (user) =>
      scene
        .tellingsTo(user)
        .flatMap((telling) => (telling.type === 'notification' ? [telling.notification.id] : [])),
    async subscribe(...users) {
      for (const user of users) {
        const session = crypto.randomUUID()
        await pool.query(
          `insert into sessions (id, user_id, token_hash, expires_at) values ($1, $2, '', now() + interval '1 day')`,
          [session, user],
        )
        await pool.query(
          `insert into push_subscriptions (user_id, session_id, endpoint, p256dh, auth) values ($1, $2, $3, '', '')`,
          [user, session, `https://push.example/${session}`],
        )
      }
    },
    inboxOf: (user) => inboxOf(pool, user),
    unreadOf: (user) => unreadOf(pool, user),
    nameOf: (user) => `@user_${user - 1_000_000}`,
    prefer: (user, preferences) => changePreferences(db, user, preferences),

    tweetOf: (author) => addTweet(pool, author),
    publish(author, content, changes = {}) {
      moment += 1
      return publish(db, author, content, { createdAtMs: moment, ...changes })
    },
    edit: (author, id, content) => editTweet(acting, viewerOf(author), { id, content }),
    remove: (author, id) => deleteTweet(acting, viewerOf(author), id),
    like: (who, tweet) => likeTweet(acting, viewerOf(who), tweet),
    unlike: (who, tweet) => unlikeTweet(acting, viewerOf(who), tweet),
    retweet: (who, tweet) => retweetTweet(acting, viewerOf(who), tweet),
    unretweet: (who, tweet) => undoRetweet(acting, viewerOf(who), tweet),
    follow: (who, whom) => followUser(acting, viewerOf(who), { ref: { id: whom }, claimedId: null }),
    unfollow: (who, whom) => unfollowUser(acting, viewerOf(who), { ref: { id: whom }, claimedId: null }),

    async likedTweet() {
      const [author, other] = await people.addUsers(2)
      if (author === undefined || other === undefined) throw new Error('Nobody is there')
      await scene.warm(author)
      const tweet = await scene.tweetOf(author)
      await scene.like(other, tweet)
      return { author, other, tweet }
    },
    async subscribed(count) {
      const author = await people.addUser()
      const fans = await people.addUsers(count)
      await pool.query(
        'insert into follows (follower_id, following_id, notify) select unnest($1::bigint[]), $2, true',
        [fans, author],
      )
      await scene.warm(...fans)
      return { author, fans: fans.toSorted((a, b) => a - b) }
    },
  }
  return scene
}
