import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { sql } from 'drizzle-orm'
import { describe, expect, it, vi } from 'vitest'
import type { OutboxRow } from '../../src/contracts/queues.ts'
import type { EntryId, TweetId, UserId } from '../../src/domain/ids.ts'
import { newTweetId } from '../../src/domain/ids.ts'
import { consumeEngagement } from '../../src/queues/engagement.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { eraseDeactivated } from '../../src/services/erase-accounts.ts'
import { retweetTweet } from '../../src/services/retweet-tweet.ts'
import { FreshnessCache } from '../../src/views/freshen.ts'
import { act, bodyOf, fanOutBodies, follow, post, runConsumer, runFanOut, spread } from './consumers.ts'
import { holdDatabase, naming } from './database-gate.ts'
import { api, PASSWORD, type Registered, registerUser, rows, testDeps } from './harness.ts'
import { linesOf, readHome } from './homes.ts'
import {
  homeIds,
  insertFollowers,
  insertPeople,
  insertRecentTweets,
  insertRetweets,
  insertTweets,
  timelineOf,
} from './people.ts'

const TTL_MS = 15_000
const HOUR_MS = 3_600_000

const deactivate = ({ accessToken: token }: Registered, password = PASSWORD) =>
  api('DELETE', '/api/users/me', { token, body: { password } })
const login = (username: string) => api('POST', '/api/auth/login', { body: { username, password: PASSWORD } })

/** Straight in the database: a password is not what these tests are about. */
const goAway = ({ id }: Viewer) =>
  rows(
    sql`update users set is_active = false, deactivated_at = now(), revision = revision + 1 where id = ${id}`,
  )
const comeBack = ({ id }: Viewer) =>
  rows(
    sql`update users set is_active = true, deactivated_at = null, revision = revision + 1 where id = ${id}`,
  )

describe('DELETE /api/users/me', () => {
  it('takes the password, and takes the account away from everybody until its owner signs in again', async () => {
    const [ada, bob] = [await registerUser(), await registerUser()]
    const bobs = { token: bob.accessToken }
    const posted = await api('POST', '/api/tweets', { token: ada.accessToken, body: { content: 'here' } })
    const { id: tweet } = Object(posted.body)
    await api('POST', `/api/users/${ada.user.id}/follow`, bobs)
    const made = await api('POST', '/api/lists', { token: ada.accessToken, body: { name: 'Mine' } })
    const { id: list } = Object(made.body)

    expect(await deactivate(ada, 'another')).toMatchObject({
      status: 401,
      body: { code: 'invalid_credentials' },
    })
    expect(await deactivate(ada)).toMatchObject({ status: 204, body: null })
    const paths = [
      `/api/users/${ada.user.id}`,
      `/api/users/@${ada.user.username}`,
      `/api/users/${ada.user.id}/tweets`,
      `/api/timeline/user/${ada.user.id}`,
      `/api/tweets/${tweet}`,
      `/api/tweets/${tweet}/thread`,
      `/api/lists/${list}`,
    ]
    for (const path of paths) expect([path, (await api('GET', path, bobs)).status]).toEqual([path, 404])
    const following = await api('GET', `/api/users/${bob.user.id}/following`, bobs)
    expect(following.body).toMatchObject({ users: [] })
    expect(await deactivate(ada)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    const { refreshToken } = ada
    expect(await api('POST', '/api/auth/refresh-token', { body: { refreshToken } })).toMatchObject({
      status: 401,
      body: { code: 'invalid_refresh_token' },
    })

    expect(await login(ada.user.username)).toMatchObject({ status: 200, body: { user: { id: ada.user.id } } })
    for (const path of paths) expect([path, (await api('GET', path, bobs)).status]).toEqual([path, 200])
    expect((await api('GET', `/api/users/${bob.user.id}/following`, bobs)).body).toMatchObject({
      users: [{ id: ada.user.id }],
    })
  })

  it('is refused to the suspended, who cannot come back by themselves', async () => {
    const ada = await registerUser()
    await rows(sql`update users set suspended_at = now() where id = ${ada.user.id}`)
    expect(await deactivate(ada)).toMatchObject({ status: 403, body: { code: 'suspended' } })
  })
})

/** An isolate with its cache and its clock. */
class Isolate {
  nowMs = Date.now()
  readonly #freshness = new FreshnessCache(TTL_MS)

  async read(reader: Viewer) {
    return linesOf(await readHome(reader, {}, { freshness: this.#freshness, now: () => this.nowMs }))
  }
}

async function fourPeople(): Promise<[Viewer, Viewer, Viewer, Viewer]> {
  const [reader, ann, bob, eve] = await insertPeople(4)
  if (!reader || !ann || !bob || !eve) throw new Error('Nobody was inserted')
  for (const followee of [ann, bob]) await insertFollowers([reader], followee)
  return [reader, ann, bob, eve]
}

const idAt = (n: number, by: Viewer) => newTweetId(Date.now() - HOUR_MS + n * 1000, by.id, Math.random)

describe('on home timelines, who has deactivated their account', () => {
  it('is gone within 15 s, with their retweets, and is there again after coming back', async () => {
    const [reader, ann, bob, eve] = await fourPeople()
    const [byAnn, byBob, byEve] = [idAt(1, ann), idAt(2, bob), idAt(3, eve)]
    await insertTweets([
      { id: byAnn, author: ann },
      { id: byBob, author: bob },
      { id: byEve, author: eve },
    ])
    // Ann has retweeted somebody whom the reader does not follow, and one whom they do.
    await insertRetweets([
      { id: idAt(4, ann) as number as EntryId, by: ann, tweet: byEve },
      { id: idAt(5, ann) as number as EntryId, by: ann, tweet: byBob },
    ])
    const isolate = new Isolate()
    const all = [
      [byBob, ann.id],
      [byEve, ann.id],
      [byAnn, null],
    ]
    expect(await isolate.read(reader)).toEqual(all)
    await goAway(ann)
    isolate.nowMs += TTL_MS
    expect(await isolate.read(reader)).toEqual([[byBob, null]])
    await comeBack(ann)
    isolate.nowMs += TTL_MS
    expect(await isolate.read(reader)).toEqual(all)
  })

  it('is missing nothing after coming back, where a timeline was built meanwhile, or they had just been followed', async () => {
    const [reader, ann, , eve] = await fourPeople()
    const [byAnn] = await insertRecentTweets(ann, 1)
    const [byEve] = await insertRecentTweets(eve, 1)
    await goAway(ann)
    const isolate = new Isolate()
    expect(await isolate.read(reader)).toEqual([])
    const told = await follow(reader, eve, { timeline: () => timelineOf(eve) })
    await goAway(eve)
    await runFanOut(fanOutBodies(told))
    await comeBack(ann)
    await comeBack(eve)
    isolate.nowMs += TTL_MS
    expect(new Set(await isolate.read(reader))).toEqual(
      new Set([
        [byAnn, null],
        [byEve, null],
      ]),
    )
  })

  it('delivers nothing more, neither what they wrote nor what they retweeted', async () => {
    const [reader, ann, bob, eve] = await fourPeople()
    await homeIds(reader)
    const [byEve = 0 as TweetId] = await insertRecentTweets(eve, 1)
    const { outbox } = await post(ann)
    const retweeted = await act(retweetTweet, bob, byEve)
    await goAway(ann)
    await goAway(bob)
    await spread([...outbox, ...retweeted])
    expect(await homeIds(reader)).toEqual([])
  })
})

describe('erasing an account', () => {
  it('erases its timeline, and takes it off the timelines of who followed it', async () => {
    const [reader, ann, bob] = await fourPeople()
    await insertFollowers([ann], bob)
    const [byAnn, byBob] = [await insertRecentTweets(ann, 1), await insertRecentTweets(bob, 1)]
    expect(new Set(await homeIds(reader))).toEqual(new Set([...byAnn, ...byBob]))
    expect(new Set(await homeIds(ann))).toEqual(new Set([...byAnn, ...byBob]))
    await goAway(ann)
    await rows(sql`update users set deactivated_at = now() - interval '31 days' where id = ${ann.id}`)
    const deps = testDeps()
    await eraseDeactivated(deps)
    const begun = ofUser(deps.sent, ann.id)
    expect(begun).toHaveLength(1)
    deps.sent.splice(0)
    const bodies = begun.map(({ id, message }) => ({ outbox_id: id, event: message }))
    const { acked } = await runConsumer(consumeEngagement, 'warbler-engagement', bodies, deps)
    expect(acked).toEqual([0])

    const kept = await runInDurableObject(timelineOf(ann), (_object, { storage }) =>
      storage.sql.exec(`select name from sqlite_master where name = 'entries'`).toArray(),
    )
    expect(kept).toEqual([])
    expect(await runInDurableObject(timelineOf(ann), (_object, { storage }) => storage.getAlarm())).toBeNull()
    expect(await rows(sql`select from timelines where user_id = ${ann.id}`)).toEqual([])
    const page = { limit: 20, before: null, top: null, offset: 0 }
    expect(await timelineOf(ann).page(page)).toEqual({ ok: false, code: 'user_not_found' })
    await evictDurableObject(timelineOf(reader))
    await spread(deps.sent)
    expect(await homeIds(reader)).toEqual(byBob)
    expect(await rows(sql`select from outbox where (message ->> 'user_id')::bigint = ${ann.id}`)).toEqual([])
  })
})

describe('a batch with a step of an erasure in it', () => {
  it('folds counters without waiting for the step', async () => {
    const [gone, liked] = await insertPeople(2)
    if (gone === undefined || liked === undefined) throw new Error('Nobody')
    await goAway(gone)
    await rows(sql`update users set deactivated_at = now() - interval '31 days' where id = ${gone.id}`)
    const deps = testDeps()
    await eraseDeactivated(deps)
    const begun = ofUser(deps.sent, gone.id).map(bodyOf)
    await rows(
      sql`insert into counter_deltas (subject, subject_id, counter, delta) values ('user', ${liked.id}, 'follower_count', 3)`,
    )
    const hint = { type: 'fold', v: 1, subjects: [{ subject: 'user', id: liked.id }] }
    using held = holdDatabase(naming(gone.id), 'before')
    const consumed = runConsumer(consumeEngagement, 'warbler-engagement', [...begun, hint], deps)
    await held.reached
    await vi.waitFor(async () =>
      expect(await rows(sql`select follower_count from users where id = ${liked.id}`)).toEqual([
        { follower_count: 3 },
      ]),
    )
    held.release()
    expect((await consumed).acked).toEqual([0, 1])
  })
})

function ofUser(sent: readonly OutboxRow[], user: UserId): OutboxRow[] {
  return sent.filter(({ message }) => Object(message).user_id === user)
}
