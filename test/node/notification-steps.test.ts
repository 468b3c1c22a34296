import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { notificationEvent } from '../../src/contracts/queues.ts'
import type { Telling } from '../../src/contracts/timeline.ts'
import { splitAudience } from '../../src/db/statements/plan-notifications.ts'
import { failingFor, type NotificationScene, openScene } from './harness/notification-scene.ts'
import { consumeRows, dyingBefore } from './harness/notifications.ts'
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

async function countOf(condition: string, values: unknown[] = []): Promise<number | null> {
  return (await scene.database.pool.query(`select from notifications where ${condition}`, values)).rowCount
}

/** Each message is killed before it writes, then fails to be told, then is killed before it is settled, then done. */
async function consumeCutting(): Promise<void> {
  for (;;) {
    const [row] = await scene.owed()
    if (row === undefined) return
    const cut = (step: 'write' | 'settle') =>
      consumeRows({ ...scene.deps, db: dyingBefore(step, scene.db) }, [row]).catch(() => {})
    await cut('write')
    await consumeRows(
      failingFor(scene, (user) => user % 50 === 0),
      [row],
      true,
    )
    await cut('settle')
    const [left] = await scene.owed()
    if (left?.id === row.id) await consumeRows(scene.deps, [row], true)
  }
}

describe('what is done in steps', () => {
  it('goes on however often it is cut: an audience that is split, and its withdrawal', async () => {
    const { author, fans } = await scene.subscribed(350)
    const tweet = await scene.publish(author, 'news')
    await consumeCutting()
    for (const fan of fans) {
      expect(new Set(scene.newsTo(fan)).size).toBe(1)
      expect(await scene.unreadOf(fan)).toBe(1)
    }
    scene.told.timelines.clear()
    await scene.remove(author, tweet)
    await consumeCutting()
    for (const fan of fans) {
      expect(scene.tellingsTo(fan).at(-1)).toMatchObject({
        type: 'notifications_withdrawn',
        unread: { count: 0 },
      })
      expect(await scene.inboxOf(fan)).toEqual([])
    }
  })

  it('of a tweet with 1,200 likes withdraws them all, and tells its author of each', async () => {
    const { author, other, tweet } = await scene.likedTweet()
    const fans = await scene.people.addUsers(1200)
    await scene.database.pool.query('insert into likes (user_id, tweet_id) select unnest($1::bigint[]), $2', [
      fans,
      tweet,
    ])
    await scene.database.pool.query(
      `insert into outbox (queue, message, next_attempt_at)
       select 'notifications', jsonb_build_object('type', 'like_changed', 'v', 1, 'actor_id', id, 'tweet_id', $2::bigint), now()
       from unnest($1::bigint[]) id`,
      [fans, tweet],
    )
    await scene.settle()
    expect(await scene.unreadOf(author)).toBe(1201)
    scene.told.timelines.clear()

    await scene.remove(author, tweet)
    await consumeCutting()
    expect(await countOf('tweet_id = $1 and withdrawn_at is null', [tweet])).toBe(0)
    expect(await scene.unreadOf(author)).toBe(0)
    const withdrawn = scene
      .tellingsTo(author)
      .flatMap((telling: Telling) => (telling.type === 'notifications_withdrawn' ? telling.ids : []))
    expect(new Set(withdrawn).size).toBe(1201)
    await scene.like(other, tweet).catch(() => {})
    const { rows } = await scene.database.pool.query(WRONG_NOTIFICATIONS)
    expect(rows.filter(({ what }) => what.tweet_id === tweet)).toEqual([])
  })

  it('withdraws from no more people in a step than an audience has', async () => {
    const { author, fans } = await scene.subscribed(250)
    const tweet = await scene.publish(author, 'news')
    await scene.settle()
    await scene.remove(author, tweet)
    scene.told.timelines.clear()
    await consumeRows(scene.deps, await scene.owed())
    expect(fans.filter((fan) => scene.tellingsTo(fan).length > 0)).toHaveLength(100)
    await scene.settle()
    expect(await countOf('tweet_id = $1 and withdrawn_at is null', [tweet])).toBe(0)
  })

  it('is split once by two who try at once, though its parts cannot be sent', async () => {
    const { author, fans } = await scene.subscribed(201)
    await scene.publish(author, 'news')
    const rows = await scene.owed()
    const sendOutbox = () => Promise.reject(new Error('The queue is full'))
    const deps = { ...scene.deps, queues: { ...scene.deps.queues, sendOutbox } }
    await Promise.all([consumeRows(deps, rows), consumeRows(deps, rows)])
    expect(await scene.owed()).toHaveLength(3)
    await scene.settle()
    for (const fan of fans) expect(scene.newsTo(fan)).toHaveLength(1)
  })
})

describe('an audience larger than one split takes account of', () => {
  it('is split part by part, and everybody hears once', async () => {
    const { author, fans } = await scene.subscribed(350)
    await scene.publish(author, 'news')
    const [row] = await scene.owed()
    const event = notificationEvent.parse(row?.message)
    if (row === undefined || event.type !== 'audience') throw new Error('No audience is owed')
    const parts = await splitAudience(scene.db, { outbox_id: row.id, event }, 250)
    const last = parts.map(({ message }) => Object(message).to_user === event.to_user)
    expect(last).toEqual([false, false, false, true])
    await scene.settle()
    for (const fan of fans) expect(scene.newsTo(fan)).toHaveLength(1)
  })
})
