import { sql } from 'drizzle-orm'
import { describe, expect, it, vi } from 'vitest'
import type { Viewer } from '../../src/services/deps.ts'
import { type ApiOptions, api, rows } from './harness.ts'
import { linesOf, readHome } from './homes.ts'
import { insertFollowers, insertPeople, insertRecentTweets, tokenOf } from './people.ts'

const MISSING_ID = Number.MAX_SAFE_INTEGER
const BLOCKED = { message: 'User blocked', is_blocking: true }
const UNBLOCKED = { message: 'User unblocked', is_blocking: false }
const MUTED = { message: 'User muted', is_muting: true }
const UNMUTED = { message: 'User unmuted', is_muting: false }
const HOUR_MS = 3_600_000

async function people<Count extends 2 | 3>(count: Count) {
  const [a, b, c] = await insertPeople(3)
  if (!a || !b || !c) throw new Error('Nobody was inserted')
  return { a, b, c, count }
}

async function ask(method: string, path: string, who: Viewer, options: ApiOptions = {}) {
  return api(method, path, { ...options, token: await tokenOf(who) })
}
const block = (who: Viewer, ref: number | string) => ask('POST', `/api/users/${ref}/block`, who)
const unblock = (who: Viewer, ref: number | string) => ask('DELETE', `/api/users/${ref}/block`, who)
const mute = (who: Viewer, ref: number | string, body?: unknown) =>
  ask('POST', `/api/users/${ref}/mute`, who, { body })
const unmute = (who: Viewer, ref: number | string) => ask('DELETE', `/api/users/${ref}/mute`, who)

const namesOf = ({ body }: { body: unknown }) =>
  Object(body).users.map(({ id }: { id: number }) => id) as number[]
const linesFor = async (reader: Viewer) => linesOf(await readHome(reader))

/** The reader follows both; of each there is a tweet, and the home timeline is warm. */
async function warmScene() {
  const { a: reader, b, c } = await people(3)
  await insertFollowers([reader], b)
  await insertFollowers([reader], c)
  const [ofB = 0] = await insertRecentTweets(b, 1)
  const [ofC = 0] = await insertRecentTweets(c, 1)
  expect((await linesFor(reader)).map(([id]) => id).toSorted()).toEqual([ofB, ofC].toSorted())
  return { reader, b, c, ofB, ofC }
}

describe('blocking', () => {
  it('ends follows and requests in both directions, and again does nothing', async () => {
    const { a, b } = await people(2)
    await insertFollowers([a], b)
    await rows(sql`insert into follow_requests (requester_id, target_id) values (${b.id}, ${a.id})`)
    for (const ref of [b.id, `@${b.username}`]) {
      expect(await block(a, ref)).toMatchObject({ status: 200, body: BLOCKED })
    }
    expect(await rows(sql`select from follows where ${a.id} in (follower_id, following_id)`)).toEqual([])
    expect(await rows(sql`select from follow_requests where target_id = ${a.id}`)).toEqual([])
    const profile = await ask('GET', `/api/users/${b.id}`, a)
    expect(profile.body).toMatchObject({ relationship: { is_blocking: true, is_following: false } })
    expect(await unblock(a, b.id)).toMatchObject({ status: 200, body: UNBLOCKED })
    expect(await unblock(a, b.id)).toMatchObject({ status: 200, body: UNBLOCKED })
  })

  it('holds on the next read of both home timelines, the blocked one’s as soon as it is told', async () => {
    const { reader, b, ofC } = await warmScene()
    await insertFollowers([b], reader)
    const [own = 0] = await insertRecentTweets(reader, 1)
    expect((await linesFor(b)).map(([id]) => id)).toContain(own)
    await block(reader, b.id)
    expect((await linesFor(reader)).map(([id]) => id)).toEqual([ofC])
    await vi.waitFor(async () => expect((await linesFor(b)).map(([id]) => id)).not.toContain(own), 10_000)
    await unblock(reader, b.id)
    expect((await linesFor(reader)).map(([id]) => id)).toEqual([ofC])
  })

  it('is done by each of two for themselves', async () => {
    const { a, b } = await people(2)
    expect((await block(a, b.id)).status).toBe(200)
    expect((await block(b, a.id)).status).toBe(200)
    await unblock(a, b.id)
    expect(await ask('POST', `/api/users/${b.id}/follow`, a)).toMatchObject({
      status: 403,
      body: { code: 'blocked' },
    })
  })

  it.each([
    ['block', 'cannot_block_self'],
    ['mute', 'cannot_mute_self'],
  ])('nobody does it to themselves, to nobody, or suspended: %s', async (what, code) => {
    const { a, b } = await people(2)
    const path = (id: number) => `/api/users/${id}/${what}`
    expect(await ask('POST', path(a.id), a)).toMatchObject({ status: 400, body: { code } })
    for (const method of ['POST', 'DELETE']) {
      expect(await ask(method, path(MISSING_ID), a)).toMatchObject({
        status: 404,
        body: { code: 'user_not_found' },
      })
      expect(await api(method, path(b.id))).toMatchObject({ status: 401 })
    }
    await rows(sql`update users set suspended_at = now() where id = ${a.id}`)
    for (const method of ['POST', 'DELETE']) {
      expect(await ask(method, path(b.id), a)).toMatchObject({ status: 403, body: { code: 'suspended' } })
    }
    expect(await ask('POST', path(a.id), b)).toMatchObject({ status: 404 })
  })
})

describe('muting', () => {
  it('holds on the next read of a warm timeline, and brings back what came meanwhile when it ends', async () => {
    const { reader, b, ofB, ofC } = await warmScene()
    expect(await mute(reader, b.id)).toMatchObject({ status: 200, body: MUTED })
    expect((await linesFor(reader)).map(([id]) => id)).toEqual([ofC])
    const [later = 0] = await insertRecentTweets(b, 1)
    expect((await linesFor(reader)).map(([id]) => id)).toEqual([ofC])
    expect(await unmute(reader, b.id)).toMatchObject({ status: 200, body: UNMUTED })
    expect((await linesFor(reader)).map(([id]) => id).toSorted()).toEqual([later, ofB, ofC].toSorted())
  })

  it('ends when it is to end, and what came meanwhile is there', async () => {
    const { reader, b, ofC } = await warmScene()
    await mute(reader, b.id, { expires_at: new Date(Date.now() + 1_500).toISOString() })
    const [later = 0] = await insertRecentTweets(b, 1)
    expect((await linesFor(reader)).map(([id]) => id)).toEqual([ofC])
    await vi.waitFor(async () => expect((await linesFor(reader)).map(([id]) => id)).toContain(later), {
      timeout: 10_000,
      interval: 200,
    })
  })

  it('shows until when, and another end when it is asked for again', async () => {
    const { a, b } = await people(2)
    const ends = new Date(Date.now() + HOUR_MS).toISOString()
    await mute(a, b.id, { expires_at: ends })
    const listed = () => ask('GET', '/api/mutes', a)
    expect((await listed()).body).toMatchObject({ users: [{ id: b.id, muted_until: ends }] })
    await mute(a, b.id, { expires_at: null })
    expect((await listed()).body).toMatchObject({ users: [{ id: b.id, muted_until: null }] })
  })

  it.each(['2020-01-01T00:00:00Z', 'tomorrow', '', 7, '2030-01-01', '9999-99-99T00:00:00Z'])(
    'does not end at %j',
    async (expires_at) => {
      const { a, b } = await people(2)
      expect(await mute(a, b.id, { expires_at })).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', errors: [{ path: 'json.expires_at' }] },
      })
    },
  )
})

describe('lists of one’s own people', () => {
  it('have the latest first, page by page, and without mutes that have ended', async () => {
    const { a, b, c } = await people(3)
    for (const other of [b, c]) {
      await block(a, other.id)
      await mute(a, other.id)
      await rows(sql`insert into follow_requests (requester_id, target_id) values (${other.id}, ${a.id})`)
    }
    for (const list of ['blocks', 'mutes', 'follow-requests']) {
      const first = await ask('GET', `/api/${list}?limit=1`, a)
      expect(first.body).toMatchObject({ users: [{ id: c.id, relationship: { is_blocking: true } }] })
      const { next_cursor } = Object(first.body).pagination
      const second = await ask('GET', `/api/${list}?limit=1&cursor=${next_cursor}`, a)
      expect([namesOf(second), Object(second.body).pagination.has_more]).toEqual([[b.id], false])
    }
    await rows(sql`update mutes set expires_at = now() where muter_id = ${a.id} and muted_id = ${c.id}`)
    expect(namesOf(await ask('GET', '/api/mutes', a))).toEqual([b.id])
  })
})

describe('whether a followee’s retweets are wanted', () => {
  it('holds on the next read of a warm timeline', async () => {
    const { reader, b, c, ofC } = await warmScene()
    await ask('POST', `/api/tweets/${ofC}/retweet`, b)
    await vi.waitFor(async () => expect(await linesFor(reader)).toContainEqual([ofC, b.id]), 10_000)
    const settle = (show_retweets: boolean) =>
      ask('PUT', `/api/users/${b.id}/follow`, reader, { body: { show_retweets } })
    expect((await settle(false)).body).toEqual({ show_retweets: false, notify: false })
    expect(await linesFor(reader)).toContainEqual([ofC, null])
    await settle(true)
    expect(await linesFor(reader)).toContainEqual([ofC, b.id])
    expect(c.id).not.toBe(b.id)
  })
})

describe('a follow request', () => {
  const answer = (who: Viewer, ref: number | string, how: 'accept' | 'reject') =>
    ask('POST', `/api/follow-requests/${ref}/${how}`, who)

  async function privateScene() {
    const { a, b } = await people(2)
    await rows(sql`update users set is_private = true where id = ${a.id}`)
    const [tweet = 0] = await insertRecentTweets(a, 1)
    expect(await linesFor(b)).toEqual([])
    await ask('POST', `/api/users/${a.id}/follow`, b)
    return { owner: a, requester: b, tweet }
  }

  it('is a follow once it is accepted, and shows the tweets to its requester', async () => {
    const { owner, requester, tweet } = await privateScene()
    expect(namesOf(await ask('GET', '/api/follow-requests', owner))).toEqual([requester.id])
    for (let time = 0; time < 2; time++) {
      const accepted = await answer(owner, `@${requester.username}`, 'accept')
      expect(accepted).toMatchObject({ status: 200, body: { message: 'Request accepted' } })
    }
    await vi.waitFor(async () => expect(await linesFor(requester)).toEqual([[tweet, null]]), 10_000)
  })

  it('is gone once it is rejected, and cannot be accepted then', async () => {
    const { owner, requester } = await privateScene()
    for (let time = 0; time < 2; time++) {
      const rejected = await answer(owner, requester.id, 'reject')
      expect(rejected).toMatchObject({ status: 200, body: { message: 'Request rejected' } })
    }
    expect(await answer(owner, requester.id, 'accept')).toMatchObject({
      status: 404,
      body: { code: 'follow_request_not_found' },
    })
    const profile = await ask('GET', `/api/users/${owner.id}`, requester)
    expect(profile.body).toMatchObject({ relationship: { is_following: false, follow_requested: false } })
  })

  it('is accepted when the account is made public; followers stay when it is private again', async () => {
    const { owner, requester, tweet } = await privateScene()
    await ask('PUT', `/api/users/${owner.id}`, owner, { body: { is_private: false } })
    await vi.waitFor(async () => expect(await linesFor(requester)).toEqual([[tweet, null]]), 10_000)
    expect(namesOf(await ask('GET', '/api/follow-requests', owner))).toEqual([])
    await ask('PUT', `/api/users/${owner.id}`, owner, { body: { is_private: true } })
    expect(namesOf(await ask('GET', `/api/users/${owner.id}/followers`, owner))).toEqual([requester.id])
  })
})
