import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { notificationGroupPage, notificationPage } from '../../src/contracts/http/notifications.ts'
import type { NotificationType } from '../../src/domain/notifications.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { api, rows } from './harness.ts'
import { insertPeople, insertRecentTweets, tokenOf } from './people.ts'

let reader: Viewer
let other: Viewer
let token: string
let tweet: number

beforeEach(async () => {
  const [a, b] = await insertPeople(2)
  if (a === undefined || b === undefined) throw new Error('Nobody is there')
  ;[reader, other] = [a, b]
  token = await tokenOf(reader)
  ;[tweet = 0] = await insertRecentTweets(reader, 1)
})

/** Tells the reader something that is unread, as the consumer stores it; answers its id. */
async function tell(actor: Viewer, type: NotificationType, about: number | null): Promise<number> {
  const [told] = await rows<{ id: number }>(sql`
    with told as (
      insert into notifications (user_id, actor_id, type, tweet_id)
      values (${reader.id}, ${actor.id}, ${type}, ${about})
      returning *
    ), counted as (
      insert into notification_inboxes as i (user_id, unread_count) values (${reader.id}, 1)
      on conflict (user_id) do update set unread_count = i.unread_count + 1
    ), grouped as (
      insert into notification_groups as g (user_id, type, tweet_id, day, latest_id, latest_at, total, actor_ids)
      select user_id, type, tweet_id, case when tweet_id is null then created_at::date end, id, created_at, 1, array[actor_id]
      from told
      on conflict (user_id, type, tweet_id, day) do update
      set latest_id = excluded.latest_id, latest_at = excluded.latest_at, total = g.total + 1,
          actor_ids = excluded.actor_ids || g.actor_ids
    )
    select id::float8 as id from told`)
  if (told === undefined) throw new Error('Nothing was told')
  return told.id
}

async function list(query = '') {
  const { status, body } = await api('GET', `/api/notifications${query}`, { token })
  expect(status).toBe(200)
  return notificationPage.parse(body)
}

async function groups(query = '') {
  const { status, body } = await api('GET', `/api/notifications?grouped=true${query}`, { token })
  expect(status).toBe(200)
  return notificationGroupPage.parse(body)
}

const idsOf = ({ notifications }: { notifications: { id: number }[] }) => notifications.map(({ id }) => id)

describe('the list of notifications', () => {
  it('has the newest first, with the actor, the tweet and how many are unread', async () => {
    const followed = await tell(other, 'follow', null)
    const liked = await tell(other, 'like', tweet)
    const page = await list()
    expect(idsOf(page)).toEqual([liked, followed])
    expect(page.unread_count).toBe(2)
    expect(page.notifications[0]).toMatchObject({
      type: 'like',
      actor: { id: other.id },
      tweet: { id: tweet, user: { id: reader.id } },
      is_read: false,
    })
    expect(page.notifications[1]).not.toHaveProperty('tweet')
  })

  it('is read in pages without gap or repeat, by cursor and by offset, while more come', async () => {
    const people = await insertPeople(7)
    const told: number[] = []
    for (const [index, person] of people.entries()) {
      told.unshift(await tell(person, index % 2 === 0 ? 'like' : 'retweet', tweet))
    }
    const first = await list('?limit=3')
    await tell(other, 'follow', null)
    const second = await list(`?limit=3&cursor=${first.pagination.next_cursor}`)
    const third = await list(`?limit=3&cursor=${second.pagination.next_cursor}`)
    expect([first, second, third].flatMap(idsOf)).toEqual(told)
    expect(third.pagination).toMatchObject({ has_more: false, next_cursor: null })
    expect(idsOf(await list('?limit=2&offset=3'))).toEqual(told.slice(2, 4))
  })

  it('is of some types alone, or of what is unread', async () => {
    const followed = await tell(other, 'follow', null)
    const liked = await tell(other, 'like', tweet)
    const retweeted = await tell(other, 'retweet', tweet)
    expect(idsOf(await list('?types=like,follow'))).toEqual([liked, followed])
    await api('PUT', `/api/notifications/${liked}/read`, { token })
    expect(idsOf(await list('?unread=true'))).toEqual([retweeted, followed])
    expect(idsOf(await list('?unread=true&types=like'))).toEqual([])
  })

  it.each(['types=', 'types=like,', 'types=likes', 'unread=1', 'grouped=yes', 'limit=0', 'cursor=x'])(
    'refuses ?%s',
    async (query) => {
      expect((await api('GET', `/api/notifications?${query}`, { token })).status).toBe(400)
    },
  )

  it.each([
    ['a deleted tweet', () => sql`update tweets set is_deleted = true where id = ${tweet}`],
    ['a suspended actor', () => sql`update users set suspended_at = now() where id = ${other.id}`],
    ['a deactivated actor', () => sql`update users set is_active = false where id = ${other.id}`],
    [
      'one who blocks',
      () => sql`insert into blocks (blocker_id, blocked_id) values (${other.id}, ${reader.id})`,
    ],
    [
      'one who is blocked',
      () => sql`insert into blocks (blocker_id, blocked_id) values (${reader.id}, ${other.id})`,
    ],
  ])('leaves out what is of %s, and so do groups', async (_name, change) => {
    await tell(other, 'like', tweet)
    await rows(change())
    expect(idsOf(await list())).toEqual([])
    expect((await groups()).notifications.flatMap(({ actors }) => actors)).toEqual([])
  })

  it('leaves out the tweet of somebody who is private now', async () => {
    const [theirs = 0] = await insertRecentTweets(other, 1)
    await tell(other, 'mention', theirs)
    await rows(sql`update users set is_private = true where id = ${other.id}`)
    expect(idsOf(await list())).toEqual([])
    expect(idsOf(await groups())).toEqual([])
  })
})

describe('groups', () => {
  it('put those of one type on one tweet together', async () => {
    const people = await insertPeople(4)
    for (const person of people) await tell(person, 'like', tweet)
    const followed = await tell(other, 'follow', null)
    const page = await groups()
    expect(page.unread_count).toBe(5)
    expect(page.notifications).toMatchObject([
      { id: followed, type: 'follow', actor_count: 1 },
      { type: 'like', actor_count: 4, tweet: { id: tweet } },
    ])
    expect(page.notifications[1]?.summary).toMatch(/^.+, .+ and 2 others liked your tweet$/)
    const first = await groups('&limit=1')
    const second = await groups(`&limit=1&cursor=${first.pagination.next_cursor}`)
    expect([first, second].flatMap(idsOf)).toEqual(idsOf(page))
  })
})

describe('marking as read', () => {
  it('one lowers the count once, and is nobody else’s', async () => {
    const id = await tell(other, 'follow', null)
    await tell(other, 'like', tweet)
    const others = await tokenOf(other)
    const theirs = await api('PUT', `/api/notifications/${id}/read`, { token: others })
    expect(theirs).toMatchObject({ status: 404, body: { code: 'notification_not_found' } })
    expect((await list()).unread_count).toBe(2)
    for (let time = 0; time < 2; time++) {
      const marked = await api('PUT', `/api/notifications/${id}/read`, { token })
      expect(marked).toMatchObject({ status: 200, body: { unread_count: 1 } })
    }
    const page = await list()
    expect(page.unread_count).toBe(1)
    expect(page.notifications.map(({ is_read }) => is_read)).toEqual([false, true])
  })

  it('all leaves what has come since the newest that was seen', async () => {
    const seen = await tell(other, 'follow', null)
    const since = await tell(other, 'like', tweet)
    const marked = await api('PUT', '/api/notifications/read-all', { token, body: { up_to_id: seen } })
    expect(marked).toMatchObject({ status: 200, body: { unread_count: 1 } })
    expect(idsOf(await list('?unread=true'))).toEqual([since])
    const all = await api('PUT', '/api/notifications/read-all', { token })
    expect(all).toMatchObject({ status: 200, body: { unread_count: 0 } })
    const later = await tell(other, 'retweet', tweet)
    const far = await api('PUT', '/api/notifications/read-all', {
      token,
      body: { up_to_id: Number.MAX_SAFE_INTEGER },
    })
    expect(far).toMatchObject({ status: 200, body: { unread_count: 0 } })
    const next = await tell(other, 'mention', tweet)
    expect(idsOf(await list('?unread=true'))).toEqual([next])
    expect(next).toBeGreaterThan(later)
  })
})

describe('preferences', () => {
  it('are everyone’s until they are changed, one by one', async () => {
    const before = await api('GET', '/api/notifications/preferences', { token })
    expect(new Set(Object.values(Object(before.body)))).toEqual(new Set(['everyone']))
    await api('PUT', '/api/notifications/preferences', { token, body: { like: 'nobody', reply: null } })
    const after = await api('PUT', '/api/notifications/preferences', { token, body: { reply: 'following' } })
    expect(after).toMatchObject({
      status: 200,
      body: { like: 'nobody', reply: 'following', mention: 'everyone' },
    })
    expect((await api('GET', '/api/notifications/preferences', { token })).body).toEqual(after.body)
    const bad = await api('PUT', '/api/notifications/preferences', { token, body: { like: 'friends' } })
    expect(bad.status).toBe(400)
  })
})

describe('what one wants of somebody one follows', () => {
  it('is changed field by field, and only of those', async () => {
    const path = `/api/users/${other.id}/follow`
    const refused = await api('PUT', path, { token, body: { notify: true } })
    expect(refused).toMatchObject({ status: 409, body: { code: 'not_following' } })
    await api('POST', path, { token })
    const asked = await api('PUT', path, { token, body: { notify: true } })
    expect(asked).toMatchObject({ status: 200, body: { notify: true, show_retweets: true } })
    const hidden = await api('PUT', path, { token, body: { show_retweets: false } })
    expect(hidden).toMatchObject({ status: 200, body: { notify: true, show_retweets: false } })
  })
})
