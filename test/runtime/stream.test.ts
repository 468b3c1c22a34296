import { evictDurableObject } from 'cloudflare:test'
import { sql } from 'drizzle-orm'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { problem } from '../../src/contracts/http/common.ts'
import { tweet as tweetSchema } from '../../src/contracts/http/tweets.ts'
import {
  CLOSE_SIGNED_OUT,
  CLOSE_TOO_MANY_SOCKETS,
  MAX_SOCKETS,
  type TimelineOp,
} from '../../src/contracts/timeline.ts'
import type { EntryId } from '../../src/domain/ids.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { logout } from '../../src/services/logout.ts'
import { bodyOf, postAndDeliver, remove, runFanOut, spread } from './consumers.ts'
import { api, rows, testDeps } from './harness.ts'
import { homeIds, insertFollowers, insertPeople, timelineOf, tokenOf } from './people.ts'
import { numberOf, openStream, type Stream, upgrade, WAITING } from './sockets.ts'

let author: Viewer
let reader: Viewer

beforeAll(async () => {
  const [first, second] = await insertPeople(2)
  if (first === undefined || second === undefined) throw new Error('Two people are needed')
  author = first
  reader = second
  await insertFollowers([reader], author)
})

const untilClosed = (stream: Stream) =>
  vi.waitFor(() => {
    expect(stream.closed).not.toBeNull()
    return stream.closed
  }, WAITING)

describe('the upgrade', () => {
  it('is what a plain request is told to do', async () => {
    const answer = await api('GET', '/api/stream')
    expect(answer.status).toBe(426)
    expect(problem.parse(answer.body).code).toBe('upgrade_required')
  })

  it('needs a good token among the subprotocols', async () => {
    for (const protocols of [
      null,
      'warbler.v1',
      'warbler.v1, bearer.nonsense',
      `bearer.${await tokenOf(reader)}`,
    ]) {
      const response = await upgrade(protocols)
      expect(response.status, `${protocols}`).toBe(401)
      expect(problem.parse(await response.json()).code).toBe('unauthenticated')
    }
  })

  it('answers with the subprotocol it speaks, and never with the token', async () => {
    const response = await upgrade(`warbler.v1, bearer.${await tokenOf(reader)}`)
    expect(response.status).toBe(101)
    expect(response.headers.get('sec-websocket-protocol')).toBe('warbler.v1')
    response.webSocket?.accept()
    response.webSocket?.close()
  })
})

describe('a stream', () => {
  it('shows a new tweet of somebody one follows, whole, and then its deletion', async () => {
    const stream = await openStream(reader)
    expect(stream.frames[0]?.type).toBe('ready')
    const id = await postAndDeliver(author, 'Live from the reeds')
    const shown = await stream.next('tweet')
    expect(tweetSchema.parse(shown.data)).toMatchObject({
      id,
      content: 'Live from the reeds',
      is_liked: false,
    })

    await spread(await remove(author, id))
    const deleted = await stream.next('tweet_deleted')
    expect(deleted.data).toEqual({ id })
    expect(numberOf(deleted)).toBeGreaterThan(numberOf(shown))
    stream.close()
  })

  it('shows a tweet once however often it is delivered', async () => {
    const stream = await openStream(reader)
    const id = await postAndDeliver(author)
    await stream.next('tweet')
    const again = [
      { outbox_id: 1, event: { type: 'tweet_published', v: 1, tweet_id: id, author_id: author.id } },
    ]
    await rows(sql`insert into outbox (id, queue, message, next_attempt_at) overriding system value
                   values (1, 'fan-out', '{}', now()) on conflict do nothing`)
    await runFanOut(again)
    await runFanOut(again)
    const other = await postAndDeliver(author)
    await vi.waitFor(() => expect(stream.frames.some(({ data }) => data.id === other)).toBe(true), WAITING)
    expect(stream.frames.filter(({ type, data }) => type === 'tweet' && data.id === id)).toHaveLength(1)
    stream.close()
  })

  it('answers a ping without the object having a say', async () => {
    const stream = await openStream(reader)
    stream.send('ping')
    await vi.waitFor(() => expect(stream.texts).toContain('pong'), WAITING)
    stream.close()
  })

  it('survives that its object is put to sleep', async () => {
    const stream = await openStream(reader)
    await evictDurableObject(timelineOf(reader))
    const id = await postAndDeliver(author)
    expect((await stream.next('tweet')).data.id).toBe(id)
    stream.close()
  })

  it('is not shown the tweets of somebody who was dropped', async () => {
    const [muter] = await insertPeople(1)
    if (muter === undefined) throw new Error('Somebody is needed')
    await insertFollowers([muter], author)
    await rows(sql`insert into mutes (muter_id, muted_id) values (${muter.id}, ${author.id})`)
    const stream = await openStream(muter)
    const id = await postAndDeliver(author)
    const op: TimelineOp = {
      type: 'deliver',
      entry: { id: id as number as EntryId, tweetId: id, authorId: author.id, retweeterId: null },
      card: {
        tweetId: id,
        authorId: author.id,
        json: '{}',
        counts: { likes: 0, retweets: 0, replies: 0, quotes: 0, bookmarks: 0, votes: [] },
        poll: null,
        revision: '1',
        quote: null,
      },
      retweeter: null,
      acted: null,
    }
    await timelineOf(muter).apply([op])
    expect(await homeIds(muter)).not.toContain(id)
    expect(stream.frames.map(({ type }) => type)).toEqual(['ready'])
    stream.close()
  })
})

describe('a client that comes back', () => {
  it('is shown exactly what it missed, also after its object slept, and then ready', async () => {
    const before = await openStream(reader)
    await postAndDeliver(author)
    const seen = (await before.next('tweet')).seq
    before.close()
    await untilClosed(before)
    const missed = [await postAndDeliver(author), await postAndDeliver(author)]
    await spread(await remove(author, missed[0] ?? missed[1] ?? (0 as never)))
    await evictDurableObject(timelineOf(reader))

    const after = await openStream(reader, seen)
    expect(after.frames.map(({ type, data }) => [type, data.id])).toEqual([
      ['tweet', missed[1]],
      ['tweet_deleted', missed[0]],
      ['ready', undefined],
    ])
    expect(after.frames.map(numberOf)).toEqual(after.frames.map(numberOf).sort((a, b) => a - b))
    after.close()
  })

  it('is shown nothing that it has seen', async () => {
    const before = await openStream(reader)
    await postAndDeliver(author)
    const seen = (await before.next('tweet')).seq
    before.close()
    const after = await openStream(reader, seen)
    expect(after.frames.map(({ type }) => type)).toEqual(['ready'])
    after.close()
  })

  it('starts anew when what it knows is of another build, of the future, or nonsense', async () => {
    const now = await openStream(reader)
    const [epoch, number] = (now.frames[0]?.seq ?? '').split('.')
    now.close()
    for (const since of [`${Number(epoch) - 1}.0`, `${epoch}.${Number(number) + 1}`, 'nonsense', '1.2.3']) {
      const stream = await openStream(reader, since)
      expect(
        stream.frames.map(({ type }) => type),
        since,
      ).toEqual(['reset', 'ready'])
      stream.close()
    }
  })
})

describe('sockets', () => {
  it('are ten for each user: the oldest goes', async () => {
    const [user] = await insertPeople(1)
    if (user === undefined) throw new Error('Somebody is needed')
    const streams: Stream[] = []
    for (let n = 0; n <= MAX_SOCKETS; n++) streams.push(await openStream(user))
    expect((await untilClosed(streams[0] as Stream))?.code).toBe(CLOSE_TOO_MANY_SOCKETS)
    expect(streams.slice(1).every(({ closed }) => closed === null)).toBe(true)
    for (const stream of streams.slice(1)) stream.close()
  })

  it('of a session close when it signs out, and no others', async () => {
    const [user] = await insertPeople(1)
    if (user === undefined) throw new Error('Somebody is needed')
    const elsewhere = { ...user, sessionId: crypto.randomUUID() }
    await rows(sql`
      insert into sessions (id, user_id, token_hash, expires_at)
      values (${user.sessionId}, ${user.id}, 'a', now() + interval '1 day'),
             (${elsewhere.sessionId}, ${user.id}, 'b', now() + interval '1 day')`)
    const [here, there] = [await openStream(user), await openStream(elsewhere)]
    const deps = testDeps()
    await logout(deps, { viewer: user, refreshToken: null, everywhere: false })
    await deps.settled()
    await runFanOut(deps.sent.map(bodyOf))
    expect((await untilClosed(here))?.code).toBe(CLOSE_SIGNED_OUT)
    there.send('ping')
    await vi.waitFor(() => expect(there.texts).toContain('pong'), WAITING)
    expect(there.closed).toBeNull()
    there.close()
  })
})
