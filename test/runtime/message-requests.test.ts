import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Viewer } from '../../src/services/deps.ts'
import { type Correspondents, newCorrespondents } from './correspondents.ts'
import { api, rows } from './harness.ts'

const MISSING_ID = Number.MAX_SAFE_INTEGER

let a: Viewer
let b: Viewer
let stranger: Viewer
let ask: Correspondents['ask']
let send: Correspondents['send']
let sent: Correspondents['sent']
let read: Correspondents['read']
let seen: Correspondents['seen']
let listed: Correspondents['listed']

beforeEach(async () => {
  ;({ a, b, stranger, ask, send, sent, read, seen, listed } = await newCorrespondents())
})

describe('requests', () => {
  it('wait until they are accepted', async () => {
    const id = await sent(stranger, b, 'Do you know me?')
    expect(await listed(b)).toEqual([])
    expect(await listed(b, '/requests')).toEqual([[stranger.id, id, 1]])
    expect(await read(b, stranger, id)).toMatchObject({ status: 200, body: { unread_count: 1 } })
    for (let time = 0; time < 2; time++) {
      const accepted = await ask('POST', b, `/requests/@${stranger.username}/accept`)
      expect(accepted).toMatchObject({ status: 204, body: null })
    }
    expect(await listed(b, '/requests')).toEqual([])
    expect(await listed(b)).toEqual([[stranger.id, id, 1]])
  })

  it('are accepted by an answer, and vanish when they are declined until the stranger writes again', async () => {
    await sent(stranger, b)
    await sent(b, stranger)
    expect(await listed(b, '/requests')).toEqual([])
    await sent(stranger, a)
    for (let time = 0; time < 2; time++) {
      expect(await ask('DELETE', a, `/requests/${stranger.id}`)).toMatchObject({ status: 204 })
    }
    expect(await listed(a, '/requests')).toEqual([])
    expect(await seen(a, stranger)).toEqual([])
    const id = await sent(stranger, a)
    expect(await listed(a, '/requests')).toEqual([[stranger.id, id, 1]])
  })

  it('that are not there are not found', async () => {
    expect(await ask('POST', a, `/requests/${stranger.id}/accept`)).toMatchObject({
      status: 404,
      body: { code: 'message_request_not_found' },
    })
    for (const [method, path] of [
      ['POST', `/requests/${MISSING_ID}/accept`],
      ['DELETE', `/requests/${MISSING_ID}`],
    ] as const) {
      expect(await ask(method, a, path)).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
    }
  })
})

describe('the settings', () => {
  it('say who may begin a conversation', async () => {
    expect(await ask('GET', b, '/settings')).toMatchObject({ status: 200, body: { allow_from: 'everyone' } })
    for (const allow_from of ['following', 'nobody']) {
      const changed = await ask('PUT', b, '/settings', { body: { allow_from } })
      expect(changed).toMatchObject({ status: 200, body: { allow_from } })
      expect(await ask('GET', b, '/settings')).toMatchObject({ body: { allow_from } })
      expect(await send(stranger, b, 'hello')).toMatchObject({ status: 403, body: { code: 'forbidden' } })
      // Begun while `following` let them, it goes on.
      expect((await send(a, b, 'hello')).status).toBe(201)
    }
  })

  it('are one of three words', async () => {
    for (const allow_from of ['Everyone', '', null, 1, undefined]) {
      expect(await ask('PUT', b, '/settings', { body: { allow_from } })).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', errors: [{ path: 'json.allow_from' }] },
      })
    }
  })
})

describe('somebody else', () => {
  it('neither reads, marks, deletes nor accepts what two wrote to each other', async () => {
    const id = await sent(a, b)
    const request = await sent(stranger, b)
    const outsider = stranger
    for (const other of [a, b]) expect(await seen(outsider, other)).not.toContain(id)
    expect(await listed(outsider)).toEqual([[b.id, request, 0]])
    for (const other of [a, b]) {
      expect(await read(outsider, other, id)).toMatchObject({ body: { unread_count: 0 } })
      expect(await ask('DELETE', outsider, `/${other.id}/${id}`)).toMatchObject({
        status: 404,
        body: { code: 'message_not_found' },
      })
    }
    expect(await ask('POST', a, `/requests/${stranger.id}/accept`)).toMatchObject({ status: 404 })
    await ask('DELETE', a, `/requests/${stranger.id}`)
    expect(await listed(b)).toEqual([[a.id, id, 1]])
    expect(await listed(b, '/requests')).toEqual([[stranger.id, request, 1]])
  })

  it('cannot tell a message of others from one that is not there', async () => {
    const id = await sent(a, b)
    const [others, none] = [
      await ask('DELETE', stranger, `/${a.id}/${id}`),
      await ask('DELETE', stranger, `/${a.id}/${MISSING_ID}`),
    ]
    expect(others.status).toBe(none.status)
    expect({ ...Object(others.body), request_id: '' }).toEqual({ ...Object(none.body), request_id: '' })
  })

  it.each([
    ['GET', ''],
    ['GET', '/requests'],
    ['GET', '/settings'],
    ['GET', '/1'],
    ['DELETE', '/1/1'],
    ['DELETE', '/requests/1'],
    ['POST', '/requests/1/accept'],
  ])('who is signed out is refused: %s %s', async (method, path) => {
    expect(await api(method, `/api/messages${path}`)).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    })
  })

  it('who is suspended changes nothing', async () => {
    const id = await sent(a, b)
    await rows(sql`update users set suspended_at = now() where id = ${b.id}`)
    for (const answer of [
      await read(b, a, id),
      await ask('DELETE', b, `/${a.id}/${id}`),
      await ask('PUT', b, '/settings', { body: { allow_from: 'nobody' } }),
      await ask('POST', b, `/requests/${a.id}/accept`),
      await ask('DELETE', b, `/requests/${a.id}`),
    ]) {
      expect(answer).toMatchObject({ status: 403, body: { code: 'suspended' } })
    }
  })
})
