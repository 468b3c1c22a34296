import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  type NotificationGroupPage,
  type NotificationPage,
  notificationGroupPage,
  notificationPage,
} from '../../src/contracts/http/notifications.ts'
import type { NotificationEvent, OutboxRow } from '../../src/contracts/queues.ts'
import { array } from '../../src/db/client.ts'
import type { TweetId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { bodyOf, runNotifications } from './consumers.ts'
import { api, rows, testDeps } from './harness.ts'
import { insertPeople, insertRecentTweets, tokenOf } from './people.ts'
import { Recorders } from './recorders.ts'

const FANS = 12

let author: Viewer
let fans: Viewer[]
let token: string
let tweets: TweetId[]

beforeEach(async () => {
  const [first, ...others] = await insertPeople(FANS + 1)
  if (first === undefined) throw new Error('Nobody is there')
  ;[author, fans] = [first, others]
  token = await tokenOf(author)
  tweets = await insertRecentTweets(author, 4)
})

const world = () => testDeps({ timeline: new Recorders().port })

/** Has the consumer do what is owed, message by message, so that what is told is in this order. */
async function consume(events: readonly NotificationEvent[]): Promise<void> {
  for (const event of events) {
    const [row] = await rows<OutboxRow>(sql`
      insert into outbox (queue, message, next_attempt_at)
      values ('notifications', ${JSON.stringify(event)}::jsonb, now() + interval '1 hour')
      returning id::float8 as id, queue, message`)
    if (row === undefined) throw new Error('Nothing is owed')
    expect(await runNotifications([bodyOf(row)], world())).toEqual({ acked: [0], retried: [] })
  }
}

const likeOf = (fan: Viewer, tweet: TweetId): NotificationEvent => ({
  type: 'like_changed',
  v: 1,
  actor_id: fan.id,
  tweet_id: tweet,
})

async function like(tweet: TweetId, ...who: Viewer[]): Promise<void> {
  const ids = array(
    who.map(({ id }) => id),
    'bigint',
  )
  await rows(sql`insert into likes (user_id, tweet_id) select unnest(${ids}), ${tweet}`)
  await consume(who.map((fan) => likeOf(fan, tweet)))
}

async function unlike(tweet: TweetId, fan: Viewer): Promise<void> {
  await rows(sql`delete from likes where user_id = ${fan.id} and tweet_id = ${tweet}`)
  await consume([likeOf(fan, tweet)])
}

async function follow(...who: Viewer[]): Promise<void> {
  for (const fan of who) {
    await rows(sql`insert into follows (follower_id, following_id) values (${fan.id}, ${author.id})`)
    await consume([{ type: 'follow_changed', v: 1, follower_id: fan.id, followee_id: author.id }])
  }
}

const fan = (n: number): Viewer => fans[n] as Viewer
const tweet = (n: number): TweetId => tweets[n] as TweetId

async function list(query = '', reader = token): Promise<NotificationPage> {
  const { status, body } = await api('GET', `/api/notifications?${query}`, { token: reader })
  expect(status).toBe(200)
  return notificationPage.parse(body)
}

async function groups(query = '', reader = token): Promise<NotificationGroupPage> {
  const { status, body } = await api('GET', `/api/notifications?grouped=true&${query}`, { token: reader })
  expect(status).toBe(200)
  return notificationGroupPage.parse(body)
}

const idsOf = ({ notifications }: { notifications: { id: number }[] }) => notifications.map(({ id }) => id)
const actorsOf = ({ notifications }: NotificationGroupPage) =>
  notifications.map(({ actors }) => actors.map(({ id }) => id))
const markOne = (id: number, reader = token) => api('PUT', `/api/notifications/${id}/read`, { token: reader })

describe('a group', () => {
  it('names the newest of those who did it, and counts the others', async () => {
    await like(tweet(0), ...fans)
    const page = await groups()
    expect(page.notifications).toHaveLength(1)
    expect(page.notifications[0]).toMatchObject({
      type: 'like',
      actor_count: FANS,
      tweet: { id: tweet(0) },
      summary: `${fan(11).username}, ${fan(10).username} and 10 others liked your tweet`,
      is_read: false,
    })
    expect(actorsOf(page)).toEqual([[11, 10, 9, 8, 7].map((n) => fan(n).id)])
    expect(page.unread_count).toBe(FANS)
  })

  it('is that of who is left when the newest take it back, and can be marked by its id', async () => {
    await like(tweet(0), ...fans)
    await like(tweet(1), fan(0))
    for (const n of [11, 10, 9, 8, 7, 6]) await unlike(tweet(0), fan(n))
    const page = await groups()
    expect(actorsOf(page)).toEqual([[fan(0).id], [5, 4, 3, 2, 1].map((n) => fan(n).id)])
    expect(page.notifications.map(({ actor_count }) => actor_count)).toEqual([1, 6])
    const [, liked = 0] = idsOf(page)
    expect(idsOf(await list())).toContain(liked)
    expect(await markOne(liked)).toMatchObject({ status: 200, body: { unread_count: 6 } })
    expect((await groups()).notifications.map(({ is_read }) => is_read)).toEqual([false, true])
  })

  it('is gone when nobody is left, and there again when one does it once more', async () => {
    await like(tweet(0), fan(0))
    const before = idsOf(await groups())
    await unlike(tweet(0), fan(0))
    expect((await groups()).notifications).toEqual([])
    await like(tweet(0), fan(0))
    expect(idsOf(await groups())).toEqual(before)
  })

  it('of a day is of those who followed on that day', async () => {
    await follow(fan(0), fan(1), fan(2))
    await rows(sql`
      with older as (
        update notifications set created_at = created_at - interval '3 days'
        where user_id = ${author.id} and actor_id = ${fan(0).id} returning id, created_at, user_id
      ), moved as (
        insert into notification_groups (user_id, type, day, latest_id, latest_at, total, actor_ids)
        select user_id, 'follow', created_at::date, id, created_at, 1, array[${fan(0).id}::bigint] from older
      )
      update notification_groups
      set total = 2, actor_ids = array[${fan(2).id}::bigint, ${fan(1).id}] where user_id = ${author.id}`)
    expect(actorsOf(await groups())).toEqual([[fan(2).id, fan(1).id], [fan(0).id]])
    await rows(sql`delete from follows where follower_id = ${fan(2).id}`)
    await consume([{ type: 'follow_changed', v: 1, follower_id: fan(2).id, followee_id: author.id }])
    expect(actorsOf(await groups())).toEqual([[fan(1).id], [fan(0).id]])
    await rows(sql`delete from follows where follower_id = ${fan(0).id}`)
    await consume([{ type: 'follow_changed', v: 1, follower_id: fan(0).id, followee_id: author.id }])
    expect(actorsOf(await groups())).toEqual([[fan(1).id]])
  })

  it('leaves out whom one does not see, and is left out when it has nobody else', async () => {
    await like(tweet(0), fan(0), fan(1), fan(2))
    await like(tweet(1), fan(2))
    await rows(sql`insert into blocks (blocker_id, blocked_id) values (${author.id}, ${fan(2).id})`)
    await rows(sql`update users set suspended_at = now() where id = ${fan(1).id}`)
    const page = await groups()
    expect(page.notifications).toHaveLength(1)
    expect(page.notifications[0]).toMatchObject({
      actor_count: 1,
      summary: `${fan(0).username} liked your tweet`,
    })
    expect(actorsOf(page)).toEqual([[fan(0).id]])
    expect((await list()).notifications.map(({ actor }) => actor.id)).toEqual([fan(0).id])
  })
})

describe('a scroll', () => {
  it.each([
    ['of all', list, ''],
    ['of one type', list, 'types=like&'],
    ['of what is unread', list, 'unread=true&'],
  ])('%s has no gap and no repeat while more come', async (_, read, query) => {
    for (const n of [0, 1, 2]) await like(tweet(n), fan(n), fan(n + 3), fan(n + 6))
    const all = idsOf(await read(query))
    expect(all).toHaveLength(9)
    const seen: number[] = []
    let cursor = ''
    for (let page = 0; ; page++) {
      const { pagination, ...answer } = await read(`${query}limit=2${cursor}`)
      seen.push(...idsOf(answer))
      if (page < 3) await like(tweet(3), fan(page))
      if (pagination.next_cursor === null) break
      cursor = `&cursor=${pagination.next_cursor}`
    }
    expect(seen).toEqual(all)
    expect(idsOf(await read(`${query}limit=4&offset=3`))).toEqual([...idsOf(await read(query))].slice(3, 7))
  })

  it('of groups has none either, while others are told of', async () => {
    for (const n of [0, 1, 2]) await like(tweet(n), fan(0), fan(1))
    await follow(fan(0))
    const all = idsOf(await groups())
    expect(all).toHaveLength(4)
    const first = await groups('limit=2')
    await like(tweet(3), fan(2))
    const second = await groups(`limit=2&cursor=${first.pagination.next_cursor}`)
    expect([first, second].flatMap(idsOf)).toEqual(all)
    expect(second.pagination.has_more).toBe(false)
    expect(idsOf(await groups('limit=2&offset=1'))).toEqual(idsOf(await groups()).slice(1, 3))
    expect(idsOf(await groups('types=follow'))).toEqual(all.slice(0, 1))
  })

  it('of unread groups leaves out those whose newest is read', async () => {
    for (const n of [0, 1]) await like(tweet(n), fan(0))
    const [newer = 0, older = 0] = idsOf(await groups())
    await markOne(newer)
    expect(idsOf(await groups('unread=true'))).toEqual([older])
    await api('PUT', '/api/notifications/read-all', { token, body: { up_to_id: older } })
    expect(idsOf(await groups('unread=true'))).toEqual([])
    await like(tweet(0), fan(1))
    expect((await groups('unread=true')).notifications).toMatchObject([{ actor_count: 2, is_read: false }])
  })

  it('keeps a page thinner rather than have a gap where something may not be seen', async () => {
    await like(tweet(0), fan(0), fan(1), fan(2), fan(3))
    await rows(sql`insert into blocks (blocker_id, blocked_id) values (${fan(2).id}, ${author.id})`)
    const first = await list('limit=2')
    expect(first.notifications.map(({ actor }) => actor.id)).toEqual([fan(3).id])
    const second = await list(`limit=2&cursor=${first.pagination.next_cursor}`)
    expect(second.notifications.map(({ actor }) => actor.id)).toEqual([fan(1).id, fan(0).id])
  })
})

describe('what is told to one', () => {
  it('is nobody else’s to read or to mark', async () => {
    await like(tweet(0), fan(0))
    const stranger = await tokenOf(fan(1))
    const [id = 0] = idsOf(await list())
    expect(await list('', stranger)).toMatchObject({ notifications: [], unread_count: 0 })
    expect(await groups('', stranger)).toMatchObject({ notifications: [], unread_count: 0 })
    expect(await markOne(id, stranger)).toMatchObject({
      status: 404,
      body: { code: 'notification_not_found' },
    })
    const all = await api('PUT', '/api/notifications/read-all', { token: stranger, body: { up_to_id: id } })
    expect(all).toMatchObject({ status: 200, body: { unread_count: 0 } })
    expect((await list()).notifications).toMatchObject([{ id, is_read: false }])
    expect((await list()).unread_count).toBe(1)
  })

  it('can be marked no more when it was withdrawn', async () => {
    await like(tweet(0), fan(0))
    const [id = 0] = idsOf(await list())
    await unlike(tweet(0), fan(0))
    expect((await markOne(id)).status).toBe(404)
    expect((await list()).unread_count).toBe(0)
  })

  it('stays read when it is withdrawn and comes back', async () => {
    await like(tweet(0), fan(0), fan(1))
    const [, id = 0] = idsOf(await list())
    await markOne(id)
    await unlike(tweet(0), fan(0))
    await like(tweet(0), fan(0))
    expect((await list()).notifications.map(({ is_read }) => is_read)).toEqual([false, true])
    expect((await list()).unread_count).toBe(1)
  })
})

describe('what one wants of somebody', () => {
  it('decides whether one hears of their tweets', async () => {
    await follow(fan(0), fan(1))
    const subscriber = await tokenOf(fan(0))
    const path = `/api/users/@${author.username}/follow`
    for (let time = 0; time < 2; time++) {
      const answer = await api('PUT', path, { token: subscriber, body: { notify: true } })
      expect(answer).toMatchObject({ status: 200, body: { notify: true, show_retweets: true } })
    }
    const news = {
      type: 'audience',
      v: 1,
      of: 'subscribers',
      author_id: author.id,
      from_user: 1,
      to_user: Number.MAX_SAFE_INTEGER,
    } as const
    await consume([{ ...news, tweet_id: tweet(0) }])
    expect((await list('', subscriber)).notifications).toMatchObject([
      { type: 'tweet', actor: { id: author.id }, tweet: { id: tweet(0) } },
    ])
    expect((await list('', await tokenOf(fan(1)))).notifications).toEqual([])
    await api('PUT', path, { token: subscriber, body: { notify: false } })
    await consume([{ ...news, tweet_id: tweet(1) }])
    expect((await list('', subscriber)).unread_count).toBe(1)
  })

  it('is refused for oneself, for nobody, and for one who was suspended', async () => {
    const put = (ref: string, who: string) =>
      api('PUT', `/api/users/${ref}/follow`, { token: who, body: { notify: true } })
    expect(await put(`@${author.username}`, token)).toMatchObject({
      status: 409,
      body: { code: 'not_following' },
    })
    expect((await put('@nobody_has_this_name', token)).status).toBe(404)
    await follow(fan(0))
    await rows(sql`update users set suspended_at = now() where id = ${fan(0).id}`)
    expect(await put(`@${author.username}`, await tokenOf(fan(0)))).toMatchObject({
      status: 403,
      body: { code: 'suspended' },
    })
  })
})

describe('what one prefers', () => {
  it('holds for what happens from then on', async () => {
    await like(tweet(0), fan(0))
    await api('PUT', '/api/notifications/preferences', { token, body: { like: 'following' } })
    await like(tweet(1), fan(0))
    await rows(sql`insert into follows (follower_id, following_id) values (${author.id}, ${fan(1).id})`)
    await like(tweet(2), fan(1))
    expect((await list()).notifications.map(({ tweet: about }) => about?.id)).toEqual([tweet(2), tweet(0)])
  })
})

describe('signed out', () => {
  it.each([
    ['GET', '/api/notifications'],
    ['PUT', '/api/notifications/read-all'],
    ['PUT', '/api/notifications/1/read'],
    ['GET', '/api/notifications/preferences'],
    ['PUT', '/api/notifications/preferences'],
    ['PUT', '/api/users/@ada/follow'],
  ])('there is nothing: %s %s', async (method, path) => {
    const body = method === 'PUT' ? {} : undefined
    expect(await api(method, path, { body })).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    })
  })
})
