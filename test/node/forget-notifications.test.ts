import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forgetNotifications, readForgettable } from '../../src/db/statements/forget-notifications.ts'
import type { UserId } from '../../src/domain/ids.ts'
import { forgetWithdrawn } from '../../src/services/forget-withdrawn.ts'
import { until } from '../../tools/stack/until.ts'
import { inTransaction, waitingIn } from './harness/community.ts'
import { type NotificationScene, openScene } from './harness/notification-scene.ts'
import { WRONG_NOTIFICATIONS } from './harness/wrong-notifications.ts'

let scene: NotificationScene

beforeAll(async () => {
  scene = await openScene()
})

afterAll(() => scene.stop())

/** A day later: all that was withdrawn was so the day before. */
const aDayLater = () =>
  scene.database.pool.query(`update notifications set withdrawn_at = withdrawn_at - interval '25 hours'`)

const rowsOf = async (table: 'notifications' | 'notification_groups', user: UserId) =>
  (await scene.database.pool.query(`select from ${table} where user_id = $1`, [user])).rowCount

describe('what was withdrawn', () => {
  it('is kept for a day, and then forgotten with the groups that are left empty', async () => {
    const { author, other, tweet } = await scene.likedTweet()
    const third = await scene.people.addUser()
    const another = await scene.tweetOf(author)
    await scene.like(third, tweet)
    await scene.like(third, another)
    await scene.follow(third, author)
    await scene.settle()
    for (const undo of [
      scene.unlike(other, tweet),
      scene.unlike(third, another),
      scene.unfollow(third, author),
    ]) {
      await undo
    }
    await scene.settle()
    expect(await forgetWithdrawn(scene.deps)).toBe(0)
    expect(await rowsOf('notifications', author)).toBe(4)

    await aDayLater()
    expect(await forgetWithdrawn(scene.deps)).toBe(3)
    expect(await scene.inboxOf(author)).toEqual([['like', third, tweet]])
    expect(await rowsOf('notifications', author)).toBe(1)
    expect(await rowsOf('notification_groups', author)).toBe(1)
    expect((await scene.database.pool.query(WRONG_NOTIFICATIONS)).rows).toEqual([])
  })

  it('comes back as new when it is done again after that', async () => {
    const { author, other, tweet } = await scene.likedTweet()
    await scene.settle()
    await scene.unlike(other, tweet)
    await scene.settle()
    await aDayLater()
    await forgetWithdrawn(scene.deps)
    await scene.like(other, tweet)
    await scene.settle()
    expect(new Set(scene.newsTo(author)).size).toBe(2)
    expect(await scene.unreadOf(author)).toBe(1)
  })

  it('is not forgotten when it is just being done again', async () => {
    const { author, other, tweet } = await scene.likedTweet()
    await scene.settle()
    await scene.unlike(other, tweet)
    await scene.settle()
    await aDayLater()
    const forgettable = await readForgettable(scene.db, 10)
    expect(forgettable).toHaveLength(1)
    await scene.like(other, tweet)
    const lock = { text: 'select from notifications where user_id = $1 for update', values: [author] }
    const both: Promise<unknown>[] = []
    await inTransaction(scene.database.pool, [lock], async () => {
      both.push(forgetNotifications(scene.db, forgettable))
      expect(
        await until(async () => (await waitingIn(scene.database.pool)) === 1, { withinMs: 10_000 }),
      ).toBe(true)
      both.push(scene.settle())
      expect(
        await until(async () => (await waitingIn(scene.database.pool)) === 2, { withinMs: 10_000 }),
      ).toBe(true)
    })
    await Promise.all(both)
    expect(await scene.inboxOf(author)).toEqual([['like', other, tweet]])
    expect(await scene.unreadOf(author)).toBe(1)
  })
})
