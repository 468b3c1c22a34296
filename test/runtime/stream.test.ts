import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { problem } from '../../src/contracts/http/common.ts'
import { tweet as tweetSchema } from '../../src/contracts/http/tweets.ts'
import { CLOSE_SIGNED_OUT, CLOSE_TOO_MANY_SOCKETS, MAX_SOCKETS } from '../../src/contracts/timeline.ts'
import type { Deps, Viewer } from '../../src/services/deps.ts'
import { endSession } from '../../src/services/end-session.ts'
import { logout } from '../../src/services/logout.ts'
import { signAccessToken } from '../../src/services/tokens.ts'
import { insertSessionOf } from './browsers.ts'
import { bodyOf, post, postAndDeliver, remove, runFanOut, spread } from './consumers.ts'
import { refuseDatabase } from './database-gate.ts'
import { api, rows, testDeps } from './harness.ts'
import { readHome } from './homes.ts'
import { homeIds, insertFollowers, insertPeople, timelineOf, tokenOf } from './people.ts'
import { deliver, range } from './stores.ts'
import { askForStream, protocolsOf, StreamClient } from './stream-client.ts'

interface Scene {
  reader: Viewer
  author: Viewer
}

/** A reader and whom the reader follows. */
async function setScene(): Promise<Scene> {
  const [reader, author] = await insertPeople(2)
  if (reader === undefined || author === undefined) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  return { reader, author }
}

const numberOf = (seq: string) => Number(seq.split('.')[1])

describe('the upgrade', () => {
  it('is what a plain request is told to do', async () => {
    const answer = await api('GET', '/api/stream')
    expect(answer.status).toBe(426)
    expect(problem.parse(answer.body).code).toBe('upgrade_required')
  })

  it('takes a token as a subprotocol beside its own, and no other', async () => {
    const { reader } = await setScene()
    const token = await tokenOf(reader)
    const keys = testDeps().settings.accessKeys
    const expired = await signAccessToken(keys, reader, Date.now() - 3_600_000)
    const cases = [
      [await askForStream(null), 'unauthenticated'],
      [await askForStream('warbler.v1'), 'unauthenticated'],
      [await askForStream('warbler.v1, bearer.nonsense'), 'unauthenticated'],
      [await askForStream(`warbler.v1, bearer.${token}x`), 'unauthenticated'],
      [await askForStream(`bearer.${token}`), 'unauthenticated'],
      [await askForStream('warbler.v1', `?token=${token}`), 'unauthenticated'],
      [await askForStream(`warbler.v1, bearer.${expired}`), 'token_expired'],
    ] as const
    for (const [answer, code] of cases) {
      expect(answer.webSocket).toBeNull()
      expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'application/problem+json'])
      expect(await answer.json()).toMatchObject({ code })
    }
  })

  it('answers with the subprotocol it speaks, and never with the token', async () => {
    const { reader } = await setScene()
    const response = await askForStream(await protocolsOf(reader))
    expect(response.status).toBe(101)
    expect(response.headers.get('sec-websocket-protocol')).toBe('warbler.v1')
    response.webSocket?.accept()
    response.webSocket?.close()
  })

  it('of a cold timeline needs the database', async () => {
    const { reader } = await setScene()
    const protocols = await protocolsOf(reader)
    using _gate = refuseDatabase()
    const answer = await askForStream(protocols)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2'])
    expect(await answer.json()).toMatchObject({ code: 'unavailable' })
  })

  it('is refused in a session that has ended, however good its token still is', async () => {
    const { reader } = await setScene()
    await insertSessionOf(reader)
    const protocols = await protocolsOf(reader)
    const open = await askForStream(protocols)
    expect(open.status).toBe(101)
    open.webSocket?.accept()
    open.webSocket?.close()
    await rows(sql`update sessions set revoked_at = now() where id = ${reader.sessionId}::uuid`)
    expect((await askForStream(protocols)).status).toBe(401)
  })

  it('of somebody whose account is gone is refused', async () => {
    const { reader } = await setScene()
    await rows(sql`delete from users where id = ${reader.id}`)
    expect((await askForStream(await protocolsOf(reader))).status).toBe(401)
  })
})

describe('a stream', () => {
  it('is ready first, then shows each tweet in full, and its deletion, in the order of arrival', async () => {
    const { reader, author } = await setScene()
    const client = await StreamClient.connect(reader)
    const first = await postAndDeliver(author, 'Hello #warblers')
    const second = await postAndDeliver(author)
    const [ready, ...tweets] = await client.framesUpTo(3)
    expect(ready).toMatchObject({ type: 'ready', data: {} })
    expect(tweets.map(({ type }) => type)).toEqual(['tweet', 'tweet'])
    const shown = tweets.map(({ data }) => tweetSchema.strict().parse(data))
    expect(shown.map(({ id }) => id)).toEqual([first, second])
    // The very same as on the page.
    expect((await readHome(reader)).tweets).toEqual(shown.toReversed())

    await spread(await remove(author, first))
    const frames = await client.framesUpTo(4)
    expect(frames.at(-1)).toMatchObject({ type: 'tweet_deleted', data: { id: first } })
    expect(frames.map(({ seq }) => numberOf(seq))).toEqual([0, 1, 2, 3])
    expect(new Set(frames.map(({ seq }) => seq.split('.')[0])).size).toBe(1)
  })

  it('shows a tweet once however often it is delivered', async () => {
    const { reader, author } = await setScene()
    const client = await StreamClient.connect(reader)
    const { id, outbox } = await post(author)
    for (const { id: row } of outbox.concat(outbox, outbox)) {
      // As if nobody had noted that it is done.
      await rows(sql`insert into outbox (id, queue, message, next_attempt_at) overriding system value
                     values (${row}, 'fan-out', '{}', now() + interval '1 hour') on conflict do nothing`)
      await spread(outbox)
    }
    const other = await postAndDeliver(author)
    const [, ...tweets] = await client.framesUpTo(3)
    expect(tweets).toMatchObject([{ data: { id } }, { data: { id: other } }])
    expect(await client.framesSoFar()).toHaveLength(3)
  })

  it('shows one’s own tweets, on every device', async () => {
    const { reader } = await setScene()
    const devices = [await StreamClient.connect(reader), await StreamClient.connect(reader)]
    const { id, outbox } = await post(reader)
    await runFanOut(outbox.map(bodyOf))
    for (const device of devices) {
      await device.framesUpTo(2)
      expect(device.typesOf('tweet').map(({ data }) => data)).toMatchObject([{ id }])
    }
  })

  it('does not show the tweets of somebody who was dropped', async () => {
    const { reader, author } = await setScene()
    await rows(sql`insert into mutes (muter_id, muted_id) values (${reader.id}, ${author.id})`)
    const client = await StreamClient.connect(reader)
    const id = await postAndDeliver(author)
    await timelineOf(reader).apply([deliver(id, author.id)])
    expect(await homeIds(reader)).not.toContain(id)
    expect((await client.framesSoFar()).map(({ type }) => type)).toEqual(['ready'])
  })
})

describe('a socket', () => {
  it('gets the answer to a ping', async () => {
    const { reader } = await setScene()
    const client = await StreamClient.connect(reader)
    client.send('ping')
    await client.until(() => client.texts.length > 0)
    expect(client.texts).toEqual(['pong'])
  })

  it('that its client closes is closed by the object, too', async () => {
    const { reader } = await setScene()
    for (const code of [1000, 1001, 4999]) {
      const client = await StreamClient.connect(reader)
      client.close(code, 'bye')
      expect((await client.untilClosed())?.code).toBe(code)
    }
  })
})

describe('sockets', () => {
  it('are ten at most: the oldest goes when one more comes', async () => {
    const { reader, author } = await setScene()
    const clients: StreamClient[] = []
    for (const _nth of range(1, MAX_SOCKETS + 2)) clients.push(await StreamClient.connect(reader))
    const closed = { code: CLOSE_TOO_MANY_SOCKETS, reason: 'too many sockets' }
    for (const oldest of clients.slice(0, 2)) expect(await oldest.untilClosed()).toEqual(closed)
    const others = clients.slice(2)
    await postAndDeliver(author)
    for (const client of others) expect(await client.framesUpTo(2)).toHaveLength(2)
    expect(others.map(({ closed }) => closed)).toEqual(others.map(() => null))
  })

  it.each<[string, (deps: Deps, viewer: Viewer) => Promise<unknown>]>([
    ['signs out', (deps, viewer) => logout(deps, { viewer, refreshToken: null, everywhere: false })],
    ['is ended', (deps, viewer) => endSession(deps, viewer, viewer.sessionId)],
  ])('of a session that %s are closed, and no others', async (_how, end) => {
    const { reader, author } = await setScene()
    const other: Viewer = { ...reader, sessionId: crypto.randomUUID() }
    await rows(sql`
      insert into sessions (id, user_id, token_hash, expires_at)
      select id::uuid, ${reader.id}, id, now() + interval '1 day'
      from (values (${reader.sessionId}), (${other.sessionId})) session(id)`)
    const ended = [await StreamClient.connect(reader), await StreamClient.connect(reader)]
    const kept = await StreamClient.connect(other)
    const deps = testDeps()
    await end(deps, reader)
    await deps.settled()
    expect((await runFanOut(deps.sent.map(bodyOf))).acked).toEqual([0])
    const closed = { code: CLOSE_SIGNED_OUT, reason: 'signed out' }
    for (const client of ended) expect(await client.untilClosed()).toEqual(closed)
    await postAndDeliver(author)
    expect(await kept.framesUpTo(2)).toHaveLength(2)
    expect(kept.closed).toBeNull()
  })

  it('of all sessions but one are closed when only that one is to stay', async () => {
    const { reader } = await setScene()
    const stays = await StreamClient.connect(reader)
    const goes = await StreamClient.connect({ ...reader, sessionId: crypto.randomUUID() })
    const [row] = await rows<{ id: number }>(sql`
      insert into outbox (queue, message, next_attempt_at) values ('fan-out', '{}', now() + interval '1 hour')
      returning id::float8 as id`)
    const event = {
      type: 'session_ended',
      v: 1,
      user_id: reader.id,
      session_id: null,
      except_session_id: reader.sessionId,
    }
    await runFanOut([{ outbox_id: row?.id, event }])
    expect((await goes.untilClosed())?.code).toBe(CLOSE_SIGNED_OUT)
    await stays.framesSoFar()
    expect(stays.closed).toBeNull()
  })
})
