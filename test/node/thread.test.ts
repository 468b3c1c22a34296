import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Db } from '../../src/db/client.ts'
import type { ListPage } from '../../src/db/statements/places.ts'
import { NESTED_REPLIES, readThread, THREAD_ANCESTORS_MAX } from '../../src/db/statements/thread.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { readThread as thread } from '../../src/services/read-thread.ts'
import { type Community, communityIn } from './harness/community.ts'
import { depsOn, viewerOf } from './harness/deps.ts'
import { roundTripsOf } from './harness/endpoint.ts'
import { stepsOf } from './harness/plans.ts'
import { startTestDatabase, type TestDatabase } from './harness/postgres.ts'
import { addTweet } from './harness/tweets.ts'

let database: TestDatabase
let people: Community
let db: Db
let author: UserId

beforeAll(async () => {
  database = await startTestDatabase()
  people = communityIn(database.pool)
  db = connect({ url: database.databaseUrl, endpoint: database.endpointUrl })
  author = await people.addUser()
})

afterAll(() => database.stop())

const FIRST: ListPage<number> = { after: null, offset: 0, limit: 20 }

const reply = (to: TweetId, by: UserId = author, columns: Record<string, unknown> = {}) =>
  addTweet(database.pool, by, { reply_to_id: to, ...columns })

async function replies(to: TweetId, count: number): Promise<TweetId[]> {
  const ids: TweetId[] = []
  for (let n = 0; n < count; n++) ids.push(await reply(to))
  return ids
}

/** A line of replies, each to the one before it; the root first. */
async function line(length: number): Promise<TweetId[]> {
  const ids = [await addTweet(database.pool, author)]
  for (let at = ids[0]; ids.length < length && at !== undefined; at = ids.at(-1)) ids.push(await reply(at))
  return ids
}

const read = (tweet: TweetId, viewer: UserId | null = null, page = FIRST) => {
  const { deps } = depsOn(db)
  return thread(deps, viewer === null ? null : viewerOf(viewer), tweet, page)
}
const idsOf = (nodes: { tweet: { id: number } }[]) => nodes.map(({ tweet }) => tweet.id)
const last = (ids: TweetId[]) => ids.at(-1) ?? (0 as TweetId)

describe('the ancestors of a tweet', () => {
  it('come root first', async () => {
    const ids = await line(5)
    const { ancestors, tweet } = await read(last(ids))
    expect(ancestors.map(({ id }) => id)).toEqual(ids.slice(0, -1))
    expect(tweet.id).toBe(last(ids))
    expect((await read(ids[0] ?? last(ids))).ancestors).toEqual([])
  })

  it('are stubs where they may not be seen, and go on above them', async () => {
    const [viewer, blocking] = [await people.addUser(), await people.addUser()]
    const secret = await people.addUser({ is_private: true })
    await people.add('blocks', blocking, viewer)
    const root = await addTweet(database.pool, author)
    const deleted = await reply(root, author, { is_deleted: true })
    const byBlocking = await reply(deleted, blocking)
    const bySecret = await reply(byBlocking, secret)
    const tweet = await reply(bySecret)
    expect((await read(tweet, viewer)).ancestors).toEqual([
      expect.objectContaining({ id: root, content: 'hello' }),
      { id: deleted, unavailable: true },
      { id: byBlocking, unavailable: true },
      { id: bySecret, unavailable: true },
    ])
  })

  it('end with a stub where the tweet that was answered is not there at all', async () => {
    const tweet = await reply(77 as TweetId)
    expect((await read(tweet)).ancestors).toEqual([{ id: 77, unavailable: true }])
  })

  it('of a very long line are the nearest', async () => {
    const ids = await line(THREAD_ANCESTORS_MAX + 5)
    const { ancestors } = await read(last(ids))
    expect(ancestors.map(({ id }) => id)).toEqual(ids.slice(4, -1))
  })
})

describe('the replies to a tweet', () => {
  it('come oldest first, page by page', async () => {
    const root = await addTweet(database.pool, author)
    const ids = await replies(root, 5)
    const first = await read(root, null, { ...FIRST, limit: 2 })
    expect(idsOf(first.replies)).toEqual(ids.slice(0, 2))
    const second = await read(root, null, { ...FIRST, limit: 2, after: first.nextAfter })
    expect(idsOf(second.replies)).toEqual(ids.slice(2, 4))
    const third = await read(root, null, { ...FIRST, limit: 2, after: second.nextAfter })
    expect(idsOf(third.replies)).toEqual(ids.slice(4))
    expect(third.nextAfter).toBeNull()
    expect(idsOf((await read(root, null, { ...FIRST, offset: 4 })).replies)).toEqual(ids.slice(4))
  })

  it('carry the first replies to each, and where those go on', async () => {
    const root = await addTweet(database.pool, author)
    const [many = root, few = root] = await replies(root, 2)
    const below = await replies(many, NESTED_REPLIES + 2)
    await replies(few, NESTED_REPLIES)
    const [manyNode, fewNode] = (await read(root)).replies
    expect(idsOf(manyNode?.replies ?? [])).toEqual(below.slice(0, NESTED_REPLIES))
    expect(fewNode).toMatchObject({ tweet: { id: few }, nextAfter: null })
    const rest = await read(many, null, { ...FIRST, after: manyNode?.nextAfter ?? null })
    expect(idsOf(rest.replies)).toEqual(below.slice(NESTED_REPLIES))
  })

  it('go on from the first below a reply to a reply that was answered', async () => {
    const [root = 0 as TweetId, one, two, three] = await line(4)
    const leaf = (await read(root)).replies[0]?.replies[0]
    expect(leaf).toMatchObject({ tweet: { id: two }, replies: [], nextAfter: expect.any(Number) })
    const deeper = await read(two ?? root, null, { ...FIRST, after: leaf?.nextAfter ?? null })
    expect(idsOf(deeper.replies)).toEqual([three])
    expect(deeper.ancestors.map(({ id }) => id)).toEqual([root, one])
    const end = (await read(one ?? root)).replies[0]?.replies[0]
    expect(end).toMatchObject({ tweet: { id: three }, nextAfter: null })
  })

  it('are without those of people who block the viewer, whom the viewer blocks or mutes, and the private', async () => {
    const [viewer, blocking, blocked, muted] = await people.addUsers(4)
    const secret = await people.addUser({ is_private: true })
    if (!viewer || !blocking || !blocked || !muted) throw new Error('Nobody is there')
    await people.add('blocks', blocking, viewer)
    await people.add('blocks', viewer, blocked)
    await people.add('mutes', viewer, muted)
    const root = await addTweet(database.pool, author)
    const shown = await reply(root)
    for (const other of [blocking, blocked, muted, secret]) {
      await reply(root, other)
      await reply(shown, other)
    }
    await reply(root, author, { is_deleted: true })
    const below = await reply(shown)
    await reply(below, muted)
    const { replies: nodes } = await read(root, viewer)
    expect(idsOf(nodes)).toEqual([shown])
    expect(nodes[0]?.replies).toEqual([
      expect.objectContaining({ tweet: expect.objectContaining({ id: below }), nextAfter: null }),
    ])
    expect(nodes[0]?.nextAfter).toBeNull()
    expect((await read(root)).replies).toHaveLength(4)
  })

  it('carry the viewer’s flags at every depth', async () => {
    const viewer = await people.addUser()
    const ids = await line(4)
    await database.pool.query('insert into likes (user_id, tweet_id) select $1, unnest($2::bigint[])', [
      viewer,
      ids,
    ])
    const { ancestors, tweet, replies: nodes } = await read(ids[1] ?? last(ids), viewer)
    expect([...ancestors, tweet, nodes[0]?.tweet, nodes[0]?.replies[0]?.tweet]).toEqual(
      ids.map((id) => expect.objectContaining({ id, is_liked: true })),
    )
  })
})

describe('a thread', () => {
  it('is one round trip, and not there for who may not see the tweet', async () => {
    const [root = 0 as TweetId] = await line(3)
    expect(await roundTripsOf(database, () => readThread(db, root, null, FIRST))).toBe(1)
    const hidden = await addTweet(database.pool, await people.addUser({ is_private: true }))
    const gone = await addTweet(database.pool, author, { is_deleted: true })
    for (const tweet of [hidden, gone, 1 as TweetId]) {
      await expect(read(tweet)).rejects.toMatchObject({ code: 'tweet_not_found' })
    }
  })

  it('costs what is shown of it, however much there is', async () => {
    const [root = 0 as TweetId, ...above] = await line(20)
    await database.pool.query(
      `insert into tweets (id, user_id, content, entities, conversation_id, nonce, reply_to_id)
       select $1::bigint + n * 4096, $2, 'reply', '{"hashtags": [], "mentions": [], "urls": []}', $1, gen_random_uuid(),
              case when n % 2 = 0 then $1 end
       from generate_series(1000, 11000) n`,
      [root, author],
    )
    await database.pool.query('vacuum analyze tweets')
    const rowsRead = async (tweet: TweetId) => {
      const steps = await stepsOf(database.pool, () => readThread(db, tweet, null, FIRST))
      return steps
        .filter(({ relation }) => relation?.startsWith('tweets'))
        .reduce((sum, { rows }) => sum + rows, 0)
    }
    expect(await rowsRead(root)).toBeLessThan(300)
    expect(await rowsRead(last(above))).toBeLessThan(300)
  })
})
