import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { tweet as tweetSchema } from '../../src/contracts/http/tweets.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { endSession } from '../../src/services/end-session.ts'
import { signAccessToken } from '../../src/services/tokens.ts'
import { bodyOf, post, postAndDeliver, runFanOut } from './consumers.ts'
import { refuseDatabase } from './database-gate.ts'
import { rows, testDeps } from './harness.ts'
import { readHome } from './homes.ts'
import { insertFollowers, insertPeople, tokenOf } from './people.ts'
import { range } from './stores.ts'
import { askForStream, StreamClient } from './stream-client.ts'

interface Scene {
  reader: Viewer
  token: string
  author: Viewer
}

/** A reader and whom the reader follows. */
async function setScene(): Promise<Scene> {
  const [reader, author] = await insertPeople(2)
  if (reader === undefined || author === undefined) throw new Error('Nobody was inserted')
  await insertFollowers([reader], author)
  return { reader, author, token: await tokenOf(reader) }
}

const numberOf = (seq: string) => Number(seq.split('.')[1])

describe('the upgrade', () => {
  it('takes a token as a subprotocol, and no other', async () => {
    const { reader, token } = await setScene()
    const keys = testDeps().settings.accessKeys
    const expired = await signAccessToken(keys, reader, Date.now() - 3_600_000)
    const cases = [
      [await askForStream(null), 'unauthenticated'],
      [await askForStream('nonsense'), 'unauthenticated'],
      [await askForStream(`${token}x`), 'unauthenticated'],
      [await askForStream(null, `?token=${token}`), 'unauthenticated'],
      [await askForStream(expired), 'token_expired'],
    ] as const
    for (const [answer, code] of cases) {
      expect(answer.webSocket).toBeNull()
      expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'application/problem+json'])
      expect(await answer.json()).toMatchObject({ code })
    }
  })

  it('of a cold timeline needs the database', async () => {
    const { token } = await setScene()
    using _gate = refuseDatabase()
    const answer = await askForStream(token)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2'])
    expect(await answer.json()).toMatchObject({ code: 'unavailable' })
  })

  it('of somebody whose account is gone is refused', async () => {
    const { reader, token } = await setScene()
    await rows(sql`delete from users where id = ${reader.id}`)
    expect((await askForStream(token)).status).toBe(401)
  })
})

describe('a socket', () => {
  it('gets ready first, then each tweet in full, in the order of arrival', async () => {
    const { reader, author, token } = await setScene()
    const client = await StreamClient.connect(token)
    const first = await postAndDeliver(author, 'Hello #warblers')
    const second = await postAndDeliver(author)
    const [ready, ...tweets] = await client.framesUpTo(3)
    expect(ready).toMatchObject({ type: 'ready', data: {} })
    expect(tweets.map(({ type }) => type)).toEqual(['tweet', 'tweet'])
    expect(client.frames.map(({ seq }) => numberOf(seq))).toEqual([0, 1, 2])
    expect(new Set(client.frames.map(({ seq }) => seq.split('.')[0])).size).toBe(1)
    const shown = tweets.map(({ data }) => tweetSchema.strict().parse(data))
    expect(shown.map(({ id }) => id)).toEqual([first, second])
    // The very same as on the page.
    expect((await readHome(reader)).tweets).toEqual(shown.toReversed())
  })

  it('gets one’s own tweets, on every device', async () => {
    const { reader, token } = await setScene()
    const devices = [await StreamClient.connect(token), await StreamClient.connect(token)]
    const { id, outbox } = await post(reader)
    await runFanOut(outbox.map(bodyOf))
    for (const device of devices) {
      await device.framesUpTo(2)
      expect(device.typesOf('tweet').map(({ data }) => data)).toMatchObject([{ id }])
    }
  })

  it('that its client closes is closed by the object, too', async () => {
    const { token } = await setScene()
    for (const code of [1000, 1001, 4999]) {
      const client = await StreamClient.connect(token)
      client.close(code, 'bye')
      await client.until(() => client.closed !== null)
      expect(client.closed?.code).toBe(code)
    }
  })
})

describe('sockets', () => {
  it('are ten at most: the oldest goes when one more comes', async () => {
    const { author, token } = await setScene()
    const clients: StreamClient[] = []
    for (const _nth of range(1, 12)) clients.push(await StreamClient.connect(token))
    const [first, second, ...others] = clients
    for (const oldest of [first, second]) {
      await oldest?.until(() => oldest.closed !== null)
      expect(oldest?.closed).toEqual({ code: 4008, reason: 'too many sockets' })
    }
    await postAndDeliver(author)
    for (const client of others) expect(await client.framesUpTo(2)).toHaveLength(2)
    expect(others.map(({ closed }) => closed)).toEqual(others.map(() => null))
  })

  it('of a session that ends are closed, and no others', async () => {
    const { reader, author } = await setScene()
    const other: Viewer = { ...reader, sessionId: crypto.randomUUID() }
    await rows(sql`
      insert into sessions (id, user_id, token_hash, expires_at)
      select id::uuid, ${reader.id}, id, now() + interval '1 day'
      from (values (${reader.sessionId}), (${other.sessionId})) session(id)`)
    const ended = [
      await StreamClient.connect(await tokenOf(reader)),
      await StreamClient.connect(await tokenOf(reader)),
    ]
    const kept = await StreamClient.connect(await tokenOf(other))
    const deps = testDeps()
    await endSession(deps, reader, reader.sessionId)
    expect((await runFanOut(deps.sent.map(bodyOf))).acked).toEqual([0])
    for (const client of ended) {
      await client.until(() => client.closed !== null)
      expect(client.closed).toEqual({ code: 4001, reason: 'signed out' })
    }
    await postAndDeliver(author)
    expect(await kept.framesUpTo(2)).toHaveLength(2)
    expect(kept.closed).toBeNull()
  })

  it('of all sessions but one are closed when only that one is to stay', async () => {
    const { reader } = await setScene()
    const other: Viewer = { ...reader, sessionId: crypto.randomUUID() }
    const stays = await StreamClient.connect(await tokenOf(reader))
    const goes = await StreamClient.connect(await tokenOf(other))
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
    await goes.until(() => goes.closed !== null)
    expect(goes.closed?.code).toBe(4001)
    stays.send('ping')
    await stays.until(() => stays.texts.length > 0)
    expect(stays.closed).toBeNull()
  })
})
