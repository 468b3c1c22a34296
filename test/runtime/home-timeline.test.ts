import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { array } from '../../src/db/client.ts'
import { ensureTweetPartitionsSql } from '../../src/db/partitions.ts'
import type { TweetId, UserId } from '../../src/domain/ids.ts'
import { timelineStub } from '../../src/durable-objects/stubs.ts'
import type { Viewer } from '../../src/services/deps.ts'
import { post } from './consumers.ts'
import { api, rows, testDeps } from './harness.ts'
import { getHome, readAllPages, readHome } from './homes.ts'
import { homeIds, insertFollowers, insertPeople, insertTweetsAt, timelineOf, tokenOf } from './people.ts'
import { failing, Recorders } from './recorders.ts'
import { deliver, range } from './stores.ts'

const DAY_MS = 86_400_000

interface Scene {
  reader: Viewer
  token: string
  ann: Viewer
  bob: Viewer
}

/** A reader, and Ann whom the reader follows, and Bob whom not. */
async function setScene(): Promise<Scene> {
  const [reader, ann, bob] = await insertPeople(3)
  if (reader === undefined || ann === undefined || bob === undefined) throw new Error('Nobody was inserted')
  await insertFollowers([reader], ann)
  return { reader, ann, bob, token: await tokenOf(reader) }
}

/** Spread evenly over the days before today, the newest first. */
async function insertHistory(author: Viewer, count: number, days: number): Promise<TweetId[]> {
  const nowMs = Date.now()
  const firstMs = nowMs - days * DAY_MS
  await rows(sql.raw(ensureTweetPartitionsSql(firstMs, nowMs)))
  return insertTweetsAt(
    author,
    range(1, count).map((n) => Math.floor(nowMs - (n * days * DAY_MS) / count)),
  )
}

async function markDeleted(ids: readonly number[]): Promise<void> {
  await rows(sql`update tweets set is_deleted = true where id = any(${array(ids, 'bigint')})`)
}

const newestFirst = (ids: readonly number[]) => ids.toSorted((a, b) => b - a)
const without = (ids: readonly number[], gone: readonly number[]) => ids.filter((id) => !gone.includes(id))

describe('one’s own tweet', () => {
  const write = async (token: string, content: string) => {
    const answer = await api('POST', '/api/tweets', { token, body: { content } })
    expect(answer.status).toBe(201)
  }
  const contentsOf = async (token: string) => (await getHome(token)).tweets.map(({ content }) => content)

  it('is on the next read, of a warm timeline and of one that was never read', async () => {
    const { token } = await setScene()
    await write(token, 'one')
    expect(await contentsOf(token)).toEqual(['one'])
    await write(token, 'two')
    expect(await contentsOf(token)).toEqual(['two', 'one'])
  })

  it('is on the next read when the call of one’s object fails once', async () => {
    const { reader } = await setScene()
    await homeIds(reader)
    let calls = 0
    const timeline = (user: UserId) =>
      calls++ === 0 ? new Recorders(failing).port(user) : timelineStub(env, user)
    const { id } = await post(reader, 'three', { timeline })
    expect(await homeIds(reader)).toEqual([id])
  })
})

describe('a page', () => {
  it('comes from an object that fails once', async () => {
    const { reader, ann } = await setScene()
    const ids = await insertHistory(ann, 2, 1)
    let calls = 0
    const timeline = (user: UserId) => {
      const page = async () => failing() as never
      return calls++ === 0 ? { ...new Recorders().port(user), page } : timelineStub(env, user)
    }
    expect((await readHome(testDeps({ timeline }), reader)).ids).toEqual(ids)
  })

  it('of somebody whose account is gone is refused', async () => {
    const { reader, token } = await setScene()
    await rows(sql`delete from users where id = ${reader.id}`)
    expect(await api('GET', '/api/timeline/home', { token })).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    })
  })

  it('shows unfollowed people no more on the next read, kept or older', async () => {
    const { reader, ann, bob, token } = await setScene()
    await insertFollowers([reader], bob)
    await insertHistory(ann, 900, 60)
    const bobs = await insertHistory(bob, 5, 60)
    expect((await getHome(token)).ids).toHaveLength(20)
    expect((await api('DELETE', `/api/users/${ann.id}/follow`, { token })).status).toBe(200)
    expect(await readAllPages(token, 20)).toEqual(bobs)
  })
})

describe('the pages by cursor', () => {
  it('go from the first entry to the end of history, without repeat or gap, while new tweets arrive', async () => {
    const { reader, ann, bob, token } = await setScene()
    await insertFollowers([reader], bob)
    const history = [...(await insertHistory(ann, 1_000, 150)), ...(await insertHistory(bob, 500, 110))]
    // Enough for a trim in the middle: what was kept when a page began is in Postgres alone when the next one does.
    let nextMs = Date.now()
    const arrive = async () => {
      const ids = await insertTweetsAt(
        ann,
        range(1, 6).map(() => nextMs++),
      )
      await timelineOf(reader).apply(ids.map((id) => deliver(id, ann.id)))
    }
    expect(await readAllPages(token, 100, arrive)).toEqual(newestFirst(history))
    const page = await timelineOf(reader).page({ limit: 1, before: null, offset: 0 })
    expect(page.ok && page.page.floor).toBeGreaterThan(newestFirst(history)[799] ?? 0)
  })

  it('are filled up where deletions have thinned them, kept or older', async () => {
    const { ann, token } = await setScene()
    const history = await insertHistory(ann, 1_000, 80)
    const page = await getHome(token, 'limit=50')
    expect(page.ids).toEqual(history.slice(0, 50))
    // Every fifth one, and a long run across the end of what is kept.
    const gone = history.filter((_, index) => index % 5 === 1 || (index > 750 && index < 860))
    await markDeleted(gone)
    const left = without(history, gone)
    let cursor = page.pagination.next_cursor
    const read = without(page.ids, gone)
    while (cursor !== null) {
      const { ids, pagination } = await getHome(token, `limit=50&cursor=${cursor}`)
      // Only the last page may be short.
      if (pagination.has_more) expect(ids).toHaveLength(50)
      read.push(...ids)
      cursor = pagination.next_cursor
    }
    expect(read).toEqual(left)
  })

  it('have no gap where a backfill is longer than what is kept', async () => {
    const { ann, bob, token } = await setScene()
    const anns = await insertHistory(ann, 60, 150)
    await getHome(token)
    const bobs = await insertHistory(bob, 900, 60)
    expect((await api('POST', `/api/users/${bob.id}/follow`, { token })).status).toBe(200)
    expect(await readAllPages(token, 100)).toEqual(newestFirst([...anns, ...bobs]))
  })

  it('end in the first when there is nothing', async () => {
    const { token } = await setScene()
    expect(await getHome(token)).toMatchObject({
      ids: [],
      pagination: { has_more: false, next_cursor: null },
    })
  })
})

describe('the pages by offset', () => {
  it('are the same, from what is kept over its end into Postgres', async () => {
    const { ann, token } = await setScene()
    const history = await insertHistory(ann, 1_000, 100)
    const read: number[] = []
    for (const offset of range(0, 8).map((n) => n * 100)) {
      const { ids } = await getHome(token, `limit=100&offset=${offset}`)
      read.push(...ids)
    }
    expect(read).toEqual(history.slice(0, 900))
    expect((await getHome(token, 'limit=100&offset=750')).ids).toEqual(history.slice(750, 850))
  })

  it('lead on by cursor', async () => {
    const { ann, token } = await setScene()
    const history = await insertHistory(ann, 30, 10)
    const { pagination } = await getHome(token, 'limit=10&offset=5')
    expect((await getHome(token, `limit=10&cursor=${pagination.next_cursor}`)).ids).toEqual(
      history.slice(15, 25),
    )
  })
})
