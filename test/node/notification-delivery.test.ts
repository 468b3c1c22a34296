import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { pushEvent } from '../../src/contracts/queues.ts'
import type { TimelineOp } from '../../src/contracts/timeline.ts'
import type { UserId } from '../../src/domain/ids.ts'
import type { Deps } from '../../src/services/deps.ts'
import { failingFor, type NotificationScene, openScene } from './harness/notification-scene.ts'
import { consumeRows, dyingBefore, type OwedRow } from './harness/notifications.ts'

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

/** A world in which these have so many sockets open. */
function listening(sockets: ReadonlyMap<UserId, number>): Deps {
  return {
    ...scene.deps,
    timeline: (user) => ({
      ...scene.deps.timeline(user),
      apply: async () => ({ ok: true, state: 'warm', sockets: sockets.get(user) ?? 0 }),
    }),
  }
}

/** Whom pushes are owed to, and of which notification, by whom. */
const pushesIn = (rows: readonly OwedRow[]): [UserId, number][] =>
  rows
    .flatMap(({ message }): [UserId, number][] => {
      const event = pushEvent.parse(message)
      return [[event.user_id as UserId, event.id]]
    })
    .toSorted(([one], [other]) => one - other)

describe('a message', () => {
  it('that is delivered twice at once is one notification, told, and one push', async () => {
    for (let round = 0; round < 5; round++) {
      const { author } = await scene.likedTweet()
      await scene.subscribe(author)
      const rows = await scene.owed()
      await Promise.all([consumeRows(scene.deps, rows), consumeRows(scene.deps, rows)])
      expect(await scene.inboxOf(author)).toHaveLength(1)
      expect(await scene.unreadOf(author)).toBe(1)
      expect(new Set(scene.newsTo(author)).size).toBe(1)
      expect(pushesIn(await scene.pushesOwed()).filter(([user]) => user === author)).toHaveLength(1)
      await scene.settle()
    }
  })

  it('that stands in a batch twice is planned once', async () => {
    const { author, fans } = await scene.subscribed(60)
    await scene.publish(author, 'news')
    const rows = await scene.owed()
    expect(await consumeRows(scene.deps, [...rows, ...rows])).toMatchObject({ retried: [] })
    expect(await scene.owed()).toEqual([])
    for (const fan of fans) expect(scene.newsTo(fan)).toHaveLength(1)
  })

  it('is done when its outbox row is gone', async () => {
    const { author } = await scene.likedTweet()
    const rows = await scene.owed()
    await scene.database.pool.query('delete from outbox')
    expect(await consumeRows(scene.deps, rows)).toEqual({ acked: idsOf(rows), retried: [] })
    expect(await scene.inboxOf(author)).toEqual([])
  })

  it.each([
    ['as they came', (rows: OwedRow[]) => rows],
    ['in reverse', (rows: OwedRow[]) => rows.toReversed()],
  ])('of what was done and undone tells what holds, %s', async (_, order) => {
    const { author, other, tweet } = await scene.likedTweet()
    await scene.unlike(other, tweet)
    await scene.like(other, tweet)
    await scene.unlike(other, tweet)
    for (const row of order(await scene.owed())) await consumeRows(scene.deps, [row])
    expect(await scene.inboxOf(author)).toEqual([])
    expect(await scene.unreadOf(author)).toBe(0)
    expect(await scene.owed()).toEqual([])
  })
})

describe('a consumer that is killed', () => {
  it('before it writes has done nothing', async () => {
    const { author } = await scene.likedTweet()
    const rows = await scene.owed()
    const killed = { ...scene.deps, db: dyingBefore('write', scene.db) }
    expect(await consumeRows(killed, rows)).toEqual({ acked: [], retried: idsOf(rows) })
    expect(await scene.inboxOf(author)).toEqual([])
    await consumeRows(scene.deps, rows)
    expect(await scene.inboxOf(author)).toHaveLength(1)
    expect(await scene.owed()).toEqual([])
  })

  it('between writing and telling leaves it to the next try to tell, once counted', async () => {
    const { author } = await scene.likedTweet()
    const rows = await scene.owed()
    expect(
      await consumeRows(
        failingFor(scene, () => true),
        rows,
      ),
    ).toEqual({ acked: [], retried: idsOf(rows) })
    expect(await scene.unreadOf(author)).toBe(1)
    expect(scene.newsTo(author)).toEqual([])
    expect(await consumeRows(scene.deps, rows, true)).toEqual({ acked: idsOf(rows), retried: [] })
    expect(scene.newsTo(author)).toHaveLength(1)
    expect(await scene.unreadOf(author)).toBe(1)
    expect(await scene.owed()).toEqual([])
  })

  it.each([
    ['by the queue', true],
    ['by the relay, as if it were new', false],
  ])('between telling and settling has it told again when it comes again, %s', async (_, again) => {
    const { author } = await scene.likedTweet()
    await scene.subscribe(author)
    const rows = await scene.owed()
    const killed = { ...scene.deps, db: dyingBefore('settle', scene.db) }
    expect(await consumeRows(killed, rows)).toEqual({ acked: [], retried: idsOf(rows) })
    expect(await scene.owed()).toHaveLength(1)
    await consumeRows(scene.deps, rows, again)
    const [first, second] = scene.newsTo(author)
    expect(second).toBe(first)
    expect(await scene.unreadOf(author)).toBe(1)
    expect(pushesIn(await scene.pushesOwed())).toEqual([[author, first]])
  })

  it('when it has withdrawn something has that told again, too', async () => {
    const { author, other, tweet } = await scene.likedTweet()
    await scene.settle()
    await scene.unlike(other, tweet)
    const rows = await scene.owed()
    await consumeRows(
      failingFor(scene, () => true),
      rows,
    )
    await consumeRows(scene.deps, rows)
    expect(scene.tellingsTo(author).at(-1)).toMatchObject({
      type: 'notifications_withdrawn',
      ids: scene.newsTo(author),
      unread: { count: 0 },
    })
  })

  it('while another has the same message has not had it done by the other’s word', async () => {
    const { author, other, tweet } = await scene.likedTweet()
    const rows = await scene.owed()
    // The like is taken back while the first tells of it; the second withdraws it and is killed.
    const first = {
      ...scene.deps,
      timeline: (user: UserId) => ({
        ...scene.deps.timeline(user),
        apply: async (ops: TimelineOp[]) => {
          await scene.unlike(other, tweet)
          await consumeRows(
            failingFor(scene, () => true),
            rows,
          )
          return scene.deps.timeline(user).apply(ops)
        },
      }),
    }
    await consumeRows(first, rows)
    expect(idsOf(await scene.owed())).toEqual(expect.arrayContaining(idsOf(rows)))
    await consumeRows(scene.deps, rows)
    expect(scene.tellingsTo(author).at(-1)).toMatchObject({ type: 'notifications_withdrawn' })
    await scene.settle()
  })
})

describe('what is told again', () => {
  it('is not what one no longer wants to know', async () => {
    const { author, other } = await scene.likedTweet()
    const rows = await scene.owed()
    await consumeRows(
      failingFor(scene, () => true),
      rows,
    )
    await scene.people.add('blocks', author, other)
    await consumeRows(scene.deps, rows, true)
    expect(scene.newsTo(author)).toEqual([])
    expect(await scene.owed()).toEqual([])
  })

  it('knows what was read meanwhile', async () => {
    const { author } = await scene.likedTweet()
    const rows = await scene.owed()
    await consumeRows(
      failingFor(scene, () => true),
      rows,
    )
    await scene.database.pool.query(
      'update notification_inboxes set read_up_to_id = 1000000, unread_count = 0',
    )
    await consumeRows(scene.deps, rows, true)
    const [telling] = scene.tellingsTo(author)
    if (telling?.type !== 'notification') throw new Error('Nothing was told')
    expect(JSON.parse(telling.notification.json)).toMatchObject({ is_read: true })
    expect(telling.unread.count).toBe(0)
    await scene.database.pool.query('update notification_inboxes set read_up_to_id = 0')
  })

  it('is all, where one of several messages about it comes again', async () => {
    const { author, other, tweet } = await scene.likedTweet()
    const rows = await scene.owed()
    await consumeRows(
      failingFor(scene, () => true),
      rows,
    )
    await scene.unlike(other, tweet)
    await scene.like(other, tweet)
    await scene.settle()
    expect(new Set(scene.newsTo(author)).size).toBe(1)
    expect(scene.tellingsTo(author).at(-1)).toMatchObject({ type: 'notification', unread: { count: 1 } })
  })
})

describe('a recipient whose timeline fails', () => {
  it('keeps back nobody else of an audience, nor their pushes, and is told when it answers again', async () => {
    const { author, fans } = await scene.subscribed(5)
    const [failing, pushed, ...others] = fans as [UserId, UserId, ...UserId[]]
    await scene.subscribe(failing, pushed)
    await scene.publish(author, 'news')
    const rows = await scene.owed()
    const broken = failingFor(scene, (user) => user === failing)
    expect(await consumeRows(broken, rows)).toEqual({ acked: idsOf(rows), retried: [] })
    for (const fan of [pushed, ...others]) expect(scene.newsTo(fan)).toHaveLength(1)
    const left = await scene.owed()
    expect(pushesIn(await scene.pushesOwed()).map(([user]) => user)).toEqual([pushed])
    expect(left.map(({ message }) => Object(message).from_user ?? null).filter((id) => id !== null)).toEqual([
      failing,
    ])

    const own = left.filter(({ message }) => Object(message).type === 'audience')
    expect(await consumeRows(broken, own)).toEqual({ acked: [], retried: idsOf(own) })
    expect(await consumeRows(scene.deps, own, true)).toEqual({ acked: idsOf(own), retried: [] })
    expect(scene.newsTo(failing)).toHaveLength(1)
    for (const fan of [pushed, ...others]) expect(scene.newsTo(fan)).toHaveLength(1)
    expect(pushesIn(await scene.pushesOwed()).map(([user]) => user)).toEqual([failing, pushed])
  })

  it('has its message come again, and the others of the batch be done', async () => {
    const { author } = await scene.likedTweet()
    const { author: another } = await scene.likedTweet()
    const [first, second] = await scene.owed()
    expect(
      await consumeRows(
        failingFor(scene, (user) => user === author),
        await scene.owed(),
      ),
    ).toEqual({
      acked: [second?.id],
      retried: [first?.id],
    })
    expect(scene.newsTo(another)).toHaveLength(1)
    await scene.settle()
  })
})

describe('a push', () => {
  it('is owed to those who subscribed and have no socket open, warm or cold, once', async () => {
    const { author, fans } = await scene.subscribed(4)
    const [online, offline, cold, without] = fans as [UserId, UserId, UserId, UserId]
    await scene.subscribe(online, offline, cold)
    await scene.database.pool.query('delete from timelines where user_id = $1', [cold])
    await scene.publish(author, 'news')
    const rows = await scene.owed()
    const deps = listening(
      new Map([
        [online, 2],
        [without, 1],
      ]),
    )
    await consumeRows(deps, rows)
    const pushes = await scene.pushesOwed()
    expect(pushesIn(pushes).map(([user]) => user)).toEqual([offline, cold])
    expect(pushes).toHaveLength(2)
    await consumeRows(deps, rows, true)
    expect(await scene.pushesOwed()).toEqual(pushes)
  })

  it('is not owed again for what is taken back and done again', async () => {
    const { author, other, tweet } = await scene.likedTweet()
    await scene.subscribe(author)
    await scene.settle()
    await scene.unlike(other, tweet)
    await consumeRows(scene.deps, await scene.owed())
    await scene.like(other, tweet)
    await consumeRows(scene.deps, await scene.owed())
    expect(await scene.inboxOf(author)).toHaveLength(1)
    expect(await scene.owed()).toEqual([])
  })
})
