import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { notificationEvent } from '../../src/contracts/queues.ts'
import type { Telling, TimelineOp } from '../../src/contracts/timeline.ts'
import { markAllNotificationsRead } from '../../src/db/statements/notifications.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import type { Deps } from '../../src/services/deps.ts'
import { until } from '../../tools/stack/until.ts'
import { inTransaction } from './harness/community.ts'
import { deadlocksIn } from './harness/endpoint.ts'
import { type NotificationScene, openScene } from './harness/notification-scene.ts'
import { consumeRows, dyingBefore, notificationsOwed, type OwedRow } from './harness/notifications.ts'
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

const owed = () => notificationsOwed(scene.database.pool)
const idsOf = (rows: readonly OwedRow[]) => rows.map(({ id }) => id)

async function likedTweet(): Promise<{ author: UserId; other: UserId; tweet: TweetId }> {
  const [author, other] = await scene.people.addUsers(2)
  if (author === undefined || other === undefined) throw new Error('Nobody is there')
  await scene.warm(author)
  const tweet = await scene.tweetOf(author)
  await scene.like(other, tweet)
  return { author, other, tweet }
}

/** An author with so many who asked to be told of their tweets. */
async function subscribed(count: number): Promise<{ author: UserId; fans: UserId[] }> {
  const author = await scene.people.addUser()
  const fans = await scene.people.addUsers(count)
  await scene.database.pool.query(
    'insert into follows (follower_id, following_id, notify) select unnest($1::bigint[]), $2, true',
    [fans, author],
  )
  await scene.warm(...fans)
  return { author, fans: fans.toSorted((a, b) => a - b) }
}

/** A world in which calls of these timelines fail, for as long as it is wanted. */
function failingFor(isFailing: (user: UserId) => boolean): Deps {
  return {
    ...scene.deps,
    timeline: (user) => ({
      ...scene.deps.timeline(user),
      apply: (ops: TimelineOp[]) =>
        isFailing(user)
          ? Promise.reject(new Error('The object was reset'))
          : scene.deps.timeline(user).apply(ops),
    }),
  }
}

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
      const event = notificationEvent.parse(message)
      return event.type === 'push' ? [[event.user_id as UserId, event.id]] : []
    })
    .toSorted(([one], [other]) => one - other)

const newsTo = (user: UserId) =>
  scene
    .tellingsTo(user)
    .flatMap((telling) => (telling.type === 'notification' ? [telling.notification.id] : []))

async function countOf(condition: string, values: unknown[] = []): Promise<number | null> {
  return (await scene.database.pool.query(`select from notifications where ${condition}`, values)).rowCount
}

describe('a message', () => {
  it('that is delivered twice at once is one notification, told, and one push', async () => {
    for (let round = 0; round < 5; round++) {
      const { author } = await likedTweet()
      await scene.subscribe(author)
      const rows = await owed()
      await Promise.all([consumeRows(scene.deps, rows), consumeRows(scene.deps, rows)])
      expect(await scene.inboxOf(author)).toHaveLength(1)
      expect(await scene.unreadOf(author)).toBe(1)
      expect(new Set(newsTo(author)).size).toBe(1)
      expect(pushesIn(await owed())).toHaveLength(1)
      await scene.settle()
    }
  })

  it('that stands in a batch twice is planned once', async () => {
    const { author, fans } = await subscribed(60)
    await scene.publish(author, 'news')
    const rows = await owed()
    expect(await consumeRows(scene.deps, [...rows, ...rows])).toMatchObject({ retried: [] })
    expect(await owed()).toEqual([])
    for (const fan of fans) expect(newsTo(fan)).toHaveLength(1)
  })

  it('is done when its outbox row is gone', async () => {
    const { author } = await likedTweet()
    const rows = await owed()
    await scene.database.pool.query('delete from outbox')
    expect(await consumeRows(scene.deps, rows)).toEqual({ acked: idsOf(rows), retried: [] })
    expect(await scene.inboxOf(author)).toEqual([])
  })

  it.each([
    ['as they came', (rows: OwedRow[]) => rows],
    ['in reverse', (rows: OwedRow[]) => rows.toReversed()],
  ])('of what was done and undone tells what holds, %s', async (_, order) => {
    const { author, other, tweet } = await likedTweet()
    await scene.unlike(other, tweet)
    await scene.like(other, tweet)
    await scene.unlike(other, tweet)
    for (const row of order(await owed())) await consumeRows(scene.deps, [row])
    expect(await scene.inboxOf(author)).toEqual([])
    expect(await scene.unreadOf(author)).toBe(0)
    expect(await owed()).toEqual([])
  })
})

describe('a consumer that is killed', () => {
  it('before it writes has done nothing', async () => {
    const { author } = await likedTweet()
    const rows = await owed()
    await expect(consumeRows({ ...scene.deps, db: dyingBefore('write', scene.db) }, rows)).rejects.toThrow(
      'Killed',
    )
    expect(await scene.inboxOf(author)).toEqual([])
    await consumeRows(scene.deps, rows)
    expect(await scene.inboxOf(author)).toHaveLength(1)
    expect(await owed()).toEqual([])
  })

  it('between writing and telling leaves it to the next try to tell, once counted', async () => {
    const { author } = await likedTweet()
    const rows = await owed()
    expect(
      await consumeRows(
        failingFor(() => true),
        rows,
      ),
    ).toEqual({ acked: [], retried: idsOf(rows) })
    expect(await scene.unreadOf(author)).toBe(1)
    expect(newsTo(author)).toEqual([])
    expect(await consumeRows(scene.deps, rows, true)).toEqual({ acked: idsOf(rows), retried: [] })
    expect(newsTo(author)).toHaveLength(1)
    expect(await scene.unreadOf(author)).toBe(1)
    expect(await owed()).toEqual([])
  })

  it.each([
    ['by the queue', true],
    ['by the relay, as if it were new', false],
  ])('between telling and settling has it told again when it comes again, %s', async (_, again) => {
    const { author } = await likedTweet()
    await scene.subscribe(author)
    const rows = await owed()
    const killed = { ...scene.deps, db: dyingBefore('settle', scene.db) }
    await expect(consumeRows(killed, rows)).rejects.toThrow('Killed')
    expect(await owed()).toHaveLength(1)
    await consumeRows(scene.deps, rows, again)
    const [first, second] = newsTo(author)
    expect(second).toBe(first)
    expect(await scene.unreadOf(author)).toBe(1)
    expect(pushesIn(await owed())).toEqual([[author, first]])
  })

  it('when it has withdrawn something has that told again, too', async () => {
    const { author, other, tweet } = await likedTweet()
    await scene.settle()
    await scene.unlike(other, tweet)
    const rows = await owed()
    await consumeRows(
      failingFor(() => true),
      rows,
    )
    await consumeRows(scene.deps, rows)
    expect(scene.tellingsTo(author).at(-1)).toMatchObject({
      type: 'notifications_withdrawn',
      ids: newsTo(author),
      unread: { count: 0 },
    })
  })

  it('while another has the same message has not had it done by the other’s word', async () => {
    const { author, other, tweet } = await likedTweet()
    const rows = await owed()
    // The like is taken back while the first tells of it; the second withdraws it and is killed.
    const first = {
      ...scene.deps,
      timeline: (user: UserId) => ({
        ...scene.deps.timeline(user),
        apply: async (ops: TimelineOp[]) => {
          await scene.unlike(other, tweet)
          await consumeRows(
            failingFor(() => true),
            rows,
          )
          return scene.deps.timeline(user).apply(ops)
        },
      }),
    }
    await consumeRows(first, rows)
    expect(idsOf(await owed())).toEqual(expect.arrayContaining(idsOf(rows)))
    await consumeRows(scene.deps, rows)
    expect(scene.tellingsTo(author).at(-1)).toMatchObject({ type: 'notifications_withdrawn' })
    await scene.settle()
  })
})

describe('what is told again', () => {
  it('is not what one no longer wants to know', async () => {
    const { author, other } = await likedTweet()
    const rows = await owed()
    await consumeRows(
      failingFor(() => true),
      rows,
    )
    await scene.people.add('blocks', author, other)
    await consumeRows(scene.deps, rows, true)
    expect(newsTo(author)).toEqual([])
    expect(await owed()).toEqual([])
  })

  it('knows what was read meanwhile', async () => {
    const { author } = await likedTweet()
    const rows = await owed()
    await consumeRows(
      failingFor(() => true),
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
    const { author, other, tweet } = await likedTweet()
    const rows = await owed()
    await consumeRows(
      failingFor(() => true),
      rows,
    )
    await scene.unlike(other, tweet)
    await scene.like(other, tweet)
    await scene.settle()
    expect(new Set(newsTo(author)).size).toBe(1)
    expect(scene.tellingsTo(author).at(-1)).toMatchObject({ type: 'notification', unread: { count: 1 } })
  })
})

describe('a recipient whose timeline fails', () => {
  it('keeps back nobody else of an audience, nor their pushes, and is told when it answers again', async () => {
    const { author, fans } = await subscribed(5)
    const [failing, pushed, ...others] = fans as [UserId, UserId, ...UserId[]]
    await scene.subscribe(failing, pushed)
    await scene.publish(author, 'news')
    const rows = await owed()
    const broken = failingFor((user) => user === failing)
    expect(await consumeRows(broken, rows)).toEqual({ acked: idsOf(rows), retried: [] })
    for (const fan of [pushed, ...others]) expect(newsTo(fan)).toHaveLength(1)
    const left = await owed()
    expect(pushesIn(left).map(([user]) => user)).toEqual([pushed])
    expect(left.map(({ message }) => Object(message).from_user ?? null).filter((id) => id !== null)).toEqual([
      failing,
    ])

    const own = left.filter(({ message }) => Object(message).type === 'audience')
    expect(await consumeRows(broken, own)).toEqual({ acked: [], retried: idsOf(own) })
    expect(await consumeRows(scene.deps, own, true)).toEqual({ acked: idsOf(own), retried: [] })
    expect(newsTo(failing)).toHaveLength(1)
    for (const fan of [pushed, ...others]) expect(newsTo(fan)).toHaveLength(1)
    expect(pushesIn(await owed()).map(([user]) => user)).toEqual([failing, pushed])
  })

  it('has its message come again, and the others of the batch be done', async () => {
    const { author } = await likedTweet()
    const { author: another } = await likedTweet()
    const [first, second] = await owed()
    expect(
      await consumeRows(
        failingFor((user) => user === author),
        await owed(),
      ),
    ).toEqual({
      acked: [second?.id],
      retried: [first?.id],
    })
    expect(newsTo(another)).toHaveLength(1)
    await scene.settle()
  })
})

describe('a push', () => {
  it('is owed to those who subscribed and have no socket open, warm or cold, once', async () => {
    const { author, fans } = await subscribed(4)
    const [online, offline, cold, without] = fans as [UserId, UserId, UserId, UserId]
    await scene.subscribe(online, offline, cold)
    await scene.database.pool.query('delete from timelines where user_id = $1', [cold])
    await scene.publish(author, 'news')
    const rows = await owed()
    const deps = listening(
      new Map([
        [online, 2],
        [without, 1],
      ]),
    )
    await consumeRows(deps, rows)
    const pushes = await owed()
    expect(pushesIn(pushes).map(([user]) => user)).toEqual([offline, cold])
    expect(pushes).toHaveLength(2)
    await consumeRows(deps, rows, true)
    expect(await owed()).toEqual(pushes)
  })

  it('is not owed again for what is taken back and done again', async () => {
    const { author, other, tweet } = await likedTweet()
    await scene.subscribe(author)
    await scene.settle()
    await scene.unlike(other, tweet)
    await consumeRows(scene.deps, await owed())
    await scene.like(other, tweet)
    await consumeRows(scene.deps, await owed())
    expect(await scene.inboxOf(author)).toHaveLength(1)
    expect(await owed()).toEqual([])
  })
})

/** Each message is killed before it writes, then fails to be told, then is killed before it is settled, then done. */
async function consumeCutting(): Promise<void> {
  for (;;) {
    const [row] = await owed()
    if (row === undefined) return
    const cut = (step: 'write' | 'settle') =>
      consumeRows({ ...scene.deps, db: dyingBefore(step, scene.db) }, [row]).catch(() => {})
    await cut('write')
    await consumeRows(
      failingFor((user) => user % 50 === 0),
      [row],
      true,
    )
    await cut('settle')
    const [left] = await owed()
    if (left?.id === row.id) await consumeRows(scene.deps, [row], true)
  }
}

describe('what is done in steps', () => {
  it('goes on however often it is cut: an audience that is split, and its withdrawal', async () => {
    const { author, fans } = await subscribed(350)
    const tweet = await scene.publish(author, 'news')
    await consumeCutting()
    for (const fan of fans) {
      expect(new Set(newsTo(fan)).size).toBe(1)
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
    const { author, other, tweet } = await likedTweet()
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
    const { author, fans } = await subscribed(250)
    const tweet = await scene.publish(author, 'news')
    await scene.settle()
    await scene.remove(author, tweet)
    scene.told.timelines.clear()
    await consumeRows(scene.deps, await owed())
    expect(fans.filter((fan) => scene.tellingsTo(fan).length > 0)).toHaveLength(100)
    await scene.settle()
    expect(await countOf('tweet_id = $1 and withdrawn_at is null', [tweet])).toBe(0)
  })

  it('is split once by two who try at once, though its parts cannot be sent', async () => {
    const { author, fans } = await subscribed(201)
    await scene.publish(author, 'news')
    const rows = await owed()
    const sendOutbox = () => Promise.reject(new Error('The queue is full'))
    const deps = { ...scene.deps, queues: { ...scene.deps.queues, sendOutbox } }
    await Promise.all([consumeRows(deps, rows), consumeRows(deps, rows)])
    expect(await owed()).toHaveLength(3)
    await scene.settle()
    for (const fan of fans) expect(newsTo(fan)).toHaveLength(1)
  })
})

/** How many wait for locks. */
async function waiting(): Promise<number> {
  const { rows } = await scene.database.pool.query('select distinct pid from pg_locks where not granted')
  return rows.length
}

/**
 * Consumes what tells somebody of something, held up when it is stored and not yet committed, then does something and
 * consumes what that owes, which has to wait.
 */
async function consumeOnceToldMeanwhile(user: UserId, happens: () => Promise<unknown>): Promise<void> {
  const telling = await owed()
  const lock = { text: 'select from users where id = $1 for update', values: [user] }
  const consumed: Promise<unknown>[] = []
  await inTransaction(scene.database.pool, [lock], async () => {
    consumed.push(consumeRows(scene.deps, telling))
    expect(await until(async () => (await waiting()) === 1, { withinMs: 10_000 })).toBe(true)
    await happens()
    const rows = (await owed()).filter(({ id }) => !idsOf(telling).includes(id))
    consumed.push(consumeRows(scene.deps, rows))
    expect(await until(async () => (await waiting()) === 2, { withinMs: 10_000 })).toBe(true)
  })
  await Promise.all(consumed)
  await scene.settle()
}

describe('while somebody is being told of a tweet', () => {
  it('its deletion waits, and withdraws that, too', async () => {
    const { author, other, tweet } = await likedTweet()
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
    const { author, other, tweet } = await likedTweet()
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
    const rows = await owed()
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
      const haveBegun = async () => (await waiting()) === shuffled.length
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
    const [author, ...fans] = (await scene.people.addUsers(7)) as [UserId, ...UserId[]]
    const tweets = await Promise.all(Array.from({ length: 10 }, () => scene.tweetOf(author)))
    for (const fan of fans) for (const tweet of tweets) await scene.like(fan, tweet)
    const likes = await owed()
    for (const tweet of tweets) await scene.remove(author, tweet)
    const deletions = (await owed()).filter(({ id }) => !idsOf(likes).includes(id))
    const byFan = fans.map((_, n) => likes.slice(n * tweets.length, (n + 1) * tweets.length))
    const consumed: Promise<unknown>[] = []
    const last = {
      text: `select pg_advisory_xact_lock(max(hashtextextended('notified:' || id, 0))) from unnest($1::bigint[]) id`,
      values: [tweets],
    }
    await inTransaction(scene.database.pool, [last], async () => {
      consumed.push(...[deletions, ...byFan].map((batch) => consumeRows(scene.deps, batch)))
      const haveBegun = async () => (await waiting()) === consumed.length
      expect(await until(haveBegun, { withinMs: 10_000 })).toBe(true)
    })
    await Promise.all(consumed)
    await scene.settle()
    expect(await scene.inboxOf(author)).toEqual([])
    expect(await scene.unreadOf(author)).toBe(0)
    expect(await deadlocksIn(scene.database.pool)).toBe(0)
  })
})
