import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { conversationPage, message, messagePage } from '../../src/contracts/http/messages.ts'
import type { MessageId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { markMessagesRead } from '../../src/services/mark-messages-read.ts'
import { sendMessage } from '../../src/services/send-message.ts'
import { type Correspondents, newCorrespondents } from './correspondents.ts'
import { api, rows, testDeps } from './harness.ts'
import { tokenOf } from './people.ts'

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

describe('sending a message', () => {
  it('answers it, and both find it, by id and by name', async () => {
    const first = await send(a, b, 'Dear\r\nfriend ')
    expect(first).toMatchObject({ status: 201 })
    expect(message.strict().parse(first.body)).toEqual({
      id: expect.any(Number),
      sender_id: a.id,
      receiver_id: b.id,
      content: 'Dear\nfriend',
      media_url: null,
      is_read: false,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    const second = await send(b, `@${a.username.toUpperCase()}`, 'e\u0301')
    expect(second).toMatchObject({ status: 201, body: { content: 'é', receiver_id: a.id } })
    for (const [who, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const { body } = await ask('GET', who, `/@${other.username}`)
      expect(messagePage.parse(body).messages).toEqual([second.body, first.body])
    }
  })

  it('takes 10,000 characters and not one more, and nothing that says nothing', async () => {
    expect(await send(a, b, '🐦'.repeat(10_000))).toMatchObject({ status: 201 })
    for (const content of ['x'.repeat(10_001), 'x'.repeat(100_001), '', ' \n', '\u200b', 7, null, ['x']]) {
      expect(await send(a, b, content)).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', errors: [{ path: 'json.content' }] },
      })
    }
  })

  it('stores no NUL and no half of an emoji', async () => {
    expect(await send(a, b, 'a\u0000b \ud83d')).toMatchObject({ status: 201, body: { content: 'ab \ufffd' } })
  })

  it('takes no media yet, and says so', async () => {
    const options = { body: { content: 'look', media_url: null } }
    expect(await ask('POST', a, `/${b.id}`, options)).toMatchObject({
      status: 201,
      body: { media_url: null },
    })
    for (const media_url of ['https://example.com/x.png', '']) {
      const body = { content: 'look', media_url }
      const path = 'json.media_url'
      expect(await ask('POST', a, `/${b.id}`, { body })).toMatchObject({
        status: 400,
        body: {
          code: 'validation_failed',
          errors: [{ path, message: 'must be null: media of this deployment cannot be uploaded yet' }],
        },
      })
    }
  })

  it('refuses oneself, nobody, and who is signed out', async () => {
    expect(await send(a, a, 'hello')).toMatchObject({ status: 400, body: { code: 'cannot_message_self' } })
    expect(await send(a, MISSING_ID, 'hello')).toMatchObject({
      status: 404,
      body: { code: 'user_not_found' },
    })
    for (const name of ['nobody', 'settings', 'requests']) {
      expect(await send(a, name, 'hello')).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    }
    const signedOut = await api('POST', `/api/messages/${b.id}`, { body: { content: 'x' } })
    expect(signedOut).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
  })

  it('is refused across a block, by the suspended, and to the suspended', async () => {
    await rows(sql`insert into blocks (blocker_id, blocked_id) values (${a.id}, ${b.id})`)
    expect(await send(b, a, 'hello')).toMatchObject({ status: 403, body: { code: 'blocked' } })
    expect(await send(a, b, 'hello')).toMatchObject({
      status: 403,
      body: { code: 'forbidden', detail: expect.stringContaining('unblock') },
    })
    await rows(sql`update users set suspended_at = now() where id = ${stranger.id}`)
    expect(await send(stranger, b, 'hello')).toMatchObject({ status: 403, body: { code: 'suspended' } })
    expect(await send(b, stranger, 'hello')).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
  })

  it('is refused when a day’s messages are used up, with the time to come back', async () => {
    await rows(
      sql`insert into quota_windows (user_id, quota, uses)
          select ${a.id}, 'messages', array_agg(now() - interval '23 hours') from generate_series(1, 500)`,
    )
    const answer = await send(a, b, 'hello')
    expect(answer).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    const seconds = Number(answer.headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(3_500)
    expect(seconds).toBeLessThanOrEqual(3_600)
  })

  it('owes a message to the notifications queue, which gets it after the commit', async () => {
    const deps = testDeps()
    const draft = { receiver: { id: b.id }, content: 'hello', idempotencyKey: null }
    const { id } = await sendMessage(deps, a, draft)
    await deps.settled()
    expect(deps.sent).toMatchObject([
      {
        queue: 'notifications',
        message: { type: 'message_sent', message_id: id, sender_id: a.id, receiver_id: b.id },
      },
    ])
  })
})

describe('an Idempotency-Key', () => {
  it('answers the first result, and a conflict to another body or receiver', async () => {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const first = await send(a, b, 'once', { headers, body: { content: 'once' } })
    const again = await send(a, `@${b.username}`, 'once', { headers, body: { content: ' once ' } })
    expect(again).toMatchObject({ status: 201, body: first.body })
    for (const [to, content] of [
      [b, 'twice'],
      [stranger, 'once'],
    ] as const) {
      expect(await send(a, to, content, { headers, body: { content } })).toMatchObject({
        status: 409,
        body: { code: 'idempotency_conflict' },
      })
    }
    expect(await seen(a, b)).toHaveLength(1)
    await ask('DELETE', a, `/${b.id}/${message.parse(first.body).id}`)
    expect(await send(a, b, 'once', { headers, body: { content: 'once' } })).toMatchObject({
      status: 404,
      body: { code: 'message_not_found' },
    })
  })

  it('of a tweet is not one of a message', async () => {
    const options = { headers: { 'idempotency-key': crypto.randomUUID() }, body: { content: 'once' } }
    const tweet = await api('POST', '/api/tweets', { token: await tokenOf(a), ...options })
    expect(tweet.status).toBe(201)
    expect(await send(a, b, 'once', options)).toMatchObject({ status: 409 })
  })
})

describe('conversations', () => {
  it('are listed with the other one, the last message and what is unread', async () => {
    const fromStranger = await sent(a, stranger)
    await sent(b, a)
    const last = await sent(b, a, 'and again')
    const { status, body } = await ask('GET', a, '')
    expect(status).toBe(200)
    const { conversations, pagination } = conversationPage.strict().parse(body)
    expect(conversations).toMatchObject([
      {
        user: { id: b.id, username: b.username },
        last_message: { id: last, content: 'and again', sender_id: b.id, is_read: false },
        unread_count: 2,
      },
      { user: { id: stranger.id }, last_message: { id: fromStranger }, unread_count: 0 },
    ])
    expect(pagination).toEqual({ limit: 20, offset: 0, has_more: false, next_cursor: null })
  })

  it('and their messages come page by page, and a message that arrives meanwhile disturbs none', async () => {
    const ids = [await sent(a, b), await sent(b, a), await sent(a, b)]
    const pageOf = async (query: string) => messagePage.parse((await ask('GET', a, `/${b.id}?${query}`)).body)
    const first = await pageOf('limit=2')
    expect(first.messages.map(({ id }) => id)).toEqual([ids[2], ids[1]])
    await sent(b, a)
    const second = await pageOf(`limit=2&cursor=${first.pagination.next_cursor}`)
    expect(second.messages.map(({ id }) => id)).toEqual([ids[0]])
    expect(second.pagination).toMatchObject({ has_more: false, next_cursor: null })
    expect((await pageOf('limit=2&offset=3')).messages.map(({ id }) => id)).toEqual([ids[0]])
  })

  it('with nobody are empty, and with who is not there not found', async () => {
    for (const other of [stranger.id, a.id]) {
      expect(await ask('GET', a, `/${other}`)).toMatchObject({ status: 200, body: { messages: [] } })
    }
    expect(await ask('GET', a, `/${MISSING_ID}`)).toMatchObject({
      status: 404,
      body: { code: 'user_not_found' },
    })
    expect(await ask('GET', a, '/nobody')).toMatchObject({ status: 400 })
  })

  it('are not there across a block, and come back', async () => {
    const id = await sent(a, b)
    await rows(sql`insert into blocks (blocker_id, blocked_id) values (${a.id}, ${b.id})`)
    for (const [who, other] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(await listed(who)).toEqual([])
      const { status, body } = await ask('GET', who, `/${other.id}`)
      const never = await ask('GET', who, `/${stranger.id}`)
      expect({ status, body }).toEqual({ status: never.status, body: never.body })
      expect(await read(who, other, id)).toMatchObject({ status: 200, body: { unread_count: 0 } })
      expect(await ask('DELETE', who, `/${other.id}/${id}`)).toMatchObject({ status: 404 })
    }
    await rows(sql`delete from blocks where blocker_id = ${a.id}`)
    expect(await listed(b)).toEqual([[a.id, id, 1]])
  })
})

describe('reading', () => {
  it('is said by the reader, answers what is left, and shows to the sender', async () => {
    const ids = [await sent(a, b), await sent(a, b), await sent(a, b)]
    expect(await seen(b, a)).toHaveLength(3)
    expect(await listed(b)).toEqual([[a.id, ids[2], 3]])
    expect(await read(b, a, ids[1] ?? 0)).toMatchObject({ status: 200, body: { unread_count: 1 } })
    const { messages } = messagePage.parse((await ask('GET', a, `/${b.id}`)).body)
    expect(messages.map(({ is_read }) => is_read)).toEqual([false, true, true])
    expect(await read(b, a, MISSING_ID)).toMatchObject({ body: { unread_count: 0 } })
  })

  it('owes the news to the notifications queue, once, as far as it was read', async () => {
    const [first, last] = [await sent(a, b), await sent(a, b)]
    const deps = testDeps()
    for (const upTo of [first, MISSING_ID, MISSING_ID]) {
      await markMessagesRead(deps, b, { id: a.id }, upTo as MessageId)
    }
    await deps.settled()
    expect(deps.sent.map(({ message }) => message)).toMatchObject(
      [first, last].map((up_to_id) => ({ type: 'messages_read', reader_id: b.id, other_id: a.id, up_to_id })),
    )
  })

  it('takes an id, of somebody who is there', async () => {
    for (const up_to_id of [0, -1, 1.5, '1', null, 2 ** 60]) {
      expect(await ask('PUT', b, `/${a.id}/read`, { body: { up_to_id } })).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', errors: [{ path: 'json.up_to_id' }] },
      })
    }
    const nobody = await ask('PUT', b, `/${MISSING_ID}/read`, { body: { up_to_id: 1 } })
    expect(nobody).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
  })
})
