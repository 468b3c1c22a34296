import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { markAllNotificationsRead } from '../../src/db/statements/notifications.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { until } from '../../tools/stack/until.ts'
import { inTransaction, waitingIn } from './harness/community.ts'
import { deadlocksIn } from './harness/endpoint.ts'
import { type NotificationScene, openScene } from './harness/notification-scene.ts'
import { consumeRows, type OwedRow } from './harness/notifications.ts'
import { WRONG_NOTIFICATIONS } from './harness/wrong-notifications.ts'

let scene: NotificationScene

beforeAll(async () => {
  scene = await openScene()
})

afterAll(() => scene.stop())
afterEach(async () => {
  await scene.database.pool.query('delete from outbox')
  scene.told.timelines.clear()
})

const idsOf = (rows: readonly OwedRow[]) => rows.map(({ id }) => id)

/**
 * Consumes what tells somebody of something, held up when it is stored and not yet committed, then does something and
 * consumes what that owes, which has to wait.
 */
async function consumeOnceToldMeanwhile(user: UserId, happens: () => Promise<unknown>): Promise<void> {
  const telling = await scene.owed()
  const lock = { text: 'select from users where id = $1 for update', values: [user] }
  const consumed: Promise<unknown>[] = []
  await inTransaction(scene.database.pool, [lock], async () => {
    consumed.push(consumeRows(scene.deps, telling))
    expect(await until(async () => (await waitingIn(scene.database.pool)) === 1, { withinMs: 10_000 })).toBe(
      true,
    )
    await happens()
    const rows = (await scene.owed()).filter(({ id }) => !idsOf(telling).includes(id))
    consumed.push(consumeRows(scene.deps, rows))
    expect(await until(async () => (await waitingIn(scene.database.pool)) === 2, { withinMs: 10_000 })).toBe(
      true,
    )
  })
  await Promise.all(consumed)
  await scene.settle()
}

describe('while somebody is being told of a tweet', () => {
  it('its deletion waits, and withdraws that, too', async () => {
    const { author, other, tweet } = await scene.likedTweet()
    await consumeOnceToldMeanwhile(other, () => scene.remove(author, tweet))
    expect(await scene.inboxOf(author)).toEqual([])
    expect(await scene.unreadOf(author)).toBe(0)
    expect(scene.tellingsTo(author).at(-1)).toMatchObject({ type: 'notifications_withdrawn' })
  })

  it('an edit that drops a mention waits, and withdraws it', async () => {
    const [author, named] = (await scene.people.addUsers(2)) as [UserId, UserId]
    await scene.warm(named)
    await scene.prefer(named, {})
    const tweet = await scene.publish(author, 'hello')
    await scene.edit(author, tweet, `hello ${scene.nameOf(named)}`)
    await consumeOnceToldMeanwhile(named, () => scene.edit(author, tweet, 'hello again'))
    expect(await scene.inboxOf(named)).toEqual([])
    expect(await scene.unreadOf(named)).toBe(0)
    expect(scene.tellingsTo(named).at(-1)).toMatchObject({ type: 'notifications_withdrawn' })
  })

  it('who takes it back waits, and withdraws it', async () => {
    const { author, other, tweet } = await scene.likedTweet()
    await scene.prefer(author, {})
    await consumeOnceToldMeanwhile(other, () => scene.unlike(other, tweet))
    expect(await scene.inboxOf(author)).toEqual([])
    expect(await scene.unreadOf(author)).toBe(0)
  })
})

describe('batches that concern the same people', () => {
  it('wait for each other, whatever their order, and for marks and deletions, without a deadlock', async () => {
    const fans = await scene.people.addUsers(40)
    const authors = await scene.people.addUsers(8)
    for (const author of authors) {
      const order = fans.toSorted(() => Math.random() - 0.5)
      for (const fan of order) await scene.people.add('follows', fan, author, { notify: true })
    }
    const tweets = await Promise.all(authors.map((author) => scene.publish(author, 'news')))
    for (const [n, fan] of fans.entries()) await scene.like(fan, tweets[n % tweets.length] as TweetId)
    const rows = await scene.owed()
    const batches = authors.map((_, n) => rows.filter((_row, place) => place % authors.length === n))
    const shuffled = batches.map((batch) => batch.toSorted(() => Math.random() - 0.5))
    for (const fan of fans) await scene.prefer(fan, {})
    // All of them have begun when the first may go on.
    const last = {
      text: 'select from notification_inboxes where user_id = $1 for update',
      values: [fans.at(-1)],
    }
    const consumed: Promise<unknown>[] = []
    await inTransaction(scene.database.pool, [last], async () => {
      consumed.push(...shuffled.map((batch) => consumeRows(scene.deps, batch)))
      const haveBegun = async () => (await waitingIn(scene.database.pool)) === shuffled.length
      expect(await until(haveBegun, { withinMs: 10_000 })).toBe(true)
    })
    await Promise.all([
      ...consumed,
      ...shuffled.map((batch) => consumeRows(scene.deps, batch.toReversed(), true)),
      ...fans.map((fan) => markAllNotificationsRead(scene.db, fan, null)),
      ...authors.slice(0, 3).map((author, n) => scene.remove(author, tweets[n] as TweetId)),
    ])
    await Promise.all([scene.settle(), scene.settle()])
    await scene.settle()
    const { rows: wrong } = await scene.database.pool.query(WRONG_NOTIFICATIONS)
    const concerned = new Set<unknown>([...fans, ...authors])
    expect(wrong.filter(({ what }) => concerned.has(what.user_id) && what.type !== 'follow')).toEqual([])
    expect(await deadlocksIn(scene.database.pool)).toBe(0)
  })

  it('and the same tweets, too', async () => {
    const [author, ...fans] = (await scene.people.addUsers(9)) as [UserId, ...UserId[]]
    const tweets = await Promise.all(Array.from({ length: 20 }, () => scene.tweetOf(author)))
    for (const fan of fans) await Promise.all(tweets.map((tweet) => scene.like(fan, tweet)))
    const likes = await scene.owed()
    for (const tweet of tweets) await scene.remove(author, tweet)
    const deletions = (await scene.owed()).filter(({ id }) => !idsOf(likes).includes(id))
    const byFan = fans.map((_, n) => likes.slice(n * tweets.length, (n + 1) * tweets.length))
    const consumed: Promise<unknown>[] = []
    const last = {
      text: `select pg_advisory_xact_lock(max(hashtextextended('notified:' || id, 0))) from unnest($1::bigint[]) id`,
      values: [tweets],
    }
    await inTransaction(scene.database.pool, [last], async () => {
      consumed.push(...[deletions, ...byFan].map((batch) => consumeRows(scene.deps, batch)))
      const haveBegun = async () => (await waitingIn(scene.database.pool)) === consumed.length
      expect(await until(haveBegun, { withinMs: 10_000 })).toBe(true)
    })
    await Promise.all(consumed)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([])
    expect(await scene.unreadOf(author)).toBe(0)
    expect(await deadlocksIn(scene.database.pool)).toBe(0)
  })
})
